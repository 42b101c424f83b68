import { describe, expect, test } from "vitest";
import { createTestClock } from "./clock.ts";

describe("the test clock", () => {
  test("runs timers by due time, equal ones in the order of their creation", () => {
    const clock = createTestClock();
    const ran: string[] = [];
    clock.setTimer(() => ran.push("c"), 20);
    clock.setTimer(() => ran.push("a"), 10);
    clock.setTimer(() => ran.push("b"), 10);
    clock.advance(19);
    expect(ran).toEqual(["a", "b"]);
    clock.advance(1);
    expect(ran).toEqual(["a", "b", "c"]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("shows each timer the time it was due at, and runs those set on the way", () => {
    const clock = createTestClock(1_000);
    const seen: number[] = [];
    clock.setTimer(() => {
      seen.push(clock.monotonicMs());
      clock.setTimer(() => seen.push(clock.nowMs()), 5);
    }, 10);
    clock.advance(100);
    expect(seen).toEqual([10, 1_015]);
    expect(clock.monotonicMs()).toBe(100);
  });

  test("never runs a cancelled timer, and cancelling again does nothing", () => {
    const clock = createTestClock();
    const ran: string[] = [];
    const cancelled = clock.setTimer(() => ran.push("cancelled"), 10);
    clock.setTimer(() => ran.push("kept"), 10);
    cancelled.cancel();
    cancelled.cancel();
    clock.advance(10);
    cancelled.cancel();
    expect(ran).toEqual(["kept"]);
  });

  test("runs what was deferred before the next timer, and on runDeferred without moving", () => {
    const clock = createTestClock();
    const ran: string[] = [];
    clock.setTimer(() => {
      ran.push("first");
      clock.defer(() => {
        ran.push("deferred");
        clock.defer(() => ran.push("deferred in turn"));
      });
    }, 1);
    clock.setTimer(() => ran.push("second"), 1);
    clock.advance(1);
    clock.defer(() => ran.push("at once"));
    clock.runDeferred();
    expect(ran).toEqual(["first", "deferred", "deferred in turn", "second", "at once"]);
    expect(clock.monotonicMs()).toBe(1);
  });

  test("keeps the rest of a tick when a deferred callback throws", () => {
    const clock = createTestClock();
    const ran: string[] = [];
    clock.defer(() => {
      throw new Error("broken");
    });
    clock.defer(() => ran.push("after"));
    expect(() => clock.runDeferred()).toThrow("broken");
    clock.runDeferred();
    expect(ran).toEqual(["after"]);
  });

  test("refuses to go back", () => {
    const clock = createTestClock();
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
  });
});
