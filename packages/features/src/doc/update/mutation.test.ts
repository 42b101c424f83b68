import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { countReads } from "./count-reads.fixture.ts";
import { LIMITS } from "./limits.fixture.ts";
import { createRandom, type Random, randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";
import { selectSections } from "./select.ts";
import type { SectionScan, UpdateScan } from "./update-scan.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => 1_000 + index);
const MUTANTS_PER_UPDATE = 8;

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => splice(bytes, random(bytes.length), 1, [random(256)]),
  (bytes, random) => splice(bytes, random(bytes.length), 1, [bytes[random(bytes.length)]!]),
  (bytes, random) => {
    const at = random(bytes.length);
    return splice(bytes, at, 1, [bytes[at]! ^ (1 << random(8))]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    return splice(bytes, at, 1, [(bytes[at]! + (random(2) === 0 ? 1 : 255)) % 256]);
  },
  (bytes, random) => splice(bytes, random(bytes.length + 1), 0, [random(256)]),
  (bytes, random) => splice(bytes, random(bytes.length), 1 + random(3), []),
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  (bytes, random) => {
    const from = random(bytes.length);
    return splice(bytes, random(bytes.length), random(4), [...bytes.slice(from, from + 1 + random(8))]);
  },
];

function splice(bytes: Uint8Array, at: number, count: number, inserted: number[]): Uint8Array {
  return Uint8Array.from([...bytes.slice(0, at), ...inserted, ...bytes.slice(at + count)]);
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutant = bytes;
  for (let count = random(2); count >= 0 && mutant.length > 0; count--)
    mutant = MUTATIONS[random(MUTATIONS.length)]!(mutant, random);
  return mutant;
}

/** The scan of an update, or undefined if it is refused as it should be. */
function guard(bytes: Uint8Array): UpdateScan | undefined {
  try {
    return scanUpdate(bytes, LIMITS);
  } catch (error) {
    if (error instanceof PlexlineError && error.code === "UPDATE_INVALID") return undefined;
    throw error;
  }
}

function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/** Whether a document has what an update needs. */
function hasNeeds(doc: Y.Doc, scan: UpdateScan): boolean {
  const has = Y.decodeStateVector(Y.encodeStateVector(doc));
  return scan.sections.every(
    (section) =>
      section.from <= (has.get(section.client) ?? 0) &&
      clocksNeeded(section).every(([client, clock]) => clock <= (has.get(client) ?? 0)),
  );
}

function clocksNeeded({ needs }: SectionScan): [client: number, clock: number][] {
  return Array.from({ length: needs.length / 3 }, (_, index) => [
    needs[index * 3 + 1]!,
    needs[index * 3 + 2]!,
  ]);
}

describe("mutants of real updates [DC5]", () => {
  test.each(SEEDS)("are refused, or Yjs can apply them, seed %i", (seed) => {
    const random = createRandom(seed);
    const { events, others } = randomDocument(seed, 30);
    const empty = Y.encodeStateAsUpdate(new Y.Doc());
    const made = [...events, ...others.map((bytes) => ({ bytes, before: empty }))];
    for (const { bytes, before } of made) {
      for (let count = 0; count < MUTANTS_PER_UPDATE; count++) {
        const mutant = mutate(bytes, random);
        const scan = guard(mutant);
        if (scan === undefined) continue;
        applyEverywhere(mutant, scan, before);
      }
    }
  });

  test.each(SEEDS)("can be cut at any clock, and what is left is what Yjs would leave, seed %i", (seed) => {
    const random = createRandom(seed);
    let cut = 0;
    for (const { bytes } of randomDocument(seed, 30).events) {
      for (let count = 0; count < MUTANTS_PER_UPDATE; count++) {
        const mutant = mutate(bytes, random);
        const scan = guard(mutant);
        if (scan === undefined) continue;
        const known = new Map(
          scan.sections.map(({ client, from, to }) => [client, from + random(to - from + 1)]),
        );
        const ends = new Map(scan.sections.map(({ client, to }) => [client, to]));
        const rest = selectSections(mutant, scan, ends, "all", (client) => known.get(client) ?? 0);
        const left = scanUpdate(rest, LIMITS).sections.map(({ client, from, to }) => [client, from, to]);
        const wanted = scan.sections.filter(({ client, to }) => known.get(client)! < to);
        expect(left).toEqual(wanted.map(({ client, to }) => [client, known.get(client), to]));
        const lengths = Y.decodeUpdate(rest).structs.map(({ length }) => length);
        cut += lengths.length > 0 ? 1 : 0;
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(
          wanted.reduce((sum, { client, to }) => sum + to - known.get(client)!, 0),
        );
      }
    }
    expect(cut).toBeGreaterThan(5);
  });

  test.each(SEEDS)("cost no more than their bytes, seed %i", (seed) => {
    const random = createRandom(seed);
    const { events, others } = randomDocument(seed, 20);
    for (const bytes of [...events.map((event) => event.bytes), ...others]) {
      const mutant = mutate(bytes, random);
      expect(countReads(mutant, guard)).toBeLessThanOrEqual(mutant.length * 5 + 20);
    }
  });

  test("enough of them pass the guard, with all they need, for this to mean something", () => {
    let accepted = 0;
    let contiguous = 0;
    for (const seed of SEEDS) {
      const random = createRandom(seed);
      for (const { bytes, before } of randomDocument(seed, 30).events) {
        const scan = guard(mutate(bytes, random));
        if (scan === undefined) continue;
        accepted += 1;
        const doc = docOf(before);
        if (hasNeeds(doc, scan) && !reusesIds(doc, scan)) contiguous += 1;
      }
    }
    expect(accepted).toBeGreaterThan(80);
    expect(contiguous).toBeGreaterThan(30);
  });
});

function applyEverywhere(mutant: Uint8Array, scan: UpdateScan, before: Uint8Array): void {
  const doc = docOf(before);
  // Two contents of one id are beyond the guard: where it is known already, an update may be wrong in any way.
  if (reusesIds(doc, scan)) return;
  const connected = hasNeeds(doc, scan);
  Y.applyUpdate(doc, mutant);
  if (connected) {
    const has = Y.decodeStateVector(Y.encodeStateVector(doc));
    for (const section of scan.sections)
      expect(has.get(section.client) ?? 0).toBeGreaterThanOrEqual(section.to);
  }
  // What came of it can be handed on, and edited.
  const copy = docOf(Y.encodeStateAsUpdate(doc));
  copy.getText("text").insert(0, "x");
  copy.getArray("array").delete(0, copy.getArray("array").length);
  // Where nothing is known yet, it waits.
  Y.applyUpdate(docOf(mutant), before);
}

function reusesIds(doc: Y.Doc, scan: UpdateScan): boolean {
  const has = Y.decodeStateVector(Y.encodeStateVector(doc));
  return scan.sections.some((section) => section.from < (has.get(section.client) ?? 0));
}
