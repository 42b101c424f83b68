import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { STREAM_EVENT, type StreamInfo } from "../../protocol.ts";
import { gone } from "./place.ts";
import { recordOf } from "./record.ts";

/** Some of a stream's chunks, in order. */
export interface Slice {
  readonly chunks: readonly unknown[];
  /** Where the next one begins. */
  readonly next: Position;
  /** Nothing follows, at the moment. */
  readonly isTail: boolean;
  /** Nothing will ever follow. */
  readonly isEnd: boolean;
}

export interface SliceLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/**
 * Reads the chunks after a position, at least one if there is any. Entries of the log that are none are passed over.
 *
 * @param upTo Entries after this offset are left out.
 */
export async function readSlice(
  session: EndpointSession,
  topic: string,
  {
    since,
    info,
    limits,
    upTo = Number.MAX_SAFE_INTEGER,
  }: {
    readonly since: Position;
    readonly info: StreamInfo;
    readonly limits: SliceLimits;
    readonly upTo?: number;
  },
): Promise<Slice> {
  let at = since;
  for (;;) {
    const page = await session.read(topic, { since: at.offset === 0 ? "start" : at, ...limits });
    if (page.gap === "trimmed" && at.offset > 0) throw gone("What followed it is no longer kept.");
    if (page.gap === "reset" || page.position.epoch !== since.epoch)
      throw gone("The stream was replaced meanwhile.");
    const events = page.events.filter(({ offset }) => offset <= upTo);
    const chunks = events.filter(({ event }) => event === STREAM_EVENT.chunk).map(({ payload }) => payload);
    const isTail = page.position.offset >= Math.min(upTo, page.window.head);
    if (chunks.length > 0 || isTail) {
      const isEnd =
        isTail && (info.closed !== null || events.some(({ event }) => event === STREAM_EVENT.close));
      const offset = Math.min(page.position.offset, upTo);
      // The entry that closes the stream is no data: whoever has all of it stands before that.
      const next = isEnd ? Math.max(since.offset, offset - 1) : offset;
      return { chunks, next: { epoch: since.epoch, offset: next }, isTail, isEnd };
    }
    at = page.position;
  }
}

/** Refuses what is not to be seen: a stream that was deleted but has forks, or one that is still being made. */
export function refuseHidden(info: StreamInfo): void {
  const { isGone, fork } = recordOf(info);
  if (isGone) throw gone("The stream was deleted; there are forks of it.");
  if (fork?.isCopying)
    throw new PlexlineError("STREAM_ABSENT", {
      message: "The stream is still being forked.",
      fix: "Ask again when the PUT has been answered.",
    });
}
