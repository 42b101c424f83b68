import type { Position } from "@plexline/protocol";
import type { Binary, TopicContext } from "@plexline/server";
import { createKeptBytes, type KeptBytes } from "./kept-bytes.ts";
import { messagesOf } from "./message-pieces.ts";
import { DOC_KIND } from "./protocol.ts";
import { createSharedTail, type SharedTail } from "./shared-tail.ts";
import { decodeSnapshot } from "./snapshot-format.ts";
import { openSegment, type StoredSegment } from "./stored-segment.ts";

/** A document as it is stored, to be read. */
export interface DocumentSnapshot {
  readonly position: Position;
  readonly segments: readonly StoredSegment[];
}

/** What is read of a document once for all who join at the same time. */
export interface SnapshotCache {
  /** Somebody begins to join; the returned function says that they are done. The last one out drops what was read, soon. */
  enter(): () => void;
  /** The newest snapshot as far as is known; undefined if there is none. Read once for all who ask together. */
  newest(): Promise<DocumentSnapshot | undefined>;
  /** A segment's update as messages, the same for all who join: nobody may change them or give them away. */
  update(segment: StoredSegment, parts: boolean): AsyncGenerator<Binary>;
  /** The log behind the snapshot. */
  readonly tail: SharedTail;
  /** A newer one has been stored. */
  renew(): void;
  /** Drops everything: the room closes. */
  close(): void;
}

/**
 * How long what several have joined with is kept for the next one, in milliseconds: of those who come together some are
 * through before others have said what they have.
 */
const KEPT_MS = 1_000;
/** What may be kept so of all documents of a server, where nothing else is said. */
export const KEPT_BYTES_MAX: number = 64 * 1024 * 1024;
/** Longer segments are cut into parts for each who joins, as they are sent: they would be held a second time. */
const SHARED_MESSAGES_MAX = 4 * 1024 * 1024;

/** Reads the snapshot of a document. */
export async function readDocumentSnapshot(topic: TopicContext): Promise<DocumentSnapshot | undefined> {
  const stored = await topic.readSnapshot();
  if (stored === undefined) return undefined;
  const { position, segments } = decodeSnapshot(stored);
  return { position, segments: segments.map((placement) => openSegment(topic, placement)) };
}

/** Reads a document's snapshots; keeps one as long as somebody is joining, and a moment longer where several did. */
export function createSnapshotCache(
  topic: TopicContext,
  kept: KeptBytes = createKeptBytes(KEPT_BYTES_MAX),
): SnapshotCache {
  const tail = createSharedTail(topic);
  const updates = createSharedUpdates(topic);
  let joining = 0;
  let reading: Promise<DocumentSnapshot | undefined> | undefined;
  /** Who has joined with what is held. */
  let joined = 0;
  let leftAtMs = Number.NEGATIVE_INFINITY;
  let keeping: { readonly bytes: number; cancel(): void } | undefined;

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
  const stopKeeping = (): void => {
    if (keeping === undefined) return;
    keeping.cancel();
    kept.release(keeping.bytes);
    keeping = undefined;
  };
  const drop = (): void => {
    stopKeeping();
    reading = undefined;
    joined = 0;
    updates.drop();
    tail.drop();
  };
  const leave = (): void => {
    joining -= 1;
    if (joining > 0) return;
    const nowMs = topic.clock.monotonicMs();
    const isFrequent = joined > 1 || nowMs - leftAtMs < KEPT_MS;
    leftAtMs = nowMs;
    const bytes = updates.bytes + tail.bytes;
    if (!topic.signal.aborted && isFrequent && kept.take(bytes)) {
      const timer = topic.clock.setTimer(drop, KEPT_MS);
      keeping = { bytes, cancel: () => timer.cancel() };
    } else drop();
  };

  return {
    tail,
    enter() {
      stopKeeping();
      joining += 1;
      joined += 1;
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        leave();
      };
    },
    async newest() {
      const shared = reading;
      const snapshot = await (shared ?? read());
      if (shared === undefined || isOfThisLog(snapshot)) return snapshot;
      // The log was reset or trimmed since that one was read.
      return reading === shared || reading === undefined ? read() : reading;
    },
    update: updates.messages,
    renew() {
      reading = undefined;
      tail.drop();
      // Nobody joins with what is only kept.
      if (joining === 0) drop();
    },
    close: drop,
  };
}

/** The updates of segments, read once for all who join. */
function createSharedUpdates(topic: TopicContext) {
  type Form = Promise<readonly Binary[] | readonly Uint8Array[]>;
  let bytes = 0;
  let whole = new WeakMap<StoredSegment, Promise<readonly Binary[]>>();
  let inParts = new WeakMap<StoredSegment, Promise<readonly Binary[]>>();
  let pieces = new WeakMap<StoredSegment, Promise<readonly Uint8Array[]>>();

  const share = <T extends Form>(
    forms: WeakMap<StoredSegment, T>,
    segment: StoredSegment,
    make: () => T,
  ): T => {
    const shared = forms.get(segment);
    if (shared !== undefined) return shared;
    const made = make();
    forms.set(segment, made);
    bytes += segment.bytes;
    made.catch(() => forms.delete(segment));
    return made;
  };
  const messagesIn = async (segment: StoredSegment, parts: boolean): Promise<readonly Binary[]> => {
    const messages: Binary[] = [];
    for await (const message of messagesOf(topic, DOC_KIND.update, await segment.readUpdate(), parts))
      messages.push(message);
    return messages;
  };
  return {
    get bytes() {
      return bytes;
    },
    async *messages(segment: StoredSegment, parts: boolean): AsyncGenerator<Binary> {
      if (parts && segment.bytes > SHARED_MESSAGES_MAX) {
        const shared = await share(pieces, segment, () => segment.readUpdate());
        yield* messagesOf(topic, DOC_KIND.update, shared, parts);
      } else yield* await share(parts ? inParts : whole, segment, () => messagesIn(segment, parts));
    },
    drop() {
      bytes = 0;
      [whole, inParts, pieces] = [new WeakMap(), new WeakMap(), new WeakMap()];
    },
  };
}
