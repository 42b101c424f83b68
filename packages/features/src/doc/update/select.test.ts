import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { boundaryBefore } from "./boundary.ts";
import { countReads } from "./count-reads.fixture.ts";
import { gc, section, skip, textItem, update } from "./hostile.fixture.ts";
import { LIMITS } from "./limits.fixture.ts";
import { createRandom, randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";
import { selectSections } from "./select.ts";
import type { StateVector, UpdateScan } from "./update-scan.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => 2_000 + index);
const NOBODY: StateVector = new Map();

const ALL = Number.POSITIVE_INFINITY;
const clientsOf = (scan: UpdateScan) => scan.sections.map((section) => section.client);
const whole = (clients: readonly number[]): StateVector => new Map(clients.map((client) => [client, ALL]));
const withoutSkip = (scan: UpdateScan) => scan.sections.every((section) => section.end === section.to);

function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const bytes of updates) Y.applyUpdate(doc, bytes);
  return doc;
}

const stateAfter = (...updates: readonly Uint8Array[]) => Y.encodeStateAsUpdate(docOf(...updates));

function randomUpdates(seed: number): readonly Uint8Array[] {
  const { events, others, state } = randomDocument(seed, 40);
  return [...events.map((event) => event.bytes), ...others, state];
}

describe("selectSections [DC11]", () => {
  test.each(SEEDS)("everything that an update has is the update, seed %i", (seed) => {
    for (const bytes of randomUpdates(seed)) {
      const scan = scanUpdate(bytes, LIMITS);
      if (!withoutSkip(scan)) continue;
      expect(selectSections(bytes, scan, whole(clientsOf(scan)), "all")).toEqual(bytes);
      expect(selectSections(bytes, scan, whole(clientsOf(scan)), scan.deletions)).toEqual(bytes);
    }
  });

  test.each(SEEDS)("a part holds its client ids up to their first Skip, seed %i", (seed) => {
    const random = createRandom(seed);
    for (const bytes of randomUpdates(seed)) {
      const scan = scanUpdate(bytes, LIMITS);
      const clients = whole(clientsOf(scan).filter(() => random(2) === 0));
      const part = scanUpdate(selectSections(bytes, scan, clients, "none"), LIMITS);
      const expected = scan.sections.filter(({ client, structs }) => clients.has(client) && structs > 0);
      expect(part.sections.map(({ start: _, stop: __, ...rest }) => rest)).toEqual(
        expected.map(({ start: _, stop: __, ...rest }) => ({ ...rest, end: rest.to })),
      );
      expect(part.deletions.size).toBe(0);
    }
  });

  test.each(SEEDS)("parts that are applied one by one make what the update makes, seed %i", (seed) => {
    const random = createRandom(seed);
    let compared = 0;
    for (const bytes of randomUpdates(seed)) {
      const scan = scanUpdate(bytes, LIMITS);
      if (!withoutSkip(scan) || scan.sections.length < 2) continue;
      const clients = clientsOf(scan);
      const some = whole(clients.filter(() => random(2) === 0));
      const rest = whole(clients.filter((client) => !some.has(client)));
      const parts = [
        selectSections(bytes, scan, some, "none"),
        selectSections(bytes, scan, rest, "none"),
        selectSections(bytes, scan, NOBODY, "all"),
      ];
      const { store } = docOf(bytes);
      if (store.pendingStructs === null && store.pendingDs === null) {
        expect(stateAfter(...parts)).toEqual(stateAfter(bytes));
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  test("what comes after a Skip, and a section that begins with one, is left out", () => {
    const bytes = update([
      section(3, 0, [textItem("ab"), skip(2), textItem("c")]),
      section(2, 5, [skip(1), gc(1)]),
      section(1, 0, [textItem("d")]),
    ]);
    expect(selectSections(bytes, scanUpdate(bytes, LIMITS), whole([1, 2, 3]), "none")).toEqual(
      update([section(3, 0, [textItem("ab")]), section(1, 0, [textItem("d")])]),
    );
  });

  test.each(SEEDS)("a section is cut between its structs, as Yjs counts them, seed %i", (seed) => {
    const random = createRandom(seed);
    let cut = 0;
    for (const bytes of randomUpdates(seed)) {
      const scan = scanUpdate(bytes, LIMITS);
      const section = scan.sections[random(Math.max(1, scan.sections.length))];
      if (section === undefined || section.to === section.from) continue;
      const clock = section.from + random(section.to - section.from + 1);
      const structs = Y.decodeUpdate(bytes).structs.filter(({ id }) => id.client === section.client);
      const kept = structs.slice(0, section.structs).filter(({ id, length }) => id.clock + length <= clock);
      const part = selectSections(bytes, scan, new Map([[section.client, clock]]), "none");
      expect(Y.decodeUpdate(part).structs.map(({ id, length }) => [id, length])).toEqual(
        kept.map(({ id, length }) => [id, length]),
      );
      if (kept.length > 0 && kept.length < section.structs) cut += 1;
    }
    expect(cut).toBeGreaterThan(5);
  });

  test("a long section is cut without being walked from its beginning", () => {
    const structs = Array.from({ length: 100_000 }, (_, index) => textItem(index % 2 === 0 ? "ab" : "c"));
    const bytes = update([section(1, 0, structs)]);
    const scan = scanUpdate(bytes, LIMITS);
    const found = scan.sections[0]!;
    for (const clock of [0, 1, 2, 3, 70_000, 70_001, 149_999, 150_000]) {
      const before = {
        clock: clock - (clock % 3 === 1 ? 1 : 0),
        structs: Math.floor(clock / 3) * 2 + (clock % 3 === 2 ? 1 : 0),
      };
      const reads = countReads(bytes, (counted) =>
        expect(boundaryBefore(counted, found, clock)).toMatchObject(before),
      );
      expect(reads).toBeLessThan(2 * 64 * 1024);
    }
  });

  test("only the deletions that are given", () => {
    const bytes = Uint8Array.of(0, 1, 1, 1, 0, 9);
    const part = selectSections(bytes, scanUpdate(bytes, LIMITS), NOBODY, new Map([[1, [2, 4, 6, 7]]]));
    expect(part).toEqual(Uint8Array.of(0, 1, 1, 2, 2, 2, 6, 1));
    expect(selectSections(bytes, scanUpdate(bytes, LIMITS), NOBODY, "none")).toEqual(Uint8Array.of(0, 0));
  });

  test("the bytes are a copy", () => {
    const bytes = update([section(1, 0, [textItem("d")])]);
    const part = selectSections(bytes, scanUpdate(bytes, LIMITS), whole([1]), "none");
    bytes.fill(255);
    expect(scanUpdate(part, LIMITS).sections).toHaveLength(1);
  });
});
