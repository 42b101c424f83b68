import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HISTORY_BYTES_MAX, HISTORY_ENTRIES_MAX, Retention } from "./retention.ts";

type Entry = readonly [offset: number, bytes: number, atMs: number];

function retentionOf(
  options: ConstructorParameters<typeof Retention>[0],
  entries: readonly Entry[],
): Retention {
  const retention = new Retention(options);
  for (const entry of entries) retention.add(...entry);
  return retention;
}

const five: Entry[] = [1, 2, 3, 4, 5].map((offset) => [offset, 10, offset * 100]);

describe("retention", () => {
  test.each([
    ["nothing to drop", {}, five, 500, null],
    ["too many entries", { entriesMax: 3 }, five, 500, 2],
    ["exactly as many as allowed", { entriesMax: 5 }, five, 500, null],
    ["too many bytes", { bytesMax: 25 }, five, 500, 3],
    ["exactly as many bytes as allowed", { bytesMax: 50 }, five, 500, null],
    ["too old", { ageMaxMs: 100 }, five, 350, 2],
    ["exactly as old as allowed", { ageMaxMs: 400 }, five, 500, null],
    ["everything too old", { ageMaxMs: 1 }, five, 10_000, 5],
    ["the strictest of several", { entriesMax: 4, bytesMax: 20, ageMaxMs: 1_000 }, five, 500, 3],
    ["one entry larger than all that may be kept", { bytesMax: 5 }, five.slice(0, 1), 100, 1],
    ["no entries", { entriesMax: 0 }, [], 0, null],
  ] as const)("drops what it must: %s", (_name, options, entries, nowMs, trimTo) => {
    expect(retentionOf(options, entries).take(nowMs)).toBe(trimTo);
  });

  test("does not repeat itself", () => {
    const retention = retentionOf({ entriesMax: 2 }, five);
    expect(retention.take(0)).toBe(3);
    expect(retention.take(0)).toBeNull();
    retention.add(6, 10, 600);
    expect(retention.take(600)).toBe(4);
  });

  test("forgets everything when the log starts anew", () => {
    const retention = retentionOf({ entriesMax: 2, bytesMax: 20 }, five.slice(0, 2));
    retention.clear();
    retention.add(1, 20, 0);
    expect(retention.take(0)).toBeNull();
  });

  test("keeps 1,000 entries and 16 MiB unless the definition says otherwise", () => {
    expect([HISTORY_ENTRIES_MAX, HISTORY_BYTES_MAX]).toEqual([1_000, 16 * 1024 * 1024]);
    const many = Array.from({ length: 1_003 }, (_, index) => [index + 1, 1, 0] as const);
    expect(retentionOf({}, many).take(Number.MAX_SAFE_INTEGER)).toBe(3);
  });

  test("keeps the newest that fit, whatever comes in", () => {
    const limits = fc.record({
      entriesMax: fc.integer({ min: 1, max: 50 }),
      bytesMax: fc.integer({ min: 1, max: 400 }),
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3_000 });
    fc.assert(
      fc.property(limits, sizes, ({ entriesMax, bytesMax }, bytesOf) => {
        const retention = new Retention({ entriesMax, bytesMax });
        let floor = 0;
        for (const [index, bytes] of bytesOf.entries()) {
          retention.add(index + 1, bytes, 0);
          floor = retention.take(0) ?? floor;
          const kept = bytesOf.slice(floor, index + 1);
          const sum = (list: number[]) => list.reduce((total, size) => total + size, 0);
          expect(kept.length).toBeLessThanOrEqual(entriesMax);
          expect(sum(kept)).toBeLessThanOrEqual(bytesMax);
          // One more would have been too much.
          if (floor > 0)
            expect(kept.length + 1 > entriesMax || sum(kept) + bytesOf[floor - 1]! > bytesMax).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });
});
