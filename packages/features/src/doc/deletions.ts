import { ByteWriter } from "./byte-writer.ts";
import { expectEnd, readCount, readerOf, readUint } from "./update/reader.ts";
import type { IdRanges } from "./update/update-scan.ts";

/** An update that deletes these ranges and does nothing else. */
export function encodeDeletions(deletions: IdRanges): Uint8Array {
  const writer = new ByteWriter();
  writer.number(0);
  writer.number(deletions.size);
  for (const [client, ranges] of deletions) {
    writer.number(client);
    writer.number(ranges.length / 2);
    for (let at = 0; at < ranges.length; at += 2) {
      const start = ranges[at] as number;
      writer.number(start);
      writer.number((ranges[at + 1] as number) - start);
    }
  }
  return writer.finish();
}

/** What such an update deletes. Throws for another one. */
export function decodeDeletions(update: Uint8Array): IdRanges {
  const reader = readerOf(update);
  if (readUint(reader) !== 0) throw new Error("Its deletions hold structs.");
  const deletions = new Map<number, number[]>();
  for (let left = readCount(reader, 2, "client ids"); left > 0; left -= 1) {
    const client = readUint(reader);
    const ranges: number[] = [];
    for (let count = readCount(reader, 2, "deletions"); count > 0; count -= 1) {
      const start = readUint(reader);
      ranges.push(start, start + readUint(reader));
    }
    deletions.set(client, ranges);
  }
  expectEnd(reader);
  return deletions;
}
