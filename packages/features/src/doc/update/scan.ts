import { type ReferenceSpan, refuseCircles } from "./circular.ts";
import { REF } from "./content.ts";
import { appendRange } from "./id-ranges.ts";
import { readIdRanges } from "./id-ranges-bytes.ts";
import { refuseNesting } from "./nesting.ts";
import { expectEnd, readByte, readCount, readerOf, readUint } from "./reader.ts";
import { beginSection, createReferences, needsSince, type References } from "./references.ts";
import { refuse } from "./refuse.ts";
import { isFiller, readStruct, type StructReader } from "./struct.ts";
import type { ScanLimits, SectionScan, UpdateScan } from "./update-scan.ts";

/** The least that a struct and a section take: a GC, and its header before that. */
const STRUCT_BYTES_MIN = 2;
const SECTION_BYTES_MIN = 3 + STRUCT_BYTES_MIN;

/** Bytes of a section between two marks: so much is walked again at most, and one struct. */
const MARK_BYTES = 64 * 1024;
/** Longer lists become typed arrays: they go to another thread at once instead of number by number. */
const LIST_MAX = 1_000;
const NONE: readonly number[] = [];

interface Scan extends StructReader {
  readonly references: References;
  /** Structs so far. */
  structs: number;
}

/**
 * Reads through an update in Yjs' format V1, makes none of its structs, and says what is in it. What it accepts, Yjs can
 * apply once it has what the update needs. Two things show only beside the document: structs that it knows otherwise
 * than the update has them, and shared types that many updates nest ever deeper: within one, their depth is bounded.
 * Takes no more time than its bytes are worth, whatever they declare.
 *
 * @throws PlexlineError UPDATE_INVALID for everything that Yjs could not have written or that is over a limit.
 */
export function scanUpdate(update: Uint8Array, limits: ScanLimits): UpdateScan {
  const reader = readerOf(update);
  const references = createReferences();
  const sections = scanSections({ reader, limits, references, structs: 0 });
  const deletionsStart = reader.at;
  const deletions = readIdRanges(reader, limits.clockMax);
  expectEnd(reader);
  if (references.parents > limits.typeDepthMax) refuseNesting(update, sections, limits);
  return { sections, deletions, deletionsStart };
}

function scanSections(scan: Scan): SectionScan[] {
  const { reader, limits, references } = scan;
  const count = readCount(reader, SECTION_BYTES_MIN, "client ids");
  if (count > limits.clientsMax) refuse(`it has structs of more than ${limits.clientsMax} client ids`, 0);
  if (count === 0) return [];
  if (count === 1) return [scanSection(scan)];

  const sections: SectionScan[] = [];
  const spans: ReferenceSpan[] = [];
  const indexOf = new Map<number, number>();
  for (let index = 0; index < count; index++) {
    const start = reader.at;
    const first = references.at.length;
    const section = scanSection(scan);
    if (indexOf.has(section.client)) refuse(`the client id ${section.client} comes twice`, start);
    indexOf.set(section.client, index);
    sections.push(section);
    spans.push({ first, last: references.at.length, start });
  }
  refuseCircles(references, spans, indexOf);
  return sections;
}

function scanSection(scan: Scan): SectionScan {
  const { reader, references, limits } = scan;
  const count = readStructCount(scan);
  const client = readUint(reader);
  const from = readUint(reader);
  const start = reader.at;
  beginSection(references, client);

  const firstNeed = references.at.length;
  let end = from;
  let fillers: number[] | undefined;
  let marks: number[] | undefined;
  let nextMark = start + MARK_BYTES;
  let skipped: Pick<SectionScan, "to" | "needs" | "structs" | "stop"> | undefined;
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const info = readByte(reader);
    if (info === REF.skip)
      skipped ??= { to: end, needs: needsOf(references, firstNeed), structs: index, stop: at };
    const clock = end;
    end += readStruct(scan, info, clock);
    if (end > limits.clockMax) refuse(`a clock is beyond ${limits.clockMax}`, at);
    if (skipped !== undefined) continue;
    if (isFiller(info)) {
      fillers ??= [];
      appendRange(fillers, clock, end);
    }
    if (at < nextMark) continue;
    marks ??= [];
    marks.push(clock, index, at);
    nextMark = at + MARK_BYTES;
  }
  const { to, needs, structs, stop } = skipped ?? {
    to: end,
    needs: needsOf(references, firstNeed),
    structs: count,
    stop: reader.at,
  };
  return {
    client,
    from,
    to,
    end,
    fillers: listOf(fillers),
    needs,
    structs,
    start,
    stop,
    marks: marks ?? NONE,
  };
}

function needsOf(references: References, first: number): ArrayLike<number> {
  return references.at.length === first ? NONE : listOf(needsSince(references, first));
}

function listOf(numbers: readonly number[] | undefined): ArrayLike<number> {
  if (numbers === undefined) return NONE;
  return numbers.length > LIST_MAX ? Float64Array.from(numbers) : numbers;
}

/** Reads how many structs a section has, before anything is made or looped for them. */
function readStructCount(scan: Scan): number {
  const { reader, limits } = scan;
  const at = reader.at;
  const count = readCount(reader, STRUCT_BYTES_MIN, "structs");
  if (count === 0) refuse("a client id has no structs", at);
  scan.structs += count;
  if (scan.structs > limits.structsMax) refuse(`it has more than ${limits.structsMax} structs`, at);
  return count;
}
