import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runDialects } from "./dialects/run.ts";
import { describeRun } from "./documents/run.ts";

/** How many runs, and the seed of the first: `SEEDS=1 FIRST=17` replays one. `npm run soak -- dialects` runs more. */
const SEEDS = Number(process.env.SEEDS ?? 20);
const FIRST = Number(process.env.FIRST ?? 1);
const RUN_MAX_MS = 10_000;

describe("one document in every dialect", () => {
  // Published providers come back by timers of the machine; here they come back when a run says so, or a seed would not
  // repeat.
  beforeEach(
    () => void vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] }),
  );
  afterEach(() => void vi.useRealTimers());

  test(
    "is the same bytes for everybody once everything has healed, and so is who is there",
    async () => {
      const startMs = performance.now();
      let entries = 0;
      for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
        const result = await runDialects(seed);
        entries += result.entries;
        expect(result.differences.length === 0 ? "nothing" : describeRun(result)).toBe("nothing");
      }
      const seconds = (performance.now() - startMs) / 1_000;
      process.stdout.write(
        `dialects: seeds ${FIRST} to ${FIRST + SEEDS - 1}, ${entries} entries, ${seconds.toFixed(1)} s, all the same\n`,
      );
      expect(entries).toBeGreaterThan(SEEDS * 20);
    },
    SEEDS * RUN_MAX_MS + 60_000,
  );

  test("does the same again with the same seed", async () => {
    const [first, second] = [await runDialects(8), await runDialects(8)];
    expect(second).toEqual(first);
  });
});
