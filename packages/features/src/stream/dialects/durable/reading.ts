import type { Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { inSession } from "../../../http/request-session.ts";
import { STREAM_COMMAND, type StreamInfo } from "../../protocol.ts";
import { answer, standing, streamHeaders } from "./answer.ts";
import { bodyOf } from "./content.ts";
import { ask, type Exchange } from "./exchange.ts";
import { refuse } from "./failure.ts";
import { HEADER } from "./header.ts";
import { answerLongPoll } from "./long-poll.ts";
import { isNow, reachPlace, readOffset } from "./place.ts";
import { readSlice, refuseHidden, type Slice } from "./slice.ts";
import { answerSse } from "./sse-reading.ts";

/** Entries of one answer. */
const PAGE_ENTRIES = 1_000;

/** HEAD: what the stream is and where it ends [DS7]. */
export function describeStream(exchange: Exchange): Promise<Response> {
  return inSession(exchange, async (session) => {
    const info = await ask<StreamInfo>(session, exchange.topic, STREAM_COMMAND.info);
    refuseHidden(info);
    return answer(200, streamHeaders(info));
  });
}

/** GET, in whichever mode [DS13 to DS21]. */
export function readStream(exchange: Exchange): Promise<Response> {
  const offset = readOffset(exchange.query);
  const live = exchange.query.get("live");
  if (live === null) return answerCatchUp(exchange, offset);
  if (offset === null && !(live === "sse" && exchange.request.headers.has("last-event-id")))
    throw refuse(400, "A live read needs an offset.", "Give offset=-1 for everything, now for what comes.");
  if (live === "long-poll") return answerLongPoll(exchange, offset);
  if (live === "sse") return answerSse(exchange, offset);
  throw refuse(400, "There is no such live mode.", "Use live=long-poll or live=sse.");
}

/** The stream that a reader asks for, whose life the reading renews [DS9]. */
export async function visitStream(session: EndpointSession, topic: string): Promise<StreamInfo> {
  const info = await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  refuseHidden(info);
  if (info.ttlMs !== undefined) await ask(session, topic, STREAM_COMMAND.touch);
  return info;
}

/** The chunks after a position, as many as one answer has. */
export function readPage(
  session: EndpointSession,
  { topic, settings }: Exchange,
  info: StreamInfo,
  since: Position,
): Promise<Slice> {
  const limits = { entriesMax: PAGE_ENTRIES, bytesMax: settings.pageBytesMax };
  return readSlice(session, topic, { since, info, limits });
}

/** The answer that carries chunks; `more` are headers of the mode. */
export function answerSlice(
  info: StreamInfo,
  { chunks, next, isTail, isEnd }: Slice,
  more: Readonly<Record<string, string>>,
): Response {
  return answer(
    200,
    {
      "Content-Type": info.contentType,
      ...standing(next, isEnd),
      ...(isTail ? { [HEADER.upToDate]: "true" } : {}),
      ...more,
    },
    bodyOf(info.kind, chunks),
  );
}

function answerCatchUp(exchange: Exchange, offset: string | null): Promise<Response> {
  return inSession(exchange, async (session) => {
    const info = await visitStream(session, exchange.topic);
    const since = await reachPlace(session, exchange.topic, offset, info);
    if (isNow(offset)) {
      const slice = { chunks: [], next: since, isTail: true, isEnd: info.closed !== null };
      return answerSlice(info, slice, { "Cache-Control": "no-store" });
    }
    const slice = await readPage(session, exchange, info, since);
    const etag = etagOf(since, slice);
    const headers = { ETag: etag, "Cache-Control": cacheControl(slice) };
    if (isKnown(exchange.request.headers.get("if-none-match"), etag))
      return answer(304, { ...headers, ...standing(slice.next, slice.isEnd) });
    return answerSlice(info, slice, headers);
  });
}

/**
 * What may be kept of an answer. A page that is full never changes. What ends at the tail will have more: a browser that
 * kept it for a minute would show its reader a stream that stands still [DS16].
 */
function cacheControl({ isTail }: Slice): string {
  return isTail ? "private, no-cache" : "private, max-age=60, stale-while-revalidate=300";
}

function etagOf({ epoch, offset }: Position, { next, isEnd }: Slice): string {
  return `"${epoch}:${offset}:${next.offset}${isEnd ? ":c" : ""}"`;
}

function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").some((one) => {
    const tag = one.trim().replace(/^W\//, "");
    return tag === etag || tag === "*";
  });
}
