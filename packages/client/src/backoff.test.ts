import { expect, test } from "vitest";
import { BACKOFF_DEFAULT, backoffMs, reconnectDelayMs } from "./backoff.ts";
import type { ClientRandom } from "./platform.ts";

function always(value: number): ClientRandom {
  return { next: () => value, id: () => "" };
}

test("the jitter reaches from 0 to min(cap, base × 2^failures)", () => {
  expect(backoffMs(BACKOFF_DEFAULT, 5, always(0))).toBe(0);
  expect([0, 1, 2, 3].map((failures) => backoffMs(BACKOFF_DEFAULT, failures, always(1)))).toEqual([
    250, 500, 1_000, 2_000,
  ]);
  expect(backoffMs(BACKOFF_DEFAULT, 5_000, always(1))).toBe(15_000);
});

test("a stable connection that was restarted or lost retries within 100 ms", () => {
  for (const code of [1001, 1006, 1012]) {
    expect(reconnectDelayMs({ code, stable: true, failures: 0 }, BACKOFF_DEFAULT, always(1))).toBe(100);
    expect(reconnectDelayMs({ code, stable: false, failures: 0 }, BACKOFF_DEFAULT, always(1))).toBe(250);
  }
  expect(reconnectDelayMs({ code: 1013, stable: true, failures: 0 }, BACKOFF_DEFAULT, always(1))).toBe(250);
});
