import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { createIdRangeSet } from "./id-range-set.ts";
import { coversRange, isSubset, mergeIdRanges, sortedRanges, subtractIdRanges } from "./id-ranges.ts";
import { decodeIdRanges, writeIdRanges } from "./id-ranges-bytes.ts";
import type { IdRanges } from "./update-scan.ts";
import { createWriter, writtenBytes } from "./writer.ts";

const CLOCK_MAX = 2 ** 40;
const RUNS = { seed: 7, numRuns: 500 };

/** Ranges of up to three client ids within 40 clocks, so that they meet in every way. */
const idRanges: fc.Arbitrary<IdRanges> = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 6 })),
    { maxLength: 20 },
  )
  .map((entries) => {
    const byClient = new Map<number, number[]>();
    for (const [client, start, length] of entries)
      byClient.set(client, [...(byClient.get(client) ?? []), start, start + length]);
    return new Map([...byClient].map(([client, ranges]) => [client, sortedRanges(ranges)]));
  });

/** The same as a set of single ids. */
function ids(ranges: IdRanges): Set<string> {
  const set = new Set<string>();
  for (const [client, own] of ranges)
    for (let at = 0; at < own.length; at += 2)
      for (let clock = own[at]!; clock < own[at + 1]!; clock++) set.add(`${client}:${clock}`);
  return set;
}

const union = (a: Set<string>, b: Set<string>) => new Set([...a, ...b]);
const difference = (a: Set<string>, b: Set<string>) => new Set([...a].filter((id) => !b.has(id)));

function expectInForm(ranges: IdRanges): void {
  for (const own of ranges.values()) {
    expect(own.length).toBeGreaterThan(0);
    expect(own.length % 2).toBe(0);
    for (let at = 1; at < own.length; at++) expect(own[at]).toBeGreaterThan(own[at - 1]!);
  }
}

describe("id ranges behave like sets of ids", () => {
  test("merge and subtract", () => {
    fc.assert(
      fc.property(idRanges, idRanges, (left, right) => {
        const merged = mergeIdRanges(left, right);
        const rest = subtractIdRanges(left, right);
        expectInForm(merged);
        expectInForm(rest);
        expect(ids(merged)).toEqual(union(ids(left), ids(right)));
        expect(ids(rest)).toEqual(difference(ids(left), ids(right)));
      }),
      RUNS,
    );
  });

  test("isSubset and coversRange", () => {
    fc.assert(
      fc.property(idRanges, idRanges, fc.nat(45), fc.nat(8), (left, right, start, length) => {
        expect(isSubset(left, right)).toBe(difference(ids(left), ids(right)).size === 0);
        expect(isSubset(left, mergeIdRanges(left, right))).toBe(true);
        const wanted = ids(new Map([[1, length === 0 ? [] : [start, start + length]]]));
        expect(coversRange(left, 1, start, start + length)).toBe(difference(wanted, ids(left)).size === 0);
      }),
      RUNS,
    );
  });

  test("a growing set says what was new, and takes it back", () => {
    fc.assert(
      fc.property(idRanges, fc.array(idRanges, { maxLength: 6 }), (initial, additions) => {
        const set = createIdRangeSet(initial);
        const steps = additions.map((addition) => {
          const before = new Map([...set.ranges].map(([client, own]) => [client, [...own]]));
          const added = set.add(addition);
          expectInForm(set.ranges);
          expect(ids(added)).toEqual(difference(ids(addition), ids(before)));
          expect(ids(set.ranges)).toEqual(union(ids(before), ids(addition)));
          return { before, added };
        });
        for (const { before, added } of steps.reverse()) {
          set.remove(added);
          expect(set.ranges).toEqual(before);
        }
        expect(set.ranges).toEqual(initial);
      }),
      RUNS,
    );
  });

  test("a growing set changes nothing that it was given", () => {
    fc.assert(
      fc.property(idRanges, idRanges, idRanges, (initial, first, second) => {
        const given = structuredClone([initial, first, second]);
        const set = createIdRangeSet(initial);
        const added = set.add(first);
        const addedThen = structuredClone(added);
        set.add(second);
        expect([initial, first, second]).toEqual(given);
        expect(added).toEqual(addedThen);
      }),
      RUNS,
    );
  });
});

describe("id ranges as bytes", () => {
  const encode = (ranges: IdRanges) => {
    const writer = createWriter();
    writeIdRanges(writer, ranges);
    return writtenBytes(writer);
  };

  test("are Yjs' delete set", () => {
    fc.assert(
      fc.property(idRanges, (ranges) => {
        const bytes = encode(ranges);
        expect(decodeIdRanges(bytes, CLOCK_MAX)).toEqual(ranges);
        const { ds } = Y.decodeUpdate(Uint8Array.of(0, ...bytes));
        const byYjs = new Map(
          [...ds.clients].map(([client, items]) => [
            client,
            items.flatMap((i) => [i.clock, i.clock + i.len]),
          ]),
        );
        expect(byYjs).toEqual(ranges);
      }),
      RUNS,
    );
  });

  test("may come in any order and overlap", () => {
    expect(decodeIdRanges(Uint8Array.of(1, 9, 4, 5, 2, 0, 1, 1, 3, 6, 2), CLOCK_MAX)).toEqual(
      new Map([[9, [0, 4, 5, 8]]]),
    );
  });

  test("large numbers survive", () => {
    const ranges = new Map([[2 ** 53 - 1, [0, 1, 2 ** 39, 2 ** 40]]]);
    expect(decodeIdRanges(encode(ranges), CLOCK_MAX)).toEqual(ranges);
  });

  test.each([[[]], [[1]], [[1, 1, 1, 0]], [[0, 0]], [[1, 1, 1, 0, 0]]])("%j is refused [DC5]", (bytes) => {
    expect(() => decodeIdRanges(Uint8Array.from(bytes), CLOCK_MAX)).toThrow(/The update is refused/);
  });
});
