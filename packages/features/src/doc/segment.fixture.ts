import type { TestTopic } from "@plexline/testing";
import { writeSegment } from "./segment-writer.ts";
import { encodeSnapshot, type SegmentPlacement } from "./snapshot-format.ts";
import { batchOf } from "./worker/batch.ts";
import { fold } from "./worker/fold.ts";
import type { Folded, FoldJob } from "./worker/jobs.ts";

/** Folds on this thread, after whatever a test does first; what it is handed is not used afterwards, as with threads. */
export async function foldHere(job: FoldJob): Promise<Folded> {
  return fold(job);
}

/** A job that makes one segment of updates. */
export function jobOf(updates: readonly Uint8Array[], how: FoldJob["how"] = "fold"): FoldJob {
  return { how, segments: [], batches: [batchOf(updates)] };
}

/** How many updates of the log a job has. */
export function updatesIn({ batches }: FoldJob): number {
  return batches.reduce((count, { lengths }) => count + lengths.length, 0);
}

/**
 * Stores a topic's log as a snapshot, with a segment up to each of these offsets: the first folded, those after it merged.
 * Returns their updates.
 */
export async function storeSegments(
  topic: TestTopic,
  offsets: readonly number[] = [topic.window?.head ?? 0],
  owners: ReadonlyMap<number, string> = new Map(),
): Promise<Uint8Array[]> {
  const { epoch = "" } = topic.window ?? {};
  const segments: SegmentPlacement[] = [];
  const updates: Uint8Array[] = [];
  let from = 0;
  for (const to of offsets) {
    const entries = topic.entries.filter(({ offset }) => offset > from && offset <= to);
    const how = from === 0 ? "fold" : "merge";
    const folded = fold(
      jobOf(
        entries.map(({ payload }) => payload),
        how,
      ),
    );
    const segment = await writeSegment(topic, epoch, { to, folded, owners }, () => true);
    segments.push(segment!);
    updates.push(folded.update);
    from = to;
  }
  const { chunks, named } = encodeSnapshot(segments);
  await topic.writeSnapshot({ epoch, offset: from }, chunks, named);
  return updates;
}
