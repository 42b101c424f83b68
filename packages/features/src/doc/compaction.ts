import type { Position } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { readStep } from "./log-step.ts";
import { logChanged } from "./log-tail.ts";
import { type DocumentSnapshot, decodeSnapshot, encodeSnapshot } from "./snapshot-format.ts";
import type { Compacted, DocWorker } from "./worker/jobs.ts";

/** When a document is folded anew. */
export interface CompactionLimits {
  /** Entries since the last snapshot. Default 500. */
  readonly compactAfterEntries?: number;
  /** Bytes of updates since the last snapshot. Default 1 MiB. */
  readonly compactAfterBytes?: number;
}

/**
 * Folds a document's log into snapshots in the background [DC18].
 *
 * A snapshot is due after `compactAfterEntries` entries or `compactAfterBytes`, and not before what has come is more than half
 * as large as the snapshot or `TAIL_FACTOR_MAX` times as many entries: a document of 10 MiB is not to be written anew for
 * every 500 keystrokes. So folding costs at most a few times what is written, and a join reads at most half as much again.
 */
export interface Compaction {
  /** An entry is durable. */
  onCommitted(offset: number, bytes: number): void;
  /** The room has read its document: the log's head, and what of the log follows the snapshot of that many bytes. */
  loaded(head: number, tailEntries: number, tailBytes: number, snapshotBytes?: number): void;
  /** Begins nothing any more. Resolves when nothing is being written; what a worker still folds is thrown away. */
  close(): Promise<void>;
}

interface Tail {
  readonly entries: number;
  readonly bytes: number;
}

/** So many times `compactAfterEntries` a snapshot is due however large it is. */
const TAIL_FACTOR_MAX = 20;
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 900_000;

/**
 * Starts the compaction of one document.
 *
 * @param ownersNow Users by client id. Asked after the log has been read, so that they are those of the snapshot or more.
 * @param onSnapshot A snapshot has been stored.
 */
export function createCompaction(
  topic: TopicContext,
  worker: DocWorker,
  limits: CompactionLimits,
  ownersNow: () => ReadonlyMap<number, string>,
  onSnapshot: () => void = () => {},
): Compaction {
  const { compactAfterEntries = 500, compactAfterBytes = 1024 * 1024 } = limits;
  /** What has come since the snapshot that is known of. */
  let tail: Tail = { entries: 0, bytes: 0 };
  /** What a run that is under way is folding; it is part of the tail again if that fails. */
  let folding: Tail = { entries: 0, bytes: 0 };
  let foldingTo = 0;
  let snapshotOffset = 0;
  let snapshotBytes = 0;
  let isRunning = false;
  let isClosed = false;
  let failures = 0;
  let retry: { cancel(): void } | undefined;
  let writing: Promise<void> = Promise.resolve();

  const isDue = ({ entries, bytes }: Tail): boolean => {
    if (entries < compactAfterEntries && bytes < compactAfterBytes) return false;
    return bytes * 2 > snapshotBytes || entries >= compactAfterEntries * TAIL_FACTOR_MAX;
  };
  const consider = (): void => {
    if (isClosed || isRunning || retry !== undefined || !isDue(tail)) return;
    isRunning = true;
    void run();
  };

  const run = async (): Promise<void> => {
    folding = tail;
    tail = { entries: 0, bytes: 0 };
    const { epoch, head } = topic.window ?? { epoch: "", head: 0 };
    foldingTo = head;
    try {
      await fold(epoch, head);
      failures = 0;
    } catch (error) {
      onFailure(error);
    }
    isRunning = false;
    folding = { entries: 0, bytes: 0 };
    consider();
  };
  /** Back to where we were: the log still holds everything. */
  const onFailure = (error: unknown): void => {
    // Another node has folded further than this one: its snapshot is as good.
    if (isClosed || (error instanceof Error && error.name === "ConflictError")) return;
    tail = sum(tail, folding);
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures);
    failures += 1;
    topic.log.warn({ action: "doc.compaction", topic: topic.topic, error, retryInMs: delayMs });
    retry = topic.clock.setTimer(() => {
      retry = undefined;
      consider();
    }, delayMs);
  };

  const fold = async (epoch: string, head: number): Promise<void> => {
    const stored = await topic.readSnapshot();
    if (isClosed) return;
    const base = stored && decodeSnapshot(stored);
    if (base && base.position.epoch !== epoch) throw logChanged();
    if (base && !isStillDue(base, head)) return;
    let from = base?.position.offset ?? 0;
    let snapshot = base?.update;
    // Each step has a snapshot of its own.
    while (from < head) {
      const step = await readStep(topic, { epoch, head }, from);
      if (isClosed) return;
      const folded = await worker.compact({ snapshot, updates: step.updates });
      if (isClosed) return;
      tellSkipped(folded, step.offsets);
      await store({ epoch, offset: step.to }, folded);
      if (isClosed) return;
      from = step.to;
      snapshot = folded.update;
    }
  };
  /** The stored snapshot may be larger than was known, or another node's and newer. */
  const isStillDue = (base: DocumentSnapshot, head: number): boolean => {
    const left = Math.max(0, head - base.position.offset);
    const known = Math.max(1, head - snapshotOffset);
    const ahead = Math.min(1, left / known);
    folding = { entries: Math.min(folding.entries, left), bytes: Math.ceil(folding.bytes * ahead) };
    snapshotOffset = base.position.offset;
    snapshotBytes = base.update.length;
    if (isDue(folding)) return true;
    tail = sum(tail, folding);
    return false;
  };
  const store = async (position: Position, folded: Compacted): Promise<void> => {
    const { update, stateVector, deletions, hasPending = false } = folded;
    const chunks = encodeSnapshot({ update, stateVector, deletions, hasPending, owners: ownersNow() });
    writing = topic.writeSnapshot(position, chunks);
    await writing;
    snapshotOffset = position.offset;
    snapshotBytes = update.length;
    onSnapshot();
  };
  const tellSkipped = ({ skipped = [] }: Compacted, offsets: readonly number[]): void => {
    if (skipped.length === 0) return;
    topic.log.error(
      { action: "doc.compaction", topic: topic.topic, offsets: skipped.map((index) => offsets[index]) },
      "Updates that Yjs cannot apply were left out of the snapshot.",
    );
  };

  return {
    onCommitted(offset, bytes) {
      if (isRunning && offset <= foldingTo) folding = sum(folding, { entries: 1, bytes });
      else tail = sum(tail, { entries: 1, bytes });
      consider();
    },
    loaded(head, tailEntries, tailBytes, bytes = 0) {
      tail = { entries: tailEntries, bytes: tailBytes };
      folding = { entries: 0, bytes: 0 };
      snapshotOffset = head - tailEntries;
      snapshotBytes = bytes;
      consider();
    },
    async close() {
      isClosed = true;
      retry?.cancel();
      retry = undefined;
      await writing.catch(() => {});
    },
  };
}

function sum(a: Tail, b: Tail): Tail {
  return { entries: a.entries + b.entries, bytes: a.bytes + b.bytes };
}
