import type { BinaryMessage, Position, ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { formatCursor } from "../../cursor.ts";
import { STREAM_EVENT, type StreamInfo } from "../../protocol.ts";
import type { Exchange } from "./exchange.ts";
import { EVERY_ANSWER, HEADER } from "./header.ts";
import { liveCursor } from "./live-cursor.ts";
import { checkOffset, placeOf } from "./place.ts";
import { visitStream } from "./reading.ts";
import { renderPush } from "./rendered-pushes.ts";
import { inSession } from "./request-session.ts";
import { readSlice } from "./slice.ts";
import { controlEvent, dataEvent, HEARTBEAT } from "./sse.ts";

/**
 * Characters of history that are sent in a few large events. What is more is handed over by the engine, event by event, as the
 * connection drains: nothing is sent here that could be too much for an outbox.
 */
const BATCHED_LENGTH_MAX = 64 * 1024;
const BATCH = { entriesMax: 1_000, bytesMax: 32 * 1024 };
/** Silence after which a comment is sent; many proxies cut what is silent for 60 s, some clients after less. */
const HEARTBEAT_MS = 15_000;

/** Answers with a stream of events: what there is, then what comes, until the stream or the connection's time ends [DS19 to DS21]. */
export async function answerSse(exchange: Exchange, offset: string | null): Promise<Response> {
  // A native EventSource comes back with its first URL: the header says where it really stands.
  const last = exchange.request.headers.get("last-event-id");
  const from = last === null || last === "" ? offset : checkOffset(last);
  const { info, since } = await inSession(exchange, async (session) => {
    const info = await visitStream(session, exchange.topic);
    return { info, since: placeOf(from, info) };
  });
  let timer: { cancel(): void } | null = null;
  const { session, response } = await exchange.context.stream(
    {
      headers: {
        ...EVERY_ANSWER,
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
        ...(info.kind === "bytes" ? { [HEADER.sseEncoding]: "base64" } : {}),
      },
    },
    { onClose: () => timer?.cancel() },
  );
  timer = exchange.settings.clock.setTimer(() => session.close(1000, ""), exchange.settings.rotateMs);
  session.keepAlive(HEARTBEAT, HEARTBEAT_MS);
  follow(session, exchange, info, since).catch((error: unknown) => {
    session.log.warn({ action: "http.error", path: exchange.path, error });
    // The client comes back with the offset it has, and is told by a status what is wrong.
    session.close(1000, "");
  });
  return response;
}

/** Sends what there is after a position, then subscribes at where that ended. */
async function follow(
  session: EndpointSession,
  exchange: Exchange,
  info: StreamInfo,
  since: Position,
): Promise<void> {
  const { topic, settings, query } = exchange;
  const seen = query.get("cursor");
  const cursor = () => liveCursor(settings.clock.nowMs(), seen, settings.random.next());
  let at = since;
  for (let length = 0; ; ) {
    const slice = await readSlice(session, topic, { since: at, info, limits: BATCH });
    const nextOffset = formatCursor(slice.next);
    const control = { nextOffset, cursor: cursor(), upToDate: slice.isTail, closed: slice.isEnd };
    const data = slice.chunks.length > 0 ? dataEvent(info.kind, slice.chunks) : "";
    length += data.length;
    if (length > BATCHED_LENGTH_MAX) break;
    session.send(data + controlEvent(control));
    if (slice.isEnd) return session.close(1000, "");
    at = slice.next;
    if (slice.isTail) break;
  }
  await subscribe(session, exchange, { info, at, cursor, hasCursor: seen !== null });
}

interface Following {
  readonly info: StreamInfo;
  /** What has been sent. */
  readonly at: Position;
  readonly cursor: () => string;
  /** The client has a cursor, which what it is told must be beyond. */
  readonly hasCursor: boolean;
}

/** Goes on with what the log has by now, which the engine hands over as the connection drains, and then with what comes. */
async function subscribe(
  session: EndpointSession,
  { topic, settings }: Exchange,
  { info: { kind }, at, cursor, hasCursor }: Following,
): Promise<void> {
  const { epoch } = at;
  /** Offset from which on the reader is up to date. */
  let head = Number.POSITIVE_INFINITY;
  let isBehind = true;
  const close = () => queueMicrotask(() => session.close(1000, ""));
  const hear = (message: ServerMessage | BinaryMessage): string | null => {
    if (!("type" in message)) return null;
    if (message.type === "gap" || message.type === "unsubscribed" || message.type === "error") {
      // Whoever comes back is told by a status what has become of the stream.
      close();
      return null;
    }
    if (message.type !== "push" || message.offset === undefined) return null;
    if (message.event === STREAM_EVENT.close) close();
    if (!isBehind && !hasCursor) return settings.rendered.live(message, { kind, epoch, cursor: cursor() });
    const upToDate = message.offset >= head;
    const text = renderPush(message, { kind, epoch, cursor: cursor(), upToDate });
    const wasBehind = isBehind;
    isBehind &&= !upToDate;
    if (text !== null || !wasBehind || isBehind) return text;
    // The last entry of the log is none for HTTP; that nothing follows is to be told all the same.
    const nextOffset = formatCursor({ epoch, offset: message.offset });
    return controlEvent({ nextOffset, cursor: cursor(), upToDate: true, closed: false });
  };
  const since = at.offset === 0 ? "start" : at;
  const result = await session.subscribe(topic, { since, translate: hear });
  head = result.head;
  if (at.offset >= head) isBehind = false;
}
