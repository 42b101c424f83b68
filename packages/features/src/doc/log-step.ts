import type { LogWindow } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { readTail } from "./log-tail.ts";
import { type Batch, createBatches } from "./worker/batch.ts";

/** Updates that one job folds. More of them are folded in several steps. */
const STEP_BYTES_MAX = 64 * 1024 * 1024;
const STEP_ENTRIES_MAX = 200_000;

/** What one job folds. */
export interface LogStep {
  readonly batches: readonly Batch[];
  readonly bytes: number;
  /** Where each of the updates stands in the log. */
  readonly offsets: readonly number[];
  /** The offset up to which they are everything. */
  readonly to: number;
}

/** Reads the entries after `from`, up to the head or as many as one job may fold. Throws as `readTail` does. */
export async function readStep(
  topic: TopicContext,
  window: Pick<LogWindow, "epoch" | "head">,
  from: number,
): Promise<LogStep> {
  const batches = createBatches();
  const offsets: number[] = [];
  for await (const { offset, payload } of readTail(topic, window, from)) {
    const isFull =
      offsets.length > 0 &&
      (batches.bytes + payload.length > STEP_BYTES_MAX || offsets.length === STEP_ENTRIES_MAX);
    if (isFull)
      return { batches: batches.finish(), bytes: batches.bytes, offsets, to: offsets.at(-1) ?? from };
    batches.add(payload);
    offsets.push(offset);
  }
  return { batches: batches.finish(), bytes: batches.bytes, offsets, to: window.head };
}
