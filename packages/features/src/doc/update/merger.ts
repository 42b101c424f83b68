import { sortedRanges } from "./id-ranges.ts";
import { writeIdRanges } from "./id-ranges-bytes.ts";
import type { UpdateScan } from "./update-scan.ts";
import { createWriter, writeBytes, writeUint, writtenBytes } from "./writer.ts";

/** Updates that become one: their structs as the same bytes, one update's behind the other's, and all their deletions. */
export interface Merger {
  /** Updates that it has. */
  readonly count: number;
  /** About how long the one update will be. */
  readonly bytes: number;
  /**
   * Takes an update that goes on where those before it end. False, and nothing is taken, for one of which something is there
   * already, something is missing before it, or that holds a Skip: what comes of that is Yjs' business.
   */
  add(update: Uint8Array, scan: UpdateScan): boolean;
  /** The one update. What only one has been added to is the same bytes. */
  finish(): Uint8Array;
}

/** Structs of one client id. */
interface Run {
  to: number;
  structs: number;
  readonly from: number;
  readonly pieces: Uint8Array[];
}

/**
 * Merges short updates in the order of a log, as keystrokes are, without making any of their structs: one of a hundred keystrokes takes
 * a client about as long as one keystroke.
 *
 * @example
 * const merger = createMerger();
 * for (const update of updates) if (!merger.add(update, scanUpdate(update, limits))) break;
 * Y.applyUpdate(ydoc, merger.finish());
 */
export function createMerger(): Merger {
  const runs = new Map<number, Run>();
  const deletions = new Map<number, number[]>();
  let first: Uint8Array | undefined;
  let count = 0;
  let bytes = 0;

  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    add(update, scan) {
      for (const { client, from, to, end } of scan.sections)
        if (to < end || (runs.get(client)?.to ?? from) !== from) return false;
      for (const { client, from, to, structs, start, stop } of scan.sections) {
        const run = runs.get(client) ?? { from, to, structs: 0, pieces: [] };
        runs.set(client, run);
        run.to = to;
        run.structs += structs;
        run.pieces.push(update.subarray(start, stop));
      }
      for (const [client, ranges] of scan.deletions) {
        const own = deletions.get(client) ?? [];
        deletions.set(client, own);
        for (const clock of ranges) own.push(clock);
      }
      first ??= update;
      count += 1;
      bytes += update.length;
      return true;
    },
    finish() {
      if (count === 1 && first) return first;
      const writer = createWriter(bytes + 16);
      writeUint(writer, runs.size);
      for (const [client, { from, structs, pieces }] of runs) {
        writeUint(writer, structs);
        writeUint(writer, client);
        writeUint(writer, from);
        for (const piece of pieces) writeBytes(writer, piece);
      }
      writeIdRanges(writer, new Map([...deletions].map(([client, own]) => [client, sortedRanges(own)])));
      return writtenBytes(writer);
    },
  };
}
