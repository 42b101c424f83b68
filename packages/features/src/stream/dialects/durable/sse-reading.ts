import type { Position } from "@plexline/protocol";
import type { EndpointSession, OwnNotices } from "@plexline/server";
import { inSession } from "../../../http/request-session.ts";
import { formatCursor } from "../../cursor.ts";
import type { StreamInfo } from "../../protocol.ts";
import type { Exchange } from "./exchange.ts";
import { EVERY_ANSWER, HEADER } from "./header.ts";
import { liveCursor } from "./live-cursor.ts";
import type { LiveEvents } from "./live-events.ts";
import { checkOffset, reachPlace } from "./place.ts";
import { visitStream } from "./reading.ts";
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

/** After these nothing of the stream follows. */
const ENDS: ReadonlySet<string> = new Set(["gap", "unsubscribed", "error"]);

/** Answers with a stream of events: what there is, then what comes, until the stream or the connection's time ends [DS19 to DS21]. */
export async function answerSse(exchange: Exchange, offset: string | null): Promise<Response> {
  // A native EventSource comes back with its first URL: the header says where it really stands.
  const last = exchange.request.headers.get("last-event-id");
  const from = last === null || last === "" ? offset : checkOffset(last);
  const { info, since } = await inSession(exchange, async (session) => {
    const info = await visitStream(session, exchange.topic);
    return { info, since: await reachPlace(session, exchange.topic, from, info) };
  });
  const { live, clock, rotateMs } = exchange.settings;
  const log = { topic: exchange.topic, epoch: since.epoch, kind: info.kind };
  let timer: { cancel(): void } | null = null;
  const leave = () => {
    timer?.cancel();
    live.leave(log);
  };
  const events = live.join(log);
  const opening = exchange.context.stream(
    {
      headers: {
        ...EVERY_ANSWER,
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
        ...(info.kind === "bytes" ? { [HEADER.sseEncoding]: "base64" } : {}),
      },
    },
    { onClose: leave },
  );
  const { session, response } = await opening.catch((error: unknown) => {
    leave();
    throw error;
  });
  timer = clock.setTimer(() => session.close(1000, ""), rotateMs);
  session.keepAlive(HEARTBEAT, HEARTBEAT_MS);
  follow(session, exchange, { info, since, events }).catch((error: unknown) => {
    session.log.warn({ action: "http.error", path: exchange.path, error });
    // The client comes back with the offset it has, and is told by a status what is wrong.
    session.close(1000, "");
  });
  return response;
}

interface Following {
  readonly info: StreamInfo;
  readonly since: Position;
  readonly events: LiveEvents;
}

/** Sends what there is after a position, then subscribes at where that ended. */
async function follow(
  session: EndpointSession,
  exchange: Exchange,
  { info, since, events }: Following,
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
  await subscribe(session, topic, at, events);
}

/** Goes on with what the log has by now, which the engine hands over as the connection drains, and then with what comes. */
async function subscribe(
  session: EndpointSession,
  topic: string,
  at: Position,
  events: LiveEvents,
): Promise<void> {
  const close = () => queueMicrotask(() => session.close(1000, ""));
  const own: OwnNotices = {
    // Whoever comes back is told by a status what has become of the stream.
    translate(message) {
      if ("type" in message && ENDS.has(message.type)) close();
      return null;
    },
    handed(offset) {
      if (events.isEnd(offset)) close();
    },
  };
  const since = at.offset === 0 ? "start" : at;
  const { head } = await session.subscribe(topic, { since, translate: events.translation, own });
  events.reach(head);
}
