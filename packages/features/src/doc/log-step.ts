import type { LogWindow } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { readTail } from "./log-tail.ts";

/** Updates that one job folds. More of them are folded in several steps. */
const STEP_BYTES_MAX = 64 * 1024 * 1024;

/** What one job folds. */
export interface LogStep {
  readonly updates: readonly Uint8Array[];
  /** Where each of them stands in the log. */
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
  const updates: Uint8Array[] = [];
  const offsets: number[] = [];
  let bytes = 0;
  for await (const { offset, payload } of readTail(topic, window, from)) {
    const isFull = updates.length > 0 && bytes + payload.length > STEP_BYTES_MAX;
    if (isFull) return { updates, offsets, to: offsets.at(-1) ?? from };
    updates.push(payload);
    offsets.push(offset);
    bytes += payload.length;
  }
  return { updates, offsets, to: window.head };
}
