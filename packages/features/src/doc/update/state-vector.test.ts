import { PlexlineError } from "@plexline/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import {
  coversStateVector,
  decodeStateVector,
  encodeStateVector,
  mergeStateVectors,
} from "./state-vector.ts";

const LIMITS = { clientsMax: 100, clockMax: 2 ** 40 };
const RUNS = { seed: 11, numRuns: 500 };

const vector = fc
  .array(fc.tuple(fc.oneof(fc.nat(5), fc.maxSafeNat()), fc.oneof(fc.nat(5), fc.nat({ max: 2 ** 31 - 1 }))), {
    maxLength: 12,
  })
  .map((entries) => new Map(entries));

describe("state vectors", () => {
  test("are encoded and decoded as by Yjs [DC1]", () => {
    fc.assert(
      fc.property(vector, (given) => {
        const bytes = encodeStateVector(given);
        expect(bytes).toEqual(Y.encodeStateVector(given));
        expect(decodeStateVector(bytes, LIMITS)).toEqual(given);
      }),
      RUNS,
    );
  });

  test("merge to the higher clocks, and a merge covers both", () => {
    fc.assert(
      fc.property(vector, vector, (left, right) => {
        const merged = mergeStateVectors(left, right);
        for (const client of [...left.keys(), ...right.keys()])
          expect(merged.get(client)).toBe(Math.max(left.get(client) ?? 0, right.get(client) ?? 0));
        expect(coversStateVector(merged, left) && coversStateVector(merged, right)).toBe(true);
        const missing = [...right].some(([client, clock]) => (left.get(client) ?? 0) < clock);
        expect(coversStateVector(left, right)).toBe(!missing);
      }),
      RUNS,
    );
  });

  test.each([
    ["no bytes", []],
    ["cut off", [2, 1, 1]],
    ["bytes after the end", [1, 1, 1, 0]],
    ["a client id twice", [2, 1, 1, 1, 2]],
    ["a count without entries", [255, 255, 255, 255, 15]],
    ["a clock beyond the limit", [1, 1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ["too many client ids", [101, ...Array.from({ length: 101 }, (_, client) => [client, 1]).flat()]],
  ])("%s: refused [DC5]", (_, bytes) => {
    const decode = () => decodeStateVector(Uint8Array.from(bytes), LIMITS);
    expect(decode).toThrow(PlexlineError);
    expect(decode).toThrow(expect.objectContaining({ code: "UPDATE_INVALID" }));
  });
});
