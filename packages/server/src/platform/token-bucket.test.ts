import { describe, expect, test } from "vitest";
import { createTokenBucket } from "./token-bucket.ts";

describe("token bucket", () => {
  test("lets a burst through, then nothing", () => {
    const bucket = createTokenBucket({ ratePerSecond: 10, burst: 3 }, 0);
    expect([1, 2, 3, 4].map(() => bucket.take(0))).toEqual([true, true, true, false]);
  });

  test("fills at its rate and never above the burst", () => {
    const bucket = createTokenBucket({ ratePerSecond: 10, burst: 3 }, 0);
    expect(bucket.take(0, 3)).toBe(true);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.take(100)).toBe(false);
    expect(bucket.take(60_000, 3)).toBe(true);
    expect(bucket.take(60_000)).toBe(false);
  });

  test("takes nothing when it refuses", () => {
    const bucket = createTokenBucket({ ratePerSecond: 1, burst: 5 }, 0);
    expect(bucket.take(0, 4)).toBe(true);
    expect(bucket.take(0, 2)).toBe(false);
    expect(bucket.take(0, 1)).toBe(true);
  });

  test("says after how long a take succeeds", () => {
    const bucket = createTokenBucket({ ratePerSecond: 4, burst: 2 }, 0);
    expect(bucket.retryAfterMs(0)).toBe(0);
    bucket.take(0, 2);
    const retryAfterMs = bucket.retryAfterMs(0);
    expect(retryAfterMs).toBe(250);
    expect(bucket.take(retryAfterMs - 1)).toBe(false);
    expect(bucket.take(retryAfterMs)).toBe(true);
    expect(bucket.retryAfterMs(retryAfterMs, 3)).toBe(Number.POSITIVE_INFINITY);
  });

  test("forced, goes into debt, which comes back before anything else does", () => {
    const bucket = createTokenBucket({ ratePerSecond: 10, burst: 2 }, 0);
    for (let count = 0; count < 5; count += 1) bucket.force(0);
    expect(bucket.retryAfterMs(0)).toBe(400);
    expect([bucket.take(399), bucket.take(400), bucket.take(400)]).toEqual([false, true, false]);
    expect([bucket.isFull(599), bucket.isFull(600)]).toEqual([false, true]);
  });

  test("forced while it has tokens, takes one like any other", () => {
    const bucket = createTokenBucket({ ratePerSecond: 10, burst: 2 }, 0);
    bucket.force(0);
    expect([bucket.take(0), bucket.take(0)]).toEqual([true, false]);
  });

  test("a refused take adds nothing to a debt", () => {
    const bucket = createTokenBucket({ ratePerSecond: 10, burst: 1 }, 0);
    bucket.force(0);
    bucket.force(0);
    for (let count = 0; count < 100; count += 1) bucket.take(0);
    expect(bucket.retryAfterMs(0)).toBe(200);
  });

  test("is full again once nothing of what was taken is missing", () => {
    const bucket = createTokenBucket({ ratePerSecond: 1, burst: 2 }, 0);
    expect(bucket.isFull(0)).toBe(true);
    bucket.take(0);
    expect(bucket.isFull(999)).toBe(false);
    expect(bucket.isFull(1000)).toBe(true);
  });

  test("gives nothing for a clock that went back", () => {
    const bucket = createTokenBucket({ ratePerSecond: 1000, burst: 1 }, 1000);
    bucket.take(1000);
    expect(bucket.take(0)).toBe(false);
    expect(bucket.take(1000)).toBe(false);
  });

  test("refuses options that let nothing through", () => {
    expect(() => createTokenBucket({ ratePerSecond: 0, burst: 1 }, 0)).toThrow(RangeError);
    expect(() => createTokenBucket({ ratePerSecond: Number.NaN, burst: 1 }, 0)).toThrow(RangeError);
    expect(() => createTokenBucket({ ratePerSecond: 1, burst: 0 }, 0)).toThrow(RangeError);
  });
});
