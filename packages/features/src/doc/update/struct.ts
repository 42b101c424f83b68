import { REF, readFiller, skipContent } from "./content.ts";
import { type Reader, readUint } from "./reader.ts";
import { addReference, type References } from "./references.ts";
import { refuse } from "./refuse.ts";
import type { ScanLimits } from "./update-scan.ts";
import { skipString } from "./utf8.ts";

/** Bits of a struct's first byte. */
export const HAS_ORIGIN = 0x80;
export const HAS_RIGHT_ORIGIN = 0x40;
export const HAS_PARENT_KEY = 0x20;
export const REF_BITS = 0x1f;

/** What reads structs. */
export interface StructReader {
  readonly reader: Reader;
  readonly limits: ScanLimits;
  /** Where what they refer to is written down; null where it is known already. */
  readonly references: References | null;
}

/** Whether a struct that begins with this byte has no content. */
export function isFiller(info: number): boolean {
  return info === REF.gc || (info & REF_BITS) === REF.deleted;
}

/** Moves over a struct at a clock, after its first byte, and returns its length in clocks. */
export function readStruct(scan: StructReader, info: number, clock: number): number {
  const { reader, limits } = scan;
  if (info === REF.gc || info === REF.skip) return readFiller(reader, limits);
  const ref = info & REF_BITS;
  // GC and Skip have no further bits: Yjs' two decoders take such bytes for different things.
  if (ref === REF.gc || ref > REF.doc) refuse(`a struct begins with the unknown byte ${info}`, reader.at - 1);
  if ((info & HAS_ORIGIN) !== 0) readReference(scan, clock);
  if ((info & HAS_RIGHT_ORIGIN) !== 0) readReference(scan, clock);
  if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) {
    readParent(scan, clock);
    if ((info & HAS_PARENT_KEY) !== 0) skipString(reader);
  }
  return skipContent(reader, ref, limits);
}

/** A parent is the name of a root type or the id of an item. */
function readParent(scan: StructReader, clock: number): void {
  const { reader } = scan;
  const at = reader.at;
  const kind = readUint(reader);
  if (kind === 1) skipString(reader);
  else if (kind === 0) {
    if (scan.references !== null) scan.references.parents += 1;
    readReference(scan, clock);
  } else refuse(`a parent is of the unknown kind ${kind}`, at);
}

function readReference({ reader, references, limits }: StructReader, clock: number): void {
  const at = reader.at;
  const client = readUint(reader);
  const target = readUint(reader);
  if (target >= limits.clockMax) refuse(`a clock is beyond ${limits.clockMax}`, at);
  if (references !== null) addReference(references, clock, client, target, at);
}
