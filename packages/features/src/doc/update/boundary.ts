import { readByte, readerOf } from "./reader.ts";
import { readStruct, type StructReader } from "./struct.ts";
import type { ScanLimits, SectionScan } from "./update-scan.ts";

/** What is walked again has been scanned: only its form counts. */
const WALK_LIMITS: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: Number.MAX_SAFE_INTEGER,
  depthMax: 1_024,
  clockMax: Number.MAX_SAFE_INTEGER,
  fillerMax: Number.MAX_SAFE_INTEGER,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/** A place in a section between two of its structs, or before the first or after the last of them. */
export interface Boundary {
  readonly clock: number;
  /** Structs before it. */
  readonly structs: number;
  /** Where it lies in the update's bytes. */
  readonly at: number;
}

/** The last boundary before a section's first Skip that is not beyond a clock. Walks from the mark before it. */
export function boundaryBefore(update: Uint8Array, section: SectionScan, clock: number): Boundary {
  if (clock >= section.to) return { clock: section.to, structs: section.structs, at: section.stop };
  let boundary = markBefore(section, clock);
  const scan: StructReader = { reader: readerOf(update), limits: WALK_LIMITS, references: null };
  scan.reader.at = boundary.at;
  while (boundary.clock < clock) {
    const info = readByte(scan.reader);
    const end = boundary.clock + readStruct(scan, info, boundary.clock);
    if (end > clock) break;
    boundary = { clock: end, structs: boundary.structs + 1, at: scan.reader.at };
  }
  return boundary;
}

function markBefore({ from, start, marks }: SectionScan, clock: number): Boundary {
  let low = 0;
  let high = marks.length / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (marks[middle * 3]! <= clock) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return { clock: from, structs: 0, at: start };
  const mark = (low - 1) * 3;
  return { clock: marks[mark]!, structs: marks[mark + 1]!, at: marks[mark + 2]! };
}
