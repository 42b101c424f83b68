import { PlexlineError, type Position } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { readStep } from "./log-step.ts";
import { logChanged } from "./log-tail.ts";
import { planSegment, type SegmentPlan } from "./segment-plan.ts";
import { writeSegment } from "./segment-writer.ts";
import { decodeSnapshot, encodeSnapshot, type SegmentPlacement } from "./snapshot-format.ts";
import { openSegment } from "./stored-segment.ts";
import type { DocWorker, Folded } from "./worker/jobs.ts";

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
 * A snapshot is due after `compactAfterEntries` entries or `compactAfterBytes`. It is made of segments, see `planSegment`: a large
 * document is not written anew for every 500 keystrokes.
 */
export interface Compaction {
  /** An entry is durable. */
  onCommitted(offset: number, bytes: number): void;
  /** The room has read its document: the log's head, and what of the log follows the snapshot. */
  loaded(head: number, tailEntries: number, tailBytes: number): void;
  /** Begins nothing any more. Resolves when nothing is being written; what a worker still folds is thrown away. */
  close(): Promise<void>;
}

interface Tail {
  readonly entries: number;
  readonly bytes: number;
}

const NO_TAIL: Tail = { entries: 0, bytes: 0 };
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
  const closing = new AbortController();
  const fence = { document: `${topic.tenant}/${topic.topic}`, signal: closing.signal };
  /** What has come since the snapshot that is known of. */
  let tail: Tail = NO_TAIL;
  /** What a run that is under way is folding; it is part of the tail again if that fails. */
  let folding: Tail = NO_TAIL;
  let foldingTo = 0;
  let snapshotOffset = 0;
  let isRunning = false;
  let failures = 0;
  let retry: { cancel(): void } | undefined;
  let writing: Promise<void> = Promise.resolve();

  const isClosed = (): boolean => closing.signal.aborted;
  const isDue = ({ entries, bytes }: Tail): boolean =>
    entries >= compactAfterEntries || bytes >= compactAfterBytes;
  const consider = (): void => {
    if (isClosed() || isRunning || retry !== undefined || !isDue(tail)) return;
    isRunning = true;
    void run();
  };

  const run = async (): Promise<void> => {
    folding = tail;
    tail = NO_TAIL;
    const { epoch, head } = topic.window ?? { epoch: "", head: 0 };
    foldingTo = head;
    try {
      await catchUp(epoch, head);
      failures = 0;
    } catch (error) {
      onFailure(error);
    }
    isRunning = false;
    folding = NO_TAIL;
    consider();
  };
  /** Back to where we were: the log still holds everything. */
  const onFailure = (error: unknown): void => {
    // Another node has folded further than this one: its snapshot is as good.
    if (isClosed() || (error instanceof Error && error.name === "ConflictError")) return;
    tail = sum(tail, folding);
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures);
    failures += 1;
    topic.log.warn({ action: "doc.compaction", topic: topic.topic, error, retryInMs: delayMs });
    retry = topic.clock.setTimer(() => {
      retry = undefined;
      consider();
    }, delayMs);
  };

  const catchUp = async (epoch: string, head: number): Promise<void> => {
    const stored = await topic.readSnapshot();
    if (isClosed()) return;
    const list = stored && decodeSnapshot(stored);
    if (list && list.position.epoch !== epoch) throw logChanged();
    if (list && !isStillDue(list.position.offset, head)) return;
    // Each step has a snapshot of its own.
    let segments = list?.segments ?? [];
    while ((segments.at(-1)?.to ?? 0) < head) {
      const next = await extend({ epoch, head }, segments);
      if (next === undefined) return;
      segments = next;
    }
  };
  /** The stored snapshot may be another node's and newer than was known. */
  const isStillDue = (offset: number, head: number): boolean => {
    const left = Math.max(0, head - offset);
    const known = Math.max(1, head - snapshotOffset);
    const ahead = Math.min(1, left / known);
    folding = { entries: Math.min(folding.entries, left), bytes: Math.ceil(folding.bytes * ahead) };
    snapshotOffset = offset;
    if (isDue(folding)) return true;
    tail = sum(tail, folding);
    return false;
  };
  /** Makes a snapshot of these segments and what follows them; undefined when nobody wants it any more. */
  const extend = async (
    window: { epoch: string; head: number },
    segments: readonly SegmentPlacement[],
  ): Promise<readonly SegmentPlacement[] | undefined> => {
    const from = segments.at(-1)?.to ?? 0;
    const step = await readStep(topic, window, from);
    const plan = planSegment(
      segments.map(({ bytes }) => bytes),
      step.bytes,
    );
    const folded = await fold(segments, plan, step.batches);
    if (isClosed() || folded === undefined) return isClosed() ? undefined : refold(window, segments);
    tellSkipped(folded, step.offsets);
    return store(window.epoch, segments.slice(0, plan.from), step.to, folded);
  };
  /** Undefined if a segment cannot be applied. */
  const fold = async (
    segments: readonly SegmentPlacement[],
    { how, from }: SegmentPlan,
    batches: Parameters<DocWorker["fold"]>[0]["batches"],
  ): Promise<Folded | undefined> => {
    const pieces = [];
    for (const segment of segments.slice(from)) {
      pieces.push(await openSegment(topic, segment).readUpdate());
      if (isClosed()) return undefined;
    }
    try {
      return await worker.fold({ how, segments: pieces, batches, ...fence });
    } catch (error) {
      if (isClosed()) return undefined;
      const isUnfit = error instanceof PlexlineError && error.code === "UPDATE_INVALID";
      if (!isUnfit || segments.length <= 1) throw error;
      return undefined;
    }
  };
  /** One bad update has made a merged segment unfit: the log still has each of them by itself. */
  const refold = async (
    { epoch, head }: { epoch: string; head: number },
    segments: readonly SegmentPlacement[],
  ): Promise<readonly SegmentPlacement[] | undefined> => {
    const [base] = segments;
    const step = await readStep(topic, { epoch, head }, base?.to ?? 0);
    const pieces = base ? [await openSegment(topic, base).readUpdate()] : [];
    if (isClosed()) return undefined;
    const folded = await worker.fold({ how: "fold", segments: pieces, batches: step.batches, ...fence });
    if (isClosed()) return undefined;
    tellSkipped(folded, step.offsets);
    // What is stored already may be further than this step: a snapshot never goes back.
    if (step.to < (segments.at(-1)?.to ?? 0)) throw logChanged();
    return store(epoch, [], step.to, folded);
  };
  const store = async (
    epoch: string,
    kept: readonly SegmentPlacement[],
    to: number,
    folded: Folded,
  ): Promise<readonly SegmentPlacement[] | undefined> => {
    const what = { to, folded, owners: ownersNow() };
    const written = writeSegment(topic, epoch, what, () => !isClosed());
    writing = written.then(() => {});
    const segment = await written;
    if (segment === undefined || isClosed()) return undefined;
    const segments = [...kept, segment];
    const position: Position = { epoch, offset: to };
    const { chunks, named } = encodeSnapshot(segments);
    writing = topic.writeSnapshot(position, chunks, named);
    await writing;
    if (isClosed()) return undefined;
    snapshotOffset = to;
    onSnapshot();
    return segments;
  };
  const tellSkipped = ({ skipped = [] }: Folded, offsets: readonly number[]): void => {
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
    loaded(head, tailEntries, tailBytes) {
      tail = { entries: tailEntries, bytes: tailBytes };
      folding = NO_TAIL;
      snapshotOffset = head - tailEntries;
      consider();
    },
    async close() {
      closing.abort();
      retry?.cancel();
      retry = undefined;
      await writing.catch(() => {});
    },
  };
}

function sum(a: Tail, b: Tail): Tail {
  return { entries: a.entries + b.entries, bytes: a.bytes + b.bytes };
}
