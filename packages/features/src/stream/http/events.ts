import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { inSession } from "../../http/request-session.ts";
import { formatCursor, parseCursor } from "../cursor.ts";
import type { Exchange } from "./endpoint.ts";
import { toHttpEvent } from "./event-rendering.ts";
import { answerEventStream } from "./event-stream.ts";

/** Where a reader begins. */
export type Since = Position | "start" | "head";

/** GET, in whichever mode [SH7 to SH9]. */
export function answerEvents(exchange: Exchange): Promise<Response> {
  const { request } = exchange;
  const query = new URL(request.url).searchParams;
  const since = readSince(request.headers.get("last-event-id") || query.get("cursor"));
  const live = query.get("live");
  if (live === "sse") {
    const fold = query.get("fold");
    return answerEventStream(exchange, since, { fold: fold === "1" || fold === "true" });
  }
  if (live === null || live === "long-poll") return answerPage(exchange, since, live === "long-poll");
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: "There is no such live mode.",
    fix: "Use live=long-poll or live=sse.",
  });
}

function readSince(cursor: string | null): Since {
  if (cursor === null || cursor === "") return "head";
  if (cursor === "start") return "start";
  const position = parseCursor(cursor);
  if (position !== null) return position;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: "The cursor is none.",
    fix: "Give the cursor of the last event as it was told, start, or none for what comes next.",
  });
}

function answerPage(exchange: Exchange, since: Since, waits: boolean): Promise<Response> {
  const { topic } = exchange;
  return inSession(exchange, async (session, end) => {
    let page = await session.read(topic, { since });
    if (waits && page.gap === null && page.events.length === 0 && page.position.offset >= page.window.head) {
      await nextEvent(session, exchange, page.position, end);
      page = await session.read(topic, { since: page.position });
    }
    const { events, position, window, gap } = page;
    return Response.json(
      {
        events: events.map((push) => toHttpEvent(push, position.epoch)),
        cursor: formatCursor(position),
        gap,
        upToDate: position.offset >= window.head,
      },
      { headers: { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } },
    );
  });
}

/** Resolves when there is an entry after the position, or the time is over. */
async function nextEvent(
  session: EndpointSession,
  { topic, settings }: Exchange,
  since: Position,
  end: (error: PlexlineError) => void,
): Promise<void> {
  let changed = (): void => {};
  const change = new Promise<void>((resolve) => {
    changed = resolve;
  });
  const timer = settings.clock.setTimer(changed, settings.longPollTimeoutMs);
  try {
    const { recovered } = await session.subscribe(topic, {
      since,
      translate(message) {
        if (!("type" in message)) return null;
        if (message.type === "unsubscribed") end(PlexlineError.fromBody(message.error));
        else if (message.type === "push" || message.type === "gap") changed();
        return null;
      },
    });
    if (recovered) await change;
  } finally {
    timer.cancel();
  }
}
