import { expect, test } from "vitest";
import { DEFAULT_LIMITS, resolveLimits } from "./limits.ts";

test("limits that are not named keep their defaults", () => {
  expect(resolveLimits()).toEqual(DEFAULT_LIMITS);
  expect(resolveLimits({ subscriptionsMax: 3 })).toEqual({ ...DEFAULT_LIMITS, subscriptionsMax: 3 });
});

test.each([
  { limits: { heartbeatDeadlineMs: 30_000 }, says: "heartbeatDeadlineMs" },
  { limits: { handlerTimeoutMs: Number.NaN }, says: "handlerTimeoutMs" },
  { limits: { messagesBurstMax: -1 }, says: "messagesBurstMax" },
])("limits that cannot work are refused by name: $says", ({ limits, says }) => {
  expect(() => resolveLimits(limits)).toThrow(says);
});
