import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { inSession } from "../../../http/request-session.ts";
import { formatCursor } from "../../cursor.ts";
import { toRunEvent } from "../../run/run-event.ts";
import { isOver, readStanding } from "../run/standing.ts";
import type { StreamExchange } from "./exchange.ts";
import { encodeEvent, wordsFor } from "./message.ts";

/** Events in one answer, and bytes of the log; one event may be longer. */
const PAGE = { entriesMax: 1_000, bytesMax: 512 * 1024 };

interface Page {
  /** Messages as JSON. */
  readonly events: readonly string[];
  readonly position: Position;
  readonly upToDate: boolean;
  /** Why it begins with the snapshot although there was a cursor. */
  readonly reason?: "trimmed" | "reset";
}

/** Answers what follows a cursor; if nothing does yet, waits for it. Without a cursor: where the run stands [SE11]. */
export async function answerLongPoll(exchange: StreamExchange, since: Position | null): Promise<Response> {
  const { settings, query } = exchange;
  const { readers } = settings;
  await readers?.admit("long-poll");
  return inSession(exchange, async (session, end) => {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    // Nobody waits for an answer that nobody reads.
    exchange.request.signal.addEventListener("abort", () => wake(), { once: true });
    // Whose policy is out of date is answered at once: the answer has the present one.
    const entered = readers?.enter("long-poll", query, { tell: () => wake(), end: () => wake() });
    try {
      const page = await readPage(session, exchange, since, { woken, wake, end });
      if (page.reason !== undefined) entered?.gap();
      entered?.handed(page.events.length);
      return await answer(session, exchange, page);
    } finally {
      entered?.left("client");
    }
  });
}

/** How a request waits, and for what. */
interface Waiting {
  readonly woken: Promise<void>;
  readonly wake: () => void;
  readonly end: (error: PlexlineError) => void;
}

async function readPage(
  session: EndpointSession,
  exchange: StreamExchange,
  since: Position | null,
  waiting: Waiting,
): Promise<Page> {
  const { sessionId, topic, query } = exchange;
  if (since === null) return readFirst(session, topic, sessionId);
  const page = await readAfter(session, topic, sessionId, since);
  const waits = page.events.length === 0 && query.get("wait") !== "0";
  if (!waits || (await isOver(session, topic, page.position))) return page;
  await waitForEvent(session, exchange, page.position, waiting);
  return readAfter(session, topic, sessionId, page.position);
}

async function answer(
  session: EndpointSession,
  { topic, settings: { readers } }: StreamExchange,
  page: Page,
): Promise<Response> {
  const { events, position, upToDate } = page;
  const closed = upToDate && (await isOver(session, topic, position));
  const policy = readers === undefined ? {} : { policy: readers.policy };
  const rest = JSON.stringify({ cursor: formatCursor(position), closed, upToDate, ...policy }).slice(1);
  return new Response(`{"events":[${events.join(",")}],${rest}`, {
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
}

/** The snapshot, and the run's end if that covers it. */
async function readFirst(
  session: EndpointSession,
  topic: string,
  sessionId: string,
  reason?: "trimmed" | "reset",
): Promise<Page> {
  const words = wordsFor(sessionId);
  const { position, state, end } = await readStanding(session, topic);
  const snapshot = words.snapshot(formatCursor(position), state);
  const { window } = await session.read(topic, { since: "head" });
  return {
    events: [...(reason ? [words.gap(reason)] : []), snapshot, ...(end ? [encodeEvent(sessionId, end)] : [])],
    position,
    upToDate: position.epoch === window.epoch && position.offset >= window.head,
    ...(reason === undefined ? {} : { reason }),
  };
}

async function readAfter(
  session: EndpointSession,
  topic: string,
  sessionId: string,
  since: Position,
): Promise<Page> {
  const { events, position, window, gap } = await session.read(topic, { since, ...PAGE });
  if (gap !== null) return readFirst(session, topic, sessionId, gap);
  const told = events.flatMap((event) => toRunEvent(event, position.epoch) ?? []);
  return {
    events: told.map((event) => encodeEvent(sessionId, event)),
    position,
    upToDate: position.offset >= window.head,
  };
}

/** Resolves when there is something after the position, or the time is over. */
async function waitForEvent(
  session: EndpointSession,
  { topic, settings }: Pick<StreamExchange, "topic" | "settings">,
  since: Position,
  { woken, wake, end }: Waiting,
): Promise<void> {
  const timer = settings.clock.setTimer(wake, settings.longPollTimeoutMs);
  try {
    const { recovered } = await session.subscribe(topic, {
      since,
      translate(message) {
        if (!("type" in message)) return null;
        if (message.type === "push" || message.type === "gap") wake();
        else if (message.type === "unsubscribed") end(PlexlineError.fromBody(message.error));
        return null;
      },
    });
    if (recovered) await woken;
  } finally {
    timer.cancel();
  }
}
