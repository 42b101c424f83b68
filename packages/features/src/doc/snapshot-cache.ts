import type { Position } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { decodeSnapshot } from "./snapshot-format.ts";
import { openSegment, type StoredSegment } from "./stored-segment.ts";

/** A document as it is stored, to be read. */
export interface DocumentSnapshot {
  readonly position: Position;
  readonly segments: readonly StoredSegment[];
}

/** One snapshot for all who join at the same time. */
export interface SnapshotCache {
  /** Somebody begins to join; the returned function says that they are done. The last one out drops the snapshot. */
  enter(): () => void;
  /** The newest snapshot as far as is known; undefined if there is none. Read once for all who ask together. */
  newest(): Promise<DocumentSnapshot | undefined>;
  /** The pieces of a segment's update, the same for all who join: nobody may change them or give them away. */
  update(segment: StoredSegment): Promise<readonly Uint8Array[]>;
  /** A newer one has been stored. */
  renew(): void;
}

/** Reads the snapshot of a document. */
export async function readDocumentSnapshot(topic: TopicContext): Promise<DocumentSnapshot | undefined> {
  const stored = await topic.readSnapshot();
  if (stored === undefined) return undefined;
  const { position, segments } = decodeSnapshot(stored);
  return { position, segments: segments.map((placement) => openSegment(topic, placement)) };
}

/** Reads a document's snapshots; keeps one as long as somebody is joining. */
export function createSnapshotCache(topic: TopicContext): SnapshotCache {
  let joining = 0;
  let reading: Promise<DocumentSnapshot | undefined> | undefined;
  let updates = new WeakMap<StoredSegment, Promise<readonly Uint8Array[]>>();

  const read = (): Promise<DocumentSnapshot | undefined> => {
    const started = readDocumentSnapshot(topic);
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
        if (joining > 0) return;
        reading = undefined;
        updates = new WeakMap();
      };
    },
    async newest() {
      const shared = reading;
      const snapshot = await (shared ?? read());
      if (shared === undefined || isOfThisLog(snapshot)) return snapshot;
      // The log was reset or trimmed since that one was read.
      return reading === shared || reading === undefined ? read() : reading;
    },
    update(segment) {
      const shared = updates.get(segment) ?? segment.readUpdate();
      updates.set(segment, shared);
      shared.catch(() => updates.delete(segment));
      return shared;
    },
    renew() {
      reading = undefined;
    },
  };
}
