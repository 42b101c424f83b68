import type { TopicContext } from "@plexline/server";
import { type DocumentSnapshot, decodeSnapshot } from "./snapshot-format.ts";

/** One snapshot for all who join at the same time. */
export interface SnapshotCache {
  /** Somebody begins to join; the returned function says that they are done. The last one out drops the snapshot. */
  enter(): () => void;
  /** The newest snapshot as far as is known; undefined if there is none. Read once for all who ask together. */
  newest(): Promise<DocumentSnapshot | undefined>;
  /** A newer one has been stored. */
  renew(): void;
}

/** Reads a document's snapshots; keeps one as long as somebody is joining. */
export function createSnapshotCache(topic: TopicContext): SnapshotCache {
  let joining = 0;
  let reading: Promise<DocumentSnapshot | undefined> | undefined;

  const read = (): Promise<DocumentSnapshot | undefined> => {
    const started = topic
      .readSnapshot()
      .then((snapshot) => (snapshot === undefined ? undefined : decodeSnapshot(snapshot)));
    reading = started;
    const forget = (): void => {
      if (reading === started) reading = undefined;
    };
    // A failure is told to those who wait for it; the next one to come tries again.
    started.catch(forget);
    return started;
  };
  const isOfThisLog = (snapshot: DocumentSnapshot | undefined): boolean =>
    snapshot === undefined
      ? (topic.window?.floor ?? 0) === 0
      : snapshot.position.epoch === topic.window?.epoch && snapshot.position.offset >= topic.window.floor;

  return {
    enter() {
      joining += 1;
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        joining -= 1;
        if (joining === 0) reading = undefined;
      };
    },
    async newest() {
      const shared = reading;
      const snapshot = await (shared ?? read());
      if (shared === undefined || isOfThisLog(snapshot)) return snapshot;
      // The log was reset or trimmed since that one was read.
      return reading === shared || reading === undefined ? read() : reading;
    },
    renew() {
      reading = undefined;
    },
  };
}
