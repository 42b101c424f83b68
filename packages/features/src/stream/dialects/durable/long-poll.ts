import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { inSession } from "../../../http/request-session.ts";
import { STREAM_COMMAND, STREAM_EVENT, type StreamInfo } from "../../protocol.ts";
import { answer, standing } from "./answer.ts";
import { ask, type Exchange } from "./exchange.ts";
import { HEADER } from "./header.ts";
import { liveCursor } from "./live-cursor.ts";
import { reachPlace } from "./place.ts";
import { answerSlice, readPage, visitStream } from "./reading.ts";

/** Answers what there is, else waits for the next chunk, the end, or the timeout [DS17]. */
export function answerLongPoll(exchange: Exchange, offset: string | null): Promise<Response> {
  const { topic, settings, query } = exchange;
  return inSession(exchange, async (session, end) => {
    const info = await visitStream(session, topic);
    const since = await reachPlace(session, topic, offset, info);
    let slice = await readPage(session, exchange, info, since);
    if (slice.chunks.length === 0 && !slice.isEnd) {
      await nextChange(session, exchange, slice.next, end);
      const now = await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
      slice = await readPage(session, exchange, now, slice.next);
    }
    const cursor = liveCursor(settings.clock.nowMs(), query.get("cursor"), settings.random.next());
    const headers = {
      ...(slice.isEnd ? {} : { [HEADER.cursor]: cursor }),
      "Cache-Control": "no-store",
    };
    if (slice.chunks.length > 0) return answerSlice(info, slice, headers);
    return answer(204, { ...standing(slice.next, slice.isEnd), [HEADER.upToDate]: "true", ...headers });
  });
}

/** Resolves when there is a chunk after the position, or the stream has ended, or the time is over. */
async function nextChange(
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
    await session.subscribe(topic, {
      since: since.offset === 0 ? "start" : since,
      translate(message) {
        if (!("type" in message)) return null;
        if (message.type === "push") {
          if (message.event === STREAM_EVENT.chunk || message.event === STREAM_EVENT.close) changed();
        } else if (message.type === "gap") changed();
        else if (message.type === "error" || message.type === "unsubscribed")
          end(PlexlineError.fromBody(message.error));
        return null;
      },
    });
    await change;
  } finally {
    timer.cancel();
  }
}
