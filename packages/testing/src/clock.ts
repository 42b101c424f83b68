import type { Clock, Timer } from "@plexline/server";

/** Callbacks that one `advance` may run before it is taken for a loop that never ends. */
const CALLBACKS_MAX = 1_000_000;

/** A clock that moves only when a test moves it. */
export interface TestClock extends Clock {
  /**
   * Moves time forward by `ms` and runs, in the order of their due time (and of their creation where that is equal),
   * every timer that falls due, those set on the way included. Each sees the time it was due at. What a callback
   * defers runs before the next timer. Promise continuations need an `await` of the test's own.
   */
  advance(ms: number): void;
  /** Ends the current tick: runs what was deferred, and what that defers in turn. Time stands still. */
  runDeferred(): void;
  /** Timers that are set and have neither run nor been cancelled. */
  readonly pendingTimers: number;
}

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * Virtual time for tests and the simulator: the same calls give the same run, whatever the machine does.
 *
 * @param startMs Wall clock at the start, in milliseconds since 1970. The monotonic clock starts at 0.
 * @example
 * const clock = createTestClock();
 * clock.setTimer(() => heard.push("late"), 20);
 * clock.advance(20);
 */
export function createTestClock(startMs = Date.UTC(2025, 0, 1)): TestClock {
  let elapsedMs = 0;
  // Sorted by due time; equal ones stay in the order of their creation.
  const timers: PendingTimer[] = [];
  let deferred: (() => void)[] = [];

  const runDeferred = (): void => {
    for (let runs = 0; deferred.length > 0; runs += 1) {
      if (runs === CALLBACKS_MAX) throw new Error("Deferred callbacks defer one another for ever.");
      const callbacks = deferred;
      deferred = [];
      for (const [index, callback] of callbacks.entries()) {
        try {
          callback();
        } catch (error) {
          deferred.unshift(...callbacks.slice(index + 1));
          throw error;
        }
      }
    }
  };

  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    setTimer(callback, delayMs): Timer {
      const timer: PendingTimer = { dueMs: elapsedMs + Math.max(0, delayMs || 0), callback };
      const later = timers.findIndex((other) => other.dueMs > timer.dueMs);
      timers.splice(later === -1 ? timers.length : later, 0, timer);
      return {
        cancel() {
          const index = timers.indexOf(timer);
          if (index !== -1) timers.splice(index, 1);
        },
      };
    },
    defer: (callback) => void deferred.push(callback),
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`Time goes forward: advance(${ms}) is not possible.`);
      const untilMs = elapsedMs + ms;
      runDeferred();
      for (let runs = 0; ; runs += 1) {
        const next = timers[0];
        if (next === undefined || next.dueMs > untilMs) break;
        if (runs === CALLBACKS_MAX) throw new Error("Timers without a delay set one another for ever.");
        timers.shift();
        elapsedMs = next.dueMs;
        next.callback();
        runDeferred();
      }
      elapsedMs = untilMs;
    },
    runDeferred,
    get pendingTimers() {
      return timers.length;
    },
  };
}
