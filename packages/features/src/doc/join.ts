import type { Binary, TopicContext } from "@plexline/server";
import { logChanged, readTail } from "./log-tail.ts";
import { partsOf } from "./parts.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { createSnapshotCache, type SnapshotCache } from "./snapshot-cache.ts";
import type { DocumentSnapshot } from "./snapshot-format.ts";
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

/** Serves the joins of one document. While some run they share the bytes of one snapshot; nothing is kept afterwards. */
export function createJoins(
  topic: TopicContext,
  snapshots: SnapshotCache = createSnapshotCache(topic),
): Joins {
  async function* whole(stateVector: StateVector): AsyncGenerator<Binary> {
    const release = snapshots.enter();
    try {
      // What comes after the head is handed to the asker live.
      const { epoch, head } = topic.window ?? NO_LOG;
      const snapshot = await snapshots.newest();
      if (snapshot && snapshot.position.epoch !== epoch) throw logChanged();
      const first = snapshot && beginning(snapshot, stateVector);
      if (first) yield { kind: DOC_KIND.update, payload: first };
      for await (const { payload } of readTail(topic, { epoch, head }, snapshot?.position.offset ?? 0)) {
        yield { kind: DOC_KIND.update, payload };
      }
      yield { kind: DOC_KIND.syncResponse, payload: EMPTY_UPDATE };
    } finally {
      release();
    }
  }

  return {
    async *messages(stateVector, { parts }) {
      for await (const message of whole(stateVector)) {
        if (parts) yield* partsOf(message);
        else yield message;
      }
    },
    renew: snapshots.renew,
  };
}

/** What somebody needs of a snapshot: all of it, what state vectors do not tell, or nothing. */
function beginning(snapshot: DocumentSnapshot, asker: StateVector): Uint8Array | undefined {
  const isCovered = !snapshot.hasPending && covers(asker, snapshot.stateVector);
  return isCovered ? snapshot.deletionsUpdate : snapshot.update;
}

function covers(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of other) if ((vector.get(client) ?? 0) < clock) return false;
  return true;
}
