import type { Binary, TopicContext } from "@plexline/server";
import { logChanged } from "./log-tail.ts";
import { partsOf } from "./parts.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { createSnapshotCache, type SnapshotCache } from "./snapshot-cache.ts";
import { SegmentGone, type StoredSegment } from "./stored-segment.ts";
import type { StateVector } from "./update/update-scan.ts";

const NO_LOG = { epoch: "", head: 0 };

/** What those who come to a document are sent. */
export interface Joins {
  /**
   * Answers a `sync-request` with what is durable when the first message is asked for [DC2]: stored bytes, read as they
   * are sent. With `parts`, messages longer than a part are cut. Throws a PlexlineError when the storage does, or when the
   * log becomes another one meanwhile; the asker has to ask again.
   *
   * @example
   * await topic.feed(member, joins.messages(stateVector, { parts: true }));
   */
  messages(stateVector: StateVector, options: { readonly parts: boolean }): AsyncGenerator<Binary>;
  /** There is a newer snapshot: joins that begin from now on read it. */
  renew(): void;
}

/** Serves the joins of one document. While some run they share the bytes of one snapshot and of the log behind it. */
export function createJoins(
  topic: TopicContext,
  snapshots: SnapshotCache = createSnapshotCache(topic),
): Joins {
  async function* messages(stateVector: StateVector, { parts }: { readonly parts: boolean }) {
    const release = snapshots.enter();
    try {
      // What comes after the head is handed to the asker live.
      const window = topic.window ?? NO_LOG;
      const from = yield* stored(window.epoch, stateVector, parts);
      for await (const payload of snapshots.tail.updates(window, from)) {
        const message = { kind: DOC_KIND.update, payload };
        if (parts) yield* partsOf(message);
        else yield message;
      }
      yield { kind: DOC_KIND.syncResponse, payload: EMPTY_UPDATE };
    } finally {
      release();
    }
  }

  /** What the snapshot holds. Returns the offset after which the log goes on. */
  async function* stored(epoch: string, vector: StateVector, parts: boolean): AsyncGenerator<Binary, number> {
    let sent = 0;
    for (;;) {
      const snapshot = await snapshots.newest();
      if (snapshot && snapshot.position.epoch !== epoch) throw logChanged();
      try {
        for (const segment of snapshot?.segments ?? []) {
          if (segment.to <= sent) continue;
          yield* beginning(segment, vector, parts);
          sent = segment.to;
        }
        return Math.max(sent, snapshot?.position.offset ?? 0);
      } catch (error) {
        // A newer snapshot holds the same and more, in longer segments.
        if (!(error instanceof SegmentGone)) throw error;
        snapshots.renew();
      }
    }
  }

  /** What somebody needs of a segment: all of it, what state vectors do not tell, or nothing. */
  async function* beginning(
    segment: StoredSegment,
    vector: StateVector,
    parts: boolean,
  ): AsyncGenerator<Binary> {
    const deletions = await deletionsIfCovered(segment, vector);
    if (deletions === undefined) {
      yield* snapshots.update(segment, parts);
      return;
    }
    for (const payload of deletions) yield { kind: DOC_KIND.update, payload };
  }

  return { messages, renew: snapshots.renew };
}

/** The deletions of a segment whose structs somebody has; undefined if they lack some. */
async function deletionsIfCovered(
  segment: StoredSegment,
  vector: StateVector,
): Promise<Uint8Array[] | undefined> {
  // Whoever has nothing is sent everything, whatever it is.
  if (segment.hasPending || vector.size === 0) return undefined;
  const deletions: Uint8Array[] = [];
  for await (const parts of segment.header()) {
    for (const part of parts) {
      if (part.kind === "deletions") deletions.push(part.update);
      else if (part.kind === "clocks" && !covers(vector, part.clocks)) return undefined;
    }
  }
  return deletions;
}

function covers(vector: StateVector, clocks: readonly number[]): boolean {
  for (let at = 0; at < clocks.length; at += 3)
    if ((vector.get(clocks[at]!) ?? 0) < clocks[at + 2]!) return false;
  return true;
}
