import { expect, test } from "vitest";
import { systemClock, systemRandom } from "./platform.ts";

test("ids are fresh, fit an idempotency key and are safe in a url", () => {
  const ids = Array.from({ length: 100 }, () => systemRandom.id(16));
  expect(new Set(ids).size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test("a timer runs once, and not when it was cancelled", async () => {
  const ran: string[] = [];
  systemClock.setTimer(() => ran.push("cancelled"), 0).cancel();
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 1));
  expect(ran).toEqual([]);
  expect(systemClock.monotonicMs()).toBeLessThanOrEqual(systemClock.monotonicMs());
});
