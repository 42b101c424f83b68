import { describe, expect, test } from "vitest";
import { systemRandom as random } from "../../server/src/platform/random.ts";
import { createMemoryStorage } from "../../server/src/storage/memory.ts";
import { createTestClock } from "./clock.ts";
import { createFaultyStorage } from "./faulty-storage.ts";

const append = (text: string) => ({
  appends: [{ topic: "t", entries: [{ data: Buffer.from(text), atMs: 1 }] }],
});

describe("a faulty storage", () => {
  test("fails the next writes as a broken disk does, writes nothing of them, and goes on", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random }));
    storage.fail(1);
    await expect(storage.commit(append("lost"))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      cause: { message: expect.stringContaining("EIO") },
    });
    expect(await storage.heads(["t"])).toMatchObject([{ head: 0 }]);
    expect(await storage.commit(append("kept"))).toMatchObject([{ offset: 1 }]);
  });

  test("holds writes back until they are released, in order, while reads pass", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random }));
    storage.hold();
    const commits = [storage.commit(append("a")), storage.commit(append("b"))];
    await new Promise((resolve) => setImmediate(resolve));
    expect(storage.held).toBe(2);
    expect(await storage.heads(["t"])).toMatchObject([{ head: 0 }]);
    storage.release();
    expect(await Promise.all(commits)).toMatchObject([[{ offset: 1 }], [{ offset: 2 }]]);
    expect(storage.held).toBe(0);
  });

  test("fails and delays by chance, the same way for the same draws", async () => {
    const clock = createTestClock();
    const draws = [0.5, 0.9, 0.5, 0.1];
    const faults = { next: () => draws.shift() ?? 0.99, failureRate: 0.2, delayMaxMs: 100 };
    const storage = createFaultyStorage(createMemoryStorage({ random }), { clock, faults });
    const outcomes = Promise.allSettled([storage.commit(append("late")), storage.commit(append("lost"))]);
    for (let ms = 0; ms < 2; ms += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(49);
      expect(storage.held).toBe(2 - ms);
      clock.advance(1);
    }
    expect(await outcomes).toMatchObject([{ status: "fulfilled" }, { status: "rejected" }]);
  });
});
