import type { Clock } from "../platform/clock.ts";
import type { TimingWheel } from "../platform/timing-wheel.ts";

/**
 * Watches one connection for signs of life. Hearing something costs one assignment; the wheel looks at the time of the
 * last one only when an interval has passed.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #wheel: TimingWheel;
  readonly #intervalMs: number;
  readonly #deadlineMs: number;
  readonly #events: { onSilent(): void; onDead(): void };
  #heardAtMs = 0;

  constructor(
    clock: Clock,
    wheel: TimingWheel,
    options: { readonly heartbeatIntervalMs: number; readonly heartbeatDeadlineMs: number },
    events: { onSilent(): void; onDead(): void },
  ) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#intervalMs = options.heartbeatIntervalMs;
    this.#deadlineMs = options.heartbeatDeadlineMs;
    this.#events = events;
  }

  start(): void {
    this.#heardAtMs = this.#clock.monotonicMs();
    this.#wheel.schedule(this, this.#intervalMs);
  }

  stop(): void {
    this.#wheel.cancel(this);
  }

  /** The peer has sent something. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** Called by the wheel. */
  onDeadline(): void {
    const silentMs = this.#clock.monotonicMs() - this.#heardAtMs;
    if (silentMs >= this.#deadlineMs) {
      this.#events.onDead();
      return;
    }
    const isSilent = silentMs >= this.#intervalMs;
    this.#wheel.schedule(this, (isSilent ? this.#deadlineMs : this.#intervalMs) - silentMs);
    if (isSilent) this.#events.onSilent();
  }
}
