import type { Position } from "@plexline/protocol";
import { type BodyLimit, readBody } from "../../../http/body.ts";
import { inSession } from "../../../http/request-session.ts";
import {
  type AppendInput,
  type AppendOutput,
  type CreateOutput,
  STREAM_COMMAND,
  type StreamInfo,
} from "../../protocol.ts";
import { answer, standing, streamHeaders } from "./answer.ts";
import { baseType, chunksOf, kindOf } from "./content.ts";
import { ask, type Exchange, type Settings } from "./exchange.ts";
import { refuse } from "./failure.ts";
import { createFork } from "./fork.ts";
import { readFork } from "./fork-plan.ts";
import {
  HEADER,
  type Lifetime,
  type ProducerHeaders,
  readLifetime,
  readProducer,
  wantsClose,
} from "./header.ts";
import { gone } from "./place.ts";
import { recordOf } from "./record.ts";
import { removeForgotten, removeStream } from "./removal.ts";

/** Media type of streams that are made without one. */
const DEFAULT_TYPE = "application/octet-stream";

/** What a PUT asks for. */
export interface Wanted {
  /** Null: the default, or that of the source. */
  readonly contentType: string | null;
  readonly lifetime: Lifetime;
  readonly isClosed: boolean;
  readonly body: Uint8Array;
}

/** PUT: makes a stream, or finds that it is there as it is wanted [DS8 to DS10]. */
export async function createStream(exchange: Exchange): Promise<Response> {
  const { request, settings, topic } = exchange;
  const { headers } = request;
  const fork = readFork(headers);
  const wanted: Wanted = {
    contentType: headers.get("content-type"),
    lifetime: readLifetime(headers),
    isClosed: wantsClose(headers),
    body: await readBody(request, bodyLimit(settings)),
  };
  const { created, info } = await inSession(exchange, async (session) => {
    if (fork) return createFork(session, exchange, wanted, fork);
    const contentType = wanted.contentType ?? DEFAULT_TYPE;
    const kind = kindOf(contentType);
    const values = chunksOf(kind, wanted.body);
    const input = { kind, contentType, ...wanted.lifetime, values, close: wanted.isClosed };
    const create = () => ask<CreateOutput>(session, topic, STREAM_COMMAND.create, input);
    let output = await create();
    if (!output.created && (await removeForgotten(session, exchange, output.info))) output = await create();
    if (!output.created) refuseOther(output.info, wanted, contentType);
    return output;
  });
  if (created) settings.subscriptions.onAppended(exchange.path, { epoch: info.position.epoch, offset: 0 });
  const answered = streamHeaders(info);
  if (!created) return answer(200, answered);
  const url = new URL(request.url);
  return answer(201, { ...answered, Location: url.origin + url.pathname });
}

/** Refuses to take a stream for the one that is wanted if it is another [DS8]. */
export function refuseOther(info: StreamInfo, { lifetime, isClosed }: Wanted, contentType: string): void {
  const { isGone, fork } = recordOf(info);
  const differs = (what: string) =>
    refuse(
      409,
      `There is a stream of this name already, and its ${what} is another one.`,
      "Choose another name.",
    );
  if (isGone)
    throw refuse(
      409,
      "A stream of this name was deleted, and there are forks of it.",
      "Choose another name.",
    );
  if (fork) throw differs("origin, a fork,");
  if (baseType(info.contentType) !== baseType(contentType)) throw differs("content type");
  if (info.ttlMs !== lifetime.ttlMs || info.expiresAtMs !== lifetime.expiresAtMs) throw differs("lifetime");
  if ((info.closed !== null) !== isClosed) throw differs("end");
}

/** POST: appends, closes, or both [DS11, DS12]. */
export async function appendToStream(exchange: Exchange): Promise<Response> {
  const { request, settings, topic, path } = exchange;
  const { headers } = request;
  const close = wantsClose(headers);
  const producer = readProducer(headers);
  const order = headers.get(HEADER.order);
  const contentType = headers.get("content-type");
  const body = await readBody(request, bodyLimit(settings));
  const hasBody = body.length > 0;
  if (!hasBody && !close)
    throw refuse(
      400,
      "There is nothing to append.",
      `Send a body, or ${HEADER.closed}: true to close the stream.`,
    );
  if (hasBody && !contentType)
    throw refuse(400, "The body says nothing of its type.", "Say in Content-Type what the stream is of.");
  const values = hasBody ? chunksOf(kindOf(contentType as string), body) : [];
  if (hasBody && values.length === 0)
    throw refuse(400, "An empty array appends nothing.", "Send at least one message.");
  const input: AppendInput = {
    values,
    existing: true,
    close,
    ...(producer === null ? {} : { producer }),
    ...(order === null ? {} : { order }),
    ...(hasBody && contentType !== null ? { contentType } : {}),
  };
  return inSession(exchange, async (session) => {
    const output = await ask<AppendOutput>(session, topic, STREAM_COMMAND.append, input);
    if (output.accepted) {
      if (!output.repeated && hasBody)
        settings.subscriptions.onAppended(path, beforeAppend(output, values.length));
      return answerAppend(output, { producer, hasBody });
    }
    if (output.reason === "closed") {
      const info = await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
      if (recordOf(info).isGone) throw gone("The stream was deleted; there are forks of it.");
      // Whoever only wants it closed has what they want.
      if (!hasBody && producer === null) return answer(204, standing(beforeClose(output), true));
    }
    throw appendRefusal(output, producer);
  });
}

/** DELETE [DS22]. */
export function deleteStream(exchange: Exchange): Promise<Response> {
  return inSession(exchange, async (session) => {
    await removeStream(session, exchange);
    return answer(204, { "Cache-Control": "no-store" });
  });
}

type Accepted = Extract<AppendOutput, { accepted: true }>;
type Refused = Extract<AppendOutput, { accepted: false }>;

/** 200 tells a producer that this was new; without a producer there is nothing to tell [DS11]. */
export function answerAppend(
  output: Accepted,
  { producer, hasBody }: { readonly producer: ProducerHeaders | null; readonly hasBody: boolean },
): Response {
  const isNew = producer !== null && hasBody && !output.repeated;
  const isClosed = output.closed === true;
  const next = isClosed ? beforeClose(output) : output.position;
  return answer(isNew ? 200 : 204, {
    ...standing(next, isClosed),
    ...(producer === null
      ? {}
      : {
          [HEADER.producerEpoch]: String(producer.generation),
          [HEADER.producerSequence]: String(output.sequence ?? producer.sequence),
        }),
  });
}

/** What a refused append is told, in the protocol's statuses and headers [DS11]. */
export function appendRefusal(output: Refused, producer: ProducerHeaders | null): Error {
  switch (output.reason) {
    case "fenced":
      return refuse(
        403,
        "Another one writes in the place of this producer.",
        `Raise ${HEADER.producerEpoch} beyond the one told to take its place.`,
        { [HEADER.producerEpoch]: String(output.generation) },
      );
    case "gap":
      if (output.isNewGeneration)
        return refuse(
          400,
          "A new epoch of a producer begins with 0.",
          `Send ${HEADER.producerSequence}: 0 first.`,
        );
      return refuse(
        409,
        "Appends of this producer are missing.",
        "Send those that come before this one first.",
        {
          [HEADER.expectedSequence]: String(output.expected),
          [HEADER.receivedSequence]: String(producer?.sequence ?? 0),
        },
      );
    case "closed":
      return refuse(
        409,
        "The stream is closed.",
        "Write to another stream.",
        standing(beforeClose(output), true),
      );
    case "type":
      return refuse(409, `The stream is of type ${output.contentType}.`, "Say so in Content-Type.");
    case "order":
      return refuse(
        409,
        `${HEADER.order} is not above the last one, ${JSON.stringify(output.last)}.`,
        "Give one that sorts after it.",
      );
  }
}

/** Where the stream ended before these chunks, at the latest. */
function beforeAppend(output: Accepted, count: number): Position {
  const { epoch, offset } = output.closed ? beforeClose(output) : output.position;
  return { epoch, offset: Math.max(0, offset - count) };
}

/** The entry that closes a stream is no data: its end is where the data ends. */
function beforeClose({ position }: { readonly position: Position }): Position {
  return { ...position, offset: Math.max(0, position.offset - 1) };
}

function bodyLimit({ bodyBytesMax }: Settings): BodyLimit {
  return { bytesMax: bodyBytesMax, fix: "Send less at once, or raise bodyBytesMax of the endpoint." };
}
