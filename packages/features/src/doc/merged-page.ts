import type { BinaryEntry, TopicContext } from "@plexline/server";
import { ENTRY_SCAN } from "./state/entry-scan.ts";
import { turnOf } from "./stored-segment.ts";
import { createMerger } from "./update/merger.ts";
import { scanUpdate } from "./update/scan.ts";
import type { UpdateScan } from "./update/update-scan.ts";

/** Longer entries are messages of their own: there is little to be saved, and scanning them takes its time. */
const MERGED_BYTES_MAX = 16 * 1024;
/** Bytes of updates that are scanned before other work has its turn: a millisecond or two. */
const SCANNED_PER_TURN = 32 * 1024;
/** What the shortest of updates costs, in bytes of longer ones. */
const SCANNED_PER_UPDATE = 128;

/** The updates of a page of the log in as few as can be made of them without Yjs, in its order. */
export async function mergePage(
  topic: Pick<TopicContext, "clock">,
  entries: readonly BinaryEntry[],
): Promise<readonly Uint8Array[]> {
  const updates: Uint8Array[] = [];
  let merger = createMerger();
  const flush = (): void => {
    if (merger.count > 0) updates.push(merger.finish());
    merger = createMerger();
  };
  let scanned = 0;
  for (const { payload } of entries) {
    const scan = payload.length > MERGED_BYTES_MAX ? undefined : scanOf(payload);
    if (scan === undefined) {
      flush();
      updates.push(payload);
      continue;
    }
    if (!merger.add(payload, scan)) {
      flush();
      // By itself it may hold a Skip.
      if (!merger.add(payload, scan)) updates.push(payload);
    }
    scanned += payload.length + SCANNED_PER_UPDATE;
    if (scanned < SCANNED_PER_TURN) continue;
    scanned = 0;
    await turnOf(topic);
  }
  flush();
  return updates;
}

/** Undefined for bytes that are no update: what clients make of them is theirs to say. */
function scanOf(payload: Uint8Array): UpdateScan | undefined {
  try {
    return scanUpdate(payload, ENTRY_SCAN);
  } catch {
    return undefined;
  }
}
