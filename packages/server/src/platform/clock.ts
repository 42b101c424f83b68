/** A timer that can be cancelled. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the engine sees it. The real one is below; tests and the simulator bring one they move by hand.
 * Durations use `monotonicMs`; only expiry claims and time stamps use the wall clock.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Milliseconds since some start. Never goes back. */
  monotonicMs(): number;
  /** Runs `callback` once, after at least `delayMs`. Never keeps the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Runs `callback` when the current tick is done: how work of one tick is gathered. */
  defer(callback: () => void): void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  defer: (callback) => void setImmediate(callback),
};
