import type { Position } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { STREAM_EVENT } from "./protocol.ts";

/**
 * Whether subscribers have been told that a stream is closed. The description says so as soon as that is durable, and the
 * `close` and what is before it are announced a moment later: whoever took the description's word would miss them [ST10].
 */
export function createToldClose(topic: TopicContext): (head: Position) => Promise<boolean> {
  /** The log whose close was found: nothing follows one. */
  let closedEpoch: string | null = null;
  return async ({ epoch, offset }) => {
    if (closedEpoch === epoch) return true;
    if (offset === 0) return false;
    const { events, floor } = await topic.readEvents(offset - 1, { entriesMax: 1, bytesMax: 1 });
    const isTold = floor >= offset || events.at(-1)?.event === STREAM_EVENT.close;
    if (isTold) closedEpoch = epoch;
    return isTold;
  };
}
