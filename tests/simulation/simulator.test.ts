import { describe, expect, test } from "vitest";
import { findViolation, reportOf, simulate } from "../../packages/testing/src/simulator/index.ts";

/** How long each run over many seeds may take. `npm run soak -- simulator` runs more. */
const TIME_MS = 40_000;

function* seedsFor(timeMs: number): Generator<number> {
  const endMs = performance.now() + timeMs;
  for (let seed = 1; performance.now() < endMs; seed += 1) yield seed;
}

describe("clients and a server in virtual time", () => {
  test.for([
    { documents: false, runsMin: 250 },
    { documents: true, runsMin: 50 },
  ])("break no rule, whatever happens to them, documents: $documents", async ({ documents, runsMin }) => {
    const startMs = performance.now();
    const { found, runs } = await findViolation(seedsFor(TIME_MS), { documents });
    const perMinute = (runs / (performance.now() - startMs)) * 60_000;
    const what = documents ? "with documents" : "without documents";
    process.stdout.write(`simulator: ${runs} seeds ${what}, ${perMinute.toFixed(0)} a minute\n`);
    expect(found === null ? "nothing" : reportOf(found)).toBe("nothing");
    expect(runs).toBeGreaterThan(runsMin);
  });

  test("do the same again with the same seed", async () => {
    for (const seed of [3, 8, 21]) {
      const options = { documents: seed !== 3, traceLines: 10_000 };
      const traces = [await simulate(seed, options), await simulate(seed, options)];
      expect(traces[0]?.trace.length).toBeGreaterThan(50);
      expect(traces[1]).toEqual(traces[0]);
    }
  });
});
