import { REF, readFiller, skipContent } from "./content.ts";
import { type Reader, readByte, readerOf, readUint } from "./reader.ts";
import { refuse } from "./refuse.ts";
import { HAS_ORIGIN, HAS_PARENT_KEY, HAS_RIGHT_ORIGIN, REF_BITS } from "./struct.ts";
import type { ScanLimits, SectionScan } from "./update-scan.ts";
import { skipString } from "./utf8.ts";

const UNKNOWN = -1;
const WAITING = -2;

/**
 * Where a struct lies: the number of types of the update that are around it, or, negative, `~number` of an open question.
 */
type Place = number;

/** The structs of a section that lie in shared types of the update, as runs of neighbours in the same place. */
interface Runs {
  readonly client: number;
  readonly from: number;
  readonly end: number;
  /** Ascending: the clocks at which runs begin and end. */
  readonly starts: number[];
  readonly ends: number[];
  readonly places: Place[];
}

/**
 * Structs that lie in a struct of a section (one step deeper than it) or beside one (no step), where the place of that
 * one is not known yet: its section comes later, or it depends on such a section itself.
 */
interface Questions {
  readonly section: number[];
  readonly clock: number[];
  readonly steps: number[];
  /** Where it was read, for the message. */
  readonly byte: number[];
}

interface Walk {
  readonly reader: Reader;
  readonly limits: ScanLimits;
  readonly runs: readonly Runs[];
  readonly indexOf: ReadonlyMap<number, number>;
  readonly questions: Questions;
}

/**
 * Throws UPDATE_INVALID if a struct lies in more than `typeDepthMax` shared types of the same update. Yjs deletes types
 * recursively: some thousands in each other overflow the stack of everybody who takes them.
 *
 * Known limit: what the document already holds counts 0, so a writer can still nest deeper step by step, by many updates.
 *
 * Walks over the update's bytes again, so it is called only where a scan has seen enough structs in others. Sections may
 * refer to each other in any order; what is remembered is only what lies in types of the update.
 */
export function refuseNesting(
  update: Uint8Array,
  sections: readonly SectionScan[],
  limits: ScanLimits,
): void {
  const walk: Walk = {
    reader: readerOf(update),
    limits,
    runs: sections.map(({ client, from, end }) => ({ client, from, end, starts: [], ends: [], places: [] })),
    indexOf: new Map(sections.map(({ client }, index) => [client, index])),
    questions: { section: [], clock: [], steps: [], byte: [] },
  };
  readUint(walk.reader);
  for (let index = 0; index < sections.length; index++) walkSection(walk, index);
  settle(walk);
}

function walkSection(walk: Walk, index: number): void {
  const { reader, limits } = walk;
  const count = readUint(reader);
  readUint(reader);
  let clock = readUint(reader);
  const runs = walk.runs[index]!;
  for (let struct = 0; struct < count; struct++) {
    const info = readByte(reader);
    if (info === REF.gc || info === REF.skip) {
      clock += readFiller(reader, limits);
      continue;
    }
    const place = readPlace(walk, index, info);
    const end = clock + skipContent(reader, info & REF_BITS, limits);
    if (place !== 0) addRun(runs, clock, end, place);
    clock = end;
  }
}

/** Reads where a struct lies. Yjs looks at its left neighbour first, and at the right one only if there is no left one. */
function readPlace(walk: Walk, index: number, info: number): Place {
  const { reader } = walk;
  let place = 0;
  if ((info & HAS_ORIGIN) !== 0) place = readTarget(walk, index, 0);
  if ((info & HAS_RIGHT_ORIGIN) !== 0) {
    const right = readTarget(walk, index, 0);
    if ((info & HAS_ORIGIN) === 0) place = right;
  }
  if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) {
    if (readUint(reader) === 1) skipString(reader);
    else place = readTarget(walk, index, 1);
    if ((info & HAS_PARENT_KEY) !== 0) skipString(reader);
  }
  return place;
}

function readTarget(walk: Walk, index: number, steps: number): Place {
  const { reader, runs, indexOf } = walk;
  const byte = reader.at;
  const client = readUint(reader);
  const section = client === runs[index]!.client ? index : indexOf.get(client);
  const clock = readUint(reader);
  const target = section === undefined ? undefined : runs[section]!;
  if (section === undefined || target === undefined || clock < target.from || clock >= target.end) return 0;
  if (section <= index) {
    const place = placeAt(target, clock);
    if (place >= 0) return deeper(walk, place, steps, byte);
    if (steps === 0) return place;
  }
  return ask(walk.questions, section, clock, steps, byte);
}

function deeper({ limits }: Walk, depth: number, steps: number, byte: number): number {
  if (depth + steps > limits.typeDepthMax)
    refuse(`its shared types are nested more than ${limits.typeDepthMax} deep`, byte);
  return depth + steps;
}

function ask(questions: Questions, section: number, clock: number, steps: number, byte: number): Place {
  const last = questions.section.length - 1;
  const isLast =
    questions.section[last] === section && questions.clock[last] === clock && questions.steps[last] === steps;
  if (isLast) return ~last;
  questions.section.push(section);
  questions.clock.push(clock);
  questions.steps.push(steps);
  questions.byte.push(byte);
  return ~(last + 1);
}

function addRun({ starts, ends, places }: Runs, clock: number, end: number, place: Place): void {
  const last = ends.length - 1;
  if (ends[last] === clock && places[last] === place) ends[last] = end;
  else {
    starts.push(clock);
    ends.push(end);
    places.push(place);
  }
}

/** The place of the struct that has this clock, which need not be its first. */
function placeAt({ starts, ends, places }: Runs, clock: number): Place {
  let low = 0;
  let high = starts.length - 1;
  if (high < 0 || clock >= ends[high]!) return 0;
  // Most structs lie beside one that was read just before.
  if (clock >= starts[high]!) return places[high]!;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (starts[middle]! <= clock) low = middle;
    else high = middle - 1;
  }
  return starts[low]! <= clock && clock < ends[low]! ? places[low]! : 0;
}

/** Answers all questions, each once; one waits on the stack for the one that it leads to. */
function settle(walk: Walk): void {
  const { questions, runs } = walk;
  const depths = new Int32Array(questions.section.length).fill(UNKNOWN);
  const stack: number[] = [];
  for (let first = 0; first < depths.length; first++) {
    if (depths[first] === UNKNOWN) stack.push(first);
    while (stack.length > 0) {
      const question = stack[stack.length - 1]!;
      const place = placeAt(runs[questions.section[question]!]!, questions.clock[question]!);
      const depth = place >= 0 ? place : depths[~place]!;
      const byte = questions.byte[question]!;
      if (depth === WAITING) refuse("its structs depend on each other in a circle", byte);
      if (depth === UNKNOWN) {
        depths[question] = WAITING;
        stack.push(~place);
        continue;
      }
      depths[question] = deeper(walk, depth, questions.steps[question]!, byte);
      stack.pop();
    }
  }
}
