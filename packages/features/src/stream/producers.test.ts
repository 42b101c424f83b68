import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attachedGeneration, fence } from "./producers.ts";
import type { ProducerState } from "./state.ts";

const at = (generation: number, sequence: number) => ({ generation, sequence });

describe("the fence", () => {
  test.each([
    ["the first append of an unknown producer", undefined, at(0, 0), { fence: "next" }],
    ["an unknown producer that begins later", undefined, at(7, 3), { fence: "gap", expected: 0 }],
    ["the next one", at(2, 4), at(2, 5), { fence: "next" }],
    ["the last one again", at(2, 4), at(2, 4), { fence: "repeated", sequence: 4 }],
    ["an old one again", at(2, 4), at(2, 0), { fence: "repeated", sequence: 4 }],
    ["one that leaves a hole", at(2, 4), at(2, 6), { fence: "gap", expected: 5 }],
    ["a predecessor", at(2, 4), at(1, 5), { fence: "fenced", generation: 2 }],
    ["a successor", at(2, 4), at(3, 0), { fence: "next" }],
    [
      "a successor that begins later",
      at(2, 4),
      at(3, 5),
      { fence: "gap", expected: 0, isNewGeneration: true },
    ],
    ["the first after attaching", at(2, -1), at(2, 0), { fence: "next" }],
    ["the last number there is", at(0, 2 ** 53 - 2), at(0, 2 ** 53 - 1), { fence: "next" }],
  ] as const)("[ST2, ST3, ST4, ST5] %s", (_, known, input, verdict) => {
    expect(fence(known, input)).toEqual(verdict);
  });

  test("[ST2, ST3, ST4, ST5] whatever comes in whatever order, each generation is a sequence without hole or repetition", () => {
    const input = fc.record({ generation: fc.nat(3), sequence: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(input, { maxLength: 200 }), (inputs) => {
        let known: { generation: number; sequence: number } | undefined;
        const accepted: { generation: number; sequence: number }[] = [];
        for (const each of inputs) {
          const before = known;
          const verdict = fence(known, each);
          if (verdict.fence !== "next") continue;
          accepted.push(each);
          known = each;
          expect(fence(known, each)).toMatchObject({ fence: "repeated" });
          if (before && before.generation < each.generation)
            expect(fence(known, before)).toEqual({ fence: "fenced", generation: each.generation });
        }
        for (const [index, { generation, sequence }] of accepted.entries()) {
          const previous = accepted[index - 1];
          if (previous?.generation === generation) expect(sequence).toBe(previous.sequence + 1);
          else {
            expect(sequence).toBe(0);
            expect(generation).toBeGreaterThan(previous?.generation ?? -1);
          }
        }
      }),
    );
  });
});

test("[ST16] attach gives the generation that is asked for, if it is not below the present one, else the next", () => {
  const known = { ...at(3, 9), state: "lost", leaseMs: 1, seenAtMs: 0 } satisfies ProducerState;
  const given = [undefined, 0, 2, 3, 4, 9].map((asked) => attachedGeneration(known, asked));
  expect(given).toEqual([4, 4, 4, 3, 4, 9]);
  expect([undefined, 0, 5].map((asked) => attachedGeneration(undefined, asked))).toEqual([0, 0, 5]);
});
