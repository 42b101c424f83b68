import type { ClientClock, ClientTimer } from "./platform.ts";

const PROBE_DEADLINE_MS = 3_000;

/**
 * Notices that the other side has gone silent. A silent connection looks open for many minutes to the platform, so
 * nothing at all for `deadlineMs` means it is dead. After `intervalMs` of silence the client asks, because the server
 * asks only a client that is silent itself.
 */
export class Liveness {
  readonly #clock: ClientClock;
  readonly #intervalMs: number;
  readonly #deadlineMs: number;
  readonly #ping: () => void;
  readonly #onDead: () => void;
  #heardMs: number;
  #timer: ClientTimer | undefined;
  #probeTimer: ClientTimer | undefined;

  constructor(
    clock: ClientClock,
    times: { readonly intervalMs: number; readonly deadlineMs: number },
    ping: () => void,
    onDead: () => void,
  ) {
    this.#clock = clock;
    this.#intervalMs = times.intervalMs;
    this.#deadlineMs = times.deadlineMs;
    this.#ping = ping;
    this.#onDead = onDead;
    this.#heardMs = clock.monotonicMs();
    this.#watch(times.intervalMs);
  }

  /** Anything arrived. Keeps only the time: no timer is set per message. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
    this.#probeTimer?.cancel();
    this.#probeTimer = undefined;
  }

  /** Asks whether the other side is there, and gives it three seconds. */
  probe(): void {
    this.#probeTimer ??= this.#clock.setTimer(this.#onDead, PROBE_DEADLINE_MS);
    this.#ping();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#probeTimer?.cancel();
  }

  #watch(delayMs: number): void {
    this.#timer = this.#clock.setTimer(() => this.#check(), delayMs);
  }

  #check(): void {
    const silentMs = this.#clock.monotonicMs() - this.#heardMs;
    if (silentMs >= this.#deadlineMs) this.#onDead();
    else if (silentMs < this.#intervalMs) this.#watch(this.#intervalMs - silentMs);
    else {
      this.#watch(this.#deadlineMs - silentMs);
      this.#ping();
    }
  }
}
