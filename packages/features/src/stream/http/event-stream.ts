import { type BinaryMessage, PlexlineError, type Position, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { formatCursor } from "../cursor.ts";
import { STREAM_COMMAND, type StreamFold, type StreamInfo } from "../protocol.ts";
import type { Exchange } from "./endpoint.ts";
import { renderMessage } from "./event-rendering.ts";
import type { Since } from "./events.ts";
import { type GapMessage, HEARTBEAT_MS, type StartMessage } from "./message.ts";

const HEARTBEAT = ": \n\n";

/** Where a reader is put, and what it is told of that. */
interface Place {
  readonly position: Position;
  readonly gap: GapMessage | null;
  readonly start: StartMessage;
}

/** Answers with a stream of events, until the reader leaves or may not read any more [SH9]. */
export async function answerEventStream(
  exchange: Exchange,
  since: Since,
  { fold }: { readonly fold: boolean },
): Promise<Response> {
  let isClosed = false;
  let release = (): void => {};
  const { session, response } = await exchange.context.stream(
    {
      headers: {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
      },
    },
    {
      onClose: () => {
        isClosed = true;
        release();
      },
    },
  );
  session.keepAlive(HEARTBEAT, HEARTBEAT_MS);
  try {
    const place = await findPlace(session, exchange.topic, since, fold);
    const rendering = exchange.settings.renderings.take(exchange.topic, place.position.epoch);
    release = rendering.release;
    if (isClosed) release();
    if (place.gap !== null) session.send(renderMessage(place.gap));
    session.send(renderMessage(place.start));
    const { recovered } = await session.subscribe(exchange.topic, {
      since: place.position,
      translate: rendering.translation,
      own: { translate: (message) => translateOwn(session, message) },
    });
    // It was dropped since it was looked at. Whoever comes back is told so.
    if (!recovered) session.close(1000, "");
    return response;
  } catch (error) {
    // Nobody reads the body of a request that is refused.
    release();
    void response.body?.cancel().catch(() => {});
    session.close(1000, "");
    throw PlexlineError.from(error);
  }
}

/** What this reader alone is told, after which it comes back or does not. */
function translateOwn(session: EndpointSession, message: ServerMessage | BinaryMessage): string | null {
  if (!("type" in message)) return null;
  // An `error` says that the log cannot be read now; the engine goes on trying.
  if (message.type !== "gap" && message.type !== "unsubscribed") return null;
  // Not in the middle of the message that is being sent.
  queueMicrotask(() => session.close(1000, ""));
  if (message.type === "unsubscribed") return renderMessage({ type: "end", error: message.error });
  return renderMessage({ type: "gap", reason: message.reason, cursor: formatCursor(message.position) });
}

/** Finds where the reader begins, and what the stream is there. Rejects with a PlexlineError. */
async function findPlace(
  session: EndpointSession,
  topic: string,
  since: Since,
  withFold: boolean,
): Promise<Place> {
  const fold = withFold ? await ask<StreamFold>(session, topic, STREAM_COMMAND.fold) : null;
  // A newcomer with the fold goes on where that ends [SH10].
  const from = since === "head" && fold !== null ? fold.position : since;
  const { window, gap } = await session.read(topic, { since: from, entriesMax: 1 });
  const { epoch, head, floor } = window;
  const position = gap !== null || from === "head" ? { epoch, offset: head } : from;
  const begin = position === "start" ? { epoch, offset: floor } : position;
  const info = await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  const cursor = formatCursor(begin);
  return {
    position: begin,
    gap: gap === null ? null : { type: "gap", reason: gap, cursor },
    start: {
      ...{ type: "start", cursor, info, complete: from !== "start" || floor === 0 },
      ...(fold === null ? {} : { fold }),
    },
  };
}

/** The output of a command that reads; null if there is no such stream. */
async function ask<Output>(session: EndpointSession, topic: string, command: string): Promise<Output | null> {
  try {
    return (await session.call(topic, command, undefined)).output as Output;
  } catch (error) {
    if (error instanceof PlexlineError && error.code === "STREAM_ABSENT") return null;
    throw error;
  }
}
