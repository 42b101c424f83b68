import type { Clock, Timer } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import { createTokenBucket, type TokenBucket } from "../platform/token-bucket.ts";
import type { Reading } from "./reading.ts";

/** A connection counts as exceeding its rate until it has kept to it for this long. */
const CALM_MS = 2_000;

/** How fast one connection may send, and what becomes of what comes faster: it is refused, or the sender has to wait. */
export class MessageRate {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #reading: Reading;
  #bucket: TokenBucket;
  #refusedSinceMs: number | null = null;
  #lastRefusedMs = 0;
  /** Runs while reading is paused for the rate. */
  #timer: Timer | null = null;

  constructor(clock: Clock, limits: Limits, reading: Reading) {
    this.#clock = clock;
    this.#limits = limits;
    this.#reading = reading;
    this.#bucket = createTokenBucket(
      { ratePerSecond: limits.messagesPerSecondMax, burst: limits.messagesBurstMax },
      clock.monotonicMs(),
    );
  }

  /** It is a service that speaks. */
  allowService(): void {
    const { serviceMessagesPerSecondMax: rate } = this.#limits;
    this.#bucket = createTokenBucket({ ratePerSecond: rate, burst: rate }, this.#clock.monotonicMs());
  }

  /** Whether a message may come now; if not, `refuse` counts it. */
  take(nowMs: number): boolean {
    return this.#bucket.take(nowMs);
  }

  /**
   * Counts a message that is taken in any case. Reading stops until another is allowed, so that the sender's own queue
   * fills and not ours: what the socket had read already is all that can come meanwhile.
   */
  takeOrWait(nowMs: number): void {
    this.#bucket.force(nowMs);
    if (this.#timer !== null) return;
    const waitMs = this.#bucket.retryAfterMs(nowMs);
    if (waitMs === 0) return;
    this.#reading.pause("rate");
    this.#wait(waitMs);
  }

  /** Counts a message that came too fast; answers when to try again, and whether it has gone on for too long. */
  refuse(nowMs: number): { readonly retryAfterMs: number; readonly isTooLong: boolean } {
    if (this.#refusedSinceMs === null || nowMs - this.#lastRefusedMs > CALM_MS) this.#refusedSinceMs = nowMs;
    this.#lastRefusedMs = nowMs;
    return {
      retryAfterMs: this.#bucket.retryAfterMs(nowMs),
      isTooLong: nowMs - this.#refusedSinceMs >= this.#limits.rateExcessMaxMs,
    };
  }

  /** The connection is gone. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wait(waitMs: number): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = null;
      // More may have come than was known when the timer was set.
      const leftMs = this.#bucket.retryAfterMs(this.#clock.monotonicMs());
      if (leftMs > 0) this.#wait(leftMs);
      else this.#reading.resume("rate");
    }, waitMs);
  }
}
