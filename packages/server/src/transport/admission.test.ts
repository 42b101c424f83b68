import { describe, expect, test } from "vitest";
import type { Clock } from "../platform/clock.ts";
import { type Admission, createAdmission } from "./admission.ts";

function createFixture(
  limits: { connects?: number; connectsPerAddress?: number; addressesMax?: number } = {},
) {
  const time = { nowMs: 0, overloaded: false };
  const clock = { monotonicMs: () => time.nowMs } as Clock;
  const admission: Admission = createAdmission({
    clock,
    limits: {
      connects: { ratePerSecond: 1, burst: limits.connects ?? 1000 },
      connectsPerAddress: { ratePerSecond: 1, burst: limits.connectsPerAddress ?? 2 },
      addressesMax: limits.addressesMax ?? 10,
    },
    overloaded: () => time.overloaded,
  });
  return { time, check: (address: string) => admission.check(address)?.code ?? "ok", admission };
}

describe("admission", () => {
  test("limits one address and leaves others alone", () => {
    const { check, time } = createFixture();
    expect([check("a"), check("a"), check("a")]).toEqual(["ok", "ok", "RATE_LIMITED"]);
    expect(check("b")).toBe("ok");
    time.nowMs = 1000;
    expect(check("a")).toBe("ok");
  });

  test("counts all addresses of one IPv6 /64 as one", () => {
    const { check } = createFixture({ connectsPerAddress: 1 });
    expect(check("2001:db8:1:2::1")).toBe("ok");
    expect(check("2001:db8:1:2:ffff::9")).toBe("RATE_LIMITED");
    expect(check("2001:db8:1:2:3:4:5:6")).toBe("RATE_LIMITED");
    expect(check("2001:db8:1:3::1")).toBe("ok");
    expect(check("::1")).toBe("ok");
    expect(check("2001:db8::1")).toBe("ok");
  });

  test("limits everybody together", () => {
    const { check, admission } = createFixture({ connects: 2 });
    expect([check("a"), check("b"), check("c")]).toEqual(["ok", "ok", "OVERLOADED"]);
    expect(admission.check("d")?.retryAfterMs).toBe(1000);
  });

  test("lets nobody in while the server is overloaded", () => {
    const { check, time } = createFixture();
    time.overloaded = true;
    expect(check("a")).toBe("OVERLOADED");
    time.overloaded = false;
    expect(check("a")).toBe("ok");
  });

  test("remembers a bounded number of addresses, the latest", () => {
    const { check } = createFixture({ connectsPerAddress: 1, addressesMax: 2 });
    expect([check("a"), check("b"), check("c")]).toEqual(["ok", "ok", "ok"]);
    expect(check("c")).toBe("RATE_LIMITED");
    expect(check("b")).toBe("RATE_LIMITED");
    expect(check("a")).toBe("ok");
  });
});
