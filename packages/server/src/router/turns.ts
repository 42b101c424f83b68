import type { Clock } from "../platform/clock.ts";

/** Time that handing over stored messages may take in one turn of the event loop, in milliseconds. */
const TURN_MS = 4;
/** What the operating system copies of a long message in a millisecond, at the end of the turn that it was handed over in. */
const WRITTEN_PER_MS = 1024 * 1024;

/**
 * Divides long work among turns of the event loop. Reading a log and handing its messages over never waits for anything
 * outside the process as long as sockets take them: a hundred who join at the same time, or fifty documents that are opened,
 * would be one turn of some hundred milliseconds.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** When the turn's time is over; null before its first step. */
  #endsAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asked before each step. Nothing to wait for while the turn has time; else resolves in a later turn, one asker in each. */
  next(): Promise<void> | undefined {
    if (this.#endsAtMs === null) this.#begin();
    else if (this.#clock.monotonicMs() >= this.#endsAtMs)
      return new Promise((resolve) => this.#waiting.push(resolve));
    return undefined;
  }

  /** Counts what has been handed over in this step, and will be written when all of them have been. */
  count(bytes: number): void {
    if (this.#endsAtMs !== null) this.#endsAtMs -= bytes / WRITTEN_PER_MS;
  }

  #begin(): void {
    this.#endsAtMs = this.#clock.monotonicMs() + TURN_MS;
    this.#clock.defer(() => {
      this.#endsAtMs = null;
      const goOn = this.#waiting.shift();
      if (goOn === undefined) return;
      this.#begin();
      goOn();
    });
  }
}
