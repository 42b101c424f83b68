import { createTestClock } from "@plexline/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTimingWheel, type DeadlineItem } from "./timing-wheel.ts";

function fixture(options: { tickMs?: number; slots?: number } = {}) {
  const clock = createTestClock();
  const errors: unknown[] = [];
  const wheel = createTimingWheel({ clock, onError: (error) => void errors.push(error), ...options });
  const item = () => {
    const ranAtMs: number[] = [];
    return { ranAtMs, onDeadline: () => void ranAtMs.push(clock.monotonicMs()) };
  };
  return { clock, errors, wheel, item };
}

describe("the timing wheel", () => {
  test("a deadline runs once, at the first tick that is not early", () => {
    const { clock, wheel, item } = fixture();
    clock.advance(300);
    const one = item();
    wheel.schedule(one, 2_000);
    clock.advance(60_000);
    expect(one.ranAtMs).toEqual([3_000]);
  });

  test("touching starts the delay again", () => {
    const { clock, wheel, item } = fixture();
    const one = item();
    wheel.schedule(one, 3_000);
    for (let touch = 0; touch < 100; touch++) {
      clock.advance(2_500);
      wheel.touch(one);
    }
    expect(one.ranAtMs).toEqual([]);
    clock.advance(10_000);
    expect(one.ranAtMs).toEqual([253_000]);
  });

  test("scheduling again replaces the deadline, earlier or later", () => {
    const { clock, wheel, item } = fixture();
    const one = item();
    wheel.schedule(one, 50_000);
    wheel.schedule(one, 1_000);
    clock.advance(1_000);
    wheel.schedule(one, 1_000);
    wheel.schedule(one, 5_000);
    clock.advance(100_000);
    expect(one.ranAtMs).toEqual([1_000, 6_000]);
  });

  test("a cancelled item never runs, and cancelling or touching a stranger does nothing", () => {
    const { clock, wheel, item } = fixture();
    const one = item();
    wheel.schedule(one, 1_000);
    wheel.cancel(one);
    wheel.cancel(one);
    wheel.touch(one);
    clock.advance(10_000);
    expect(one.ranAtMs).toEqual([]);
    expect(wheel.size).toBe(0);
  });

  test("delays longer than the wheel go around", () => {
    const { clock, wheel, item } = fixture({ slots: 8 });
    const one = item();
    wheel.schedule(one, 100_000);
    clock.advance(99_999);
    expect(one.ranAtMs).toEqual([]);
    clock.advance(1);
    expect(one.ranAtMs).toEqual([100_000]);
  });

  test("one timer serves all items, and stops when there are none", () => {
    const { clock, wheel, item } = fixture();
    expect(clock.pendingTimers).toBe(0);
    const items = Array.from({ length: 1_000 }, item);
    for (const one of items) wheel.schedule(one, 30_000);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(30_000);
    expect(items.every(({ ranAtMs }) => ranAtMs.length === 1)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
    wheel.schedule(items[0]!, 1_000);
    clock.advance(1_000);
    expect(items[0]!.ranAtMs).toEqual([30_000, 31_000]);
  });

  test("an item may schedule itself again and cancel another that is due", () => {
    const { clock, wheel, item } = fixture();
    const victim = item();
    let runs = 0;
    const again: DeadlineItem = {
      onDeadline() {
        runs += 1;
        wheel.cancel(victim);
        if (runs < 3) wheel.schedule(again, 1_000);
      },
    };
    wheel.schedule(again, 1_000);
    wheel.schedule(victim, 1_000);
    clock.advance(10_000);
    expect(runs).toBe(3);
    expect(victim.ranAtMs).toEqual([]);
  });

  test("an item that throws is reported and hurts no other", () => {
    const { clock, errors, wheel, item } = fixture();
    const error = new Error("no");
    const bad: DeadlineItem = {
      onDeadline() {
        throw error;
      },
    };
    const good = item();
    wheel.schedule(bad, 1_000);
    wheel.schedule(good, 1_000);
    clock.advance(1_000);
    expect(errors).toEqual([error]);
    expect(good.ranAtMs).toEqual([1_000]);
  });

  test("closing forgets everything, even what is due in the same tick", () => {
    const { clock, wheel, item } = fixture();
    const closer: DeadlineItem = { onDeadline: () => wheel.close() };
    const other = item();
    wheel.schedule(closer, 1_000);
    wheel.schedule(other, 1_000);
    clock.advance(10_000);
    expect(other.ranAtMs).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("after a stall every overdue item runs, once", () => {
    let nowMs = 0;
    let wake = () => {};
    const clock = {
      ...createTestClock(),
      monotonicMs: () => nowMs,
      setTimer: (callback: () => void) => {
        wake = callback;
        return { cancel() {} };
      },
    };
    const wheel = createTimingWheel({ clock, slots: 8, onError: () => {} });
    const ran: number[] = [];
    for (let index = 0; index < 20; index++) {
      wheel.schedule({ onDeadline: () => void ran.push(index) }, index * 1_000);
    }
    nowMs = 15_500;
    wake();
    expect([...ran].sort((a, b) => a - b)).toEqual([...Array(16).keys()]);
    nowMs = 1_000_000;
    wake();
    expect(ran).toHaveLength(20);
  });

  test("whatever is scheduled, touched and cancelled, nothing runs early, late by more than a tick, or twice", () => {
    const step = fc.record({
      act: fc.constantFrom("schedule", "touch", "cancel"),
      index: fc.nat(4),
      delayMs: fc.integer({ min: 0, max: 2_000 }),
      advanceMs: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, wheel } = fixture({ tickMs: 100, slots: 4 });
        const due = new Map<number, { atMs: number; delayMs: number }>();
        const items = Array.from({ length: 5 }, (_, index) => ({
          onDeadline() {
            const expected = due.get(index);
            expect(expected).toBeDefined();
            const lateMs = clock.monotonicMs() - expected!.atMs;
            expect(lateMs).toBeGreaterThanOrEqual(0);
            expect(lateMs).toBeLessThanOrEqual(100);
            due.delete(index);
          },
        }));
        for (const { act, index, delayMs, advanceMs } of steps) {
          const atMs = clock.monotonicMs();
          const before = due.get(index);
          wheel[act as "touch"](items[index]!, ...((act === "schedule" ? [delayMs] : []) as []));
          if (act === "schedule") due.set(index, { atMs: atMs + delayMs, delayMs });
          if (act === "touch" && before) due.set(index, { ...before, atMs: atMs + before.delayMs });
          if (act === "cancel") due.delete(index);
          clock.advance(advanceMs);
          expect(wheel.size).toBe(due.size);
        }
        clock.advance(2_200);
        expect(due.size).toBe(0);
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
