import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planSegment } from "./segment-plan.ts";

/** Carries out a plan, as far as sizes go: a fold makes half of it go away. */
function extended(segments: readonly number[], tail: number) {
  const { how, from } = planSegment(segments, tail);
  const bytes = segments.slice(from).reduce((sum, one) => sum + one, tail);
  return { how, bytes, segments: [...segments.slice(0, from), bytes] };
}

describe("the plan of a document's segments", () => {
  test.each([
    ["nothing is stored yet", [], 10, { how: "fold", from: 0 }],
    ["more has come than half of what is folded", [100], 51, { how: "fold", from: 0 }],
    ["less has come", [100], 50, { how: "merge", from: 1 }],
    ["it is as long as the segment before", [1_000, 10], 10, { how: "merge", from: 1 }],
    ["the segment before is more than twice as long", [1_000, 21], 10, { how: "merge", from: 2 }],
    [
      "several before it are not, each with those after it",
      [1_000, 70, 25, 10],
      10,
      { how: "merge", from: 1 },
    ],
    ["all together are more than half of what is folded", [1_000, 300, 195], 10, { how: "fold", from: 0 }],
  ] as const)("[DC18] when %s", (_when, segments, tail, plan) => {
    expect(planSegment(segments, tail)).toEqual(plan);
  });

  test("[DC18] keeps segments few and the bytes written a logarithm of those that came, however they come", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000_000, max: 50_000_000 }),
        fc.array(fc.integer({ min: 1_000, max: 20_000 }), { minLength: 1, maxLength: 400 }),
        (base, tails) => {
          let segments: readonly number[] = [base];
          let written = 0;
          let came = 0;
          for (const tail of tails) {
            const next = extended(segments, tail);
            came += tail;
            written += next.bytes;
            segments = next.segments;
            const [, ...after] = segments;
            for (const [index, bytes] of after.entries())
              if (index > 0) expect(after[index - 1]).toBeGreaterThan(2 * bytes);
            expect(after.length).toBeLessThanOrEqual(1 + Math.log2(Math.max(2, base / 2 / 1_000)));
          }
          expect(segments.reduce((sum, bytes) => sum + bytes, 0)).toBe(base + came);
          // Each time a byte is merged its segment grows by half or more; folds cost three times what has come since.
          const merges = 1 + Math.log(came / 1_000) / Math.log(1.5);
          expect(written).toBeLessThanOrEqual(came * (merges + 3));
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });
});
