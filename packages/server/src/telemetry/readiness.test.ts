import { PlexlineError } from "@plexline/protocol";
import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import type { LogFields, Logger } from "./log.ts";
import { createReadiness, type ReadinessCheck } from "./readiness.ts";

function fixture(checks: Record<string, ReadinessCheck>) {
  const clock = createTestClock();
  const lines: LogFields[] = [];
  const write = (fields: LogFields) => void lines.push(fields);
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { clock, lines, readiness: createReadiness({ checks, clock, log }) };
}

describe("readiness", () => {
  test("a node is ready when every check succeeds and it does not drain", async () => {
    const { readiness } = fixture({ storage: async () => {} });
    expect(await readiness.check()).toEqual({
      ready: true,
      checks: { storage: { ok: true, tookMs: 0 }, draining: { ok: true, tookMs: 0 } },
    });
  });

  test("a failing check is named with a sentence that tells no secrets", async () => {
    const { readiness } = fixture({
      storage: () => Promise.reject(new PlexlineError("STORAGE_UNAVAILABLE")),
      broker: () => {
        throw new Error("redis://ada:hunter2@10.0.0.1 refused");
      },
    });
    const { ready, checks } = await readiness.check();
    expect(ready).toBe(false);
    expect(checks.storage).toEqual({
      ok: false,
      error: expect.stringContaining("cannot write to its storage"),
    });
    expect(JSON.stringify(checks)).not.toContain("hunter2");
  });

  test("a check that hangs fails at its deadline, is not started again, and recovers once it settles", async () => {
    let started = 0;
    let release = () => {};
    const { clock, readiness } = fixture({
      storage: () => {
        started += 1;
        return started === 1 ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve();
      },
    });
    const first = readiness.check();
    clock.advance(2_000);
    expect((await first).checks.storage).toEqual({ ok: false, error: "No answer within 2000 ms." });
    clock.advance(1_000);
    expect((await readiness.check()).checks.storage).toEqual({
      ok: false,
      error: "An earlier check still hangs.",
    });
    expect(started).toBe(1);
    release();
    const recovered = async () => {
      clock.advance(1_000);
      return (await readiness.check()).ready;
    };
    await expect.poll(recovered).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test("results are shared while under way and told again while fresh", async () => {
    let runs = 0;
    const { clock, readiness } = fixture({
      storage: async () => {
        runs += 1;
      },
    });
    await Promise.all([readiness.check(), readiness.check()]);
    clock.advance(999);
    await readiness.check();
    expect(runs).toBe(1);
    clock.advance(1);
    await readiness.check();
    expect(runs).toBe(2);
  });

  test("draining shows at once, whatever is cached", async () => {
    const { readiness } = fixture({ storage: async () => {} });
    await readiness.check();
    readiness.startDraining();
    const report = await readiness.check();
    expect(report.ready).toBe(false);
    expect(report.checks.draining?.ok).toBe(false);
  });

  test("the log has one line when a check starts to fail and one when it works again", async () => {
    let broken = true;
    const { clock, lines, readiness } = fixture({
      storage: async () => {
        if (broken) throw new Error("EIO");
      },
    });
    for (const isBroken of [true, true, false, false]) {
      broken = isBroken;
      await readiness.check();
      clock.advance(1_000);
    }
    expect(lines.map(({ action }) => action)).toEqual(["readiness.failed", "readiness.recovered"]);
  });
});
