import type { Clock } from "../platform/clock.ts";
import type { TimingWheel } from "../platform/timing-wheel.ts";

/**
 * Watches what is sent on one connection, and speaks up when nothing has been for a while. Sending costs one assignment;
 * the wheel looks at the time of the last message only when the time to speak might have come.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #wheel: TimingWheel;
  readonly #afterMs: number;
  readonly #onQuiet: () => void;
  #sentAtMs: number;

  constructor(clock: Clock, wheel: TimingWheel, afterMs: number, onQuiet: () => void) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#afterMs = afterMs;
    this.#onQuiet = onQuiet;
    this.#sentAtMs = clock.monotonicMs();
    wheel.schedule(this, afterMs);
  }

  /** A message went out. */
  sent(): void {
    this.#sentAtMs = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#wheel.cancel(this);
  }

  /** Called by the wheel. */
  onDeadline(): void {
    const quietMs = this.#clock.monotonicMs() - this.#sentAtMs;
    const isQuiet = quietMs >= this.#afterMs;
    this.#wheel.schedule(this, isQuiet ? this.#afterMs : this.#afterMs - quietMs);
    if (isQuiet) this.#onQuiet();
  }
}
