import type { Principal } from "../auth/principal.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import { createTokenBucket, type TokenBucket } from "../platform/token-bucket.ts";
import type { Reading } from "./reading.ts";
import type { SpentBursts } from "./spent-bursts.ts";

/** A connection counts as exceeding its rate until it has kept to it for this long. */
const CALM_MS = 2_000;

/** A binary message counts as one for every so many bytes begun: reading and checking it costs accordingly. */
const BYTES_PER_MESSAGE = 16 * 1024;

/** How fast one connection may send, and what becomes of what comes faster: it is refused, or the sender has to wait. */
export class MessageRate {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #reading: Reading;
  readonly #spentBursts: SpentBursts;
  /** Who speaks, as far as their rate outlives the connection. */
  #person: Principal | null = null;
  #bucket: TokenBucket;
  #refusedSinceMs: number | null = null;
  #lastRefusedMs = 0;
  /** Runs while reading is paused for the rate. */
  #timer: Timer | null = null;

  constructor(clock: Clock, limits: Limits, reading: Reading, spentBursts: SpentBursts) {
    this.#clock = clock;
    this.#limits = limits;
    this.#reading = reading;
    this.#spentBursts = spentBursts;
    this.#bucket = this.#personalBucket(limits.messagesBurstMax);
  }

  /** It is known who speaks: a service may send more, a person goes on with what their last connection left. */
  authenticated(principal: Principal): void {
    const nowMs = this.#clock.monotonicMs();
    if (principal.kind !== "user") {
      const { serviceMessagesPerSecondMax: rate } = this.#limits;
      this.#bucket = createTokenBucket({ ratePerSecond: rate, burst: rate }, nowMs);
    } else if (this.#person === null) {
      const spent = this.#limits.messagesBurstMax - this.#bucket.tokens(nowMs);
      this.#bucket = this.#personalBucket(this.#spentBursts.left(principal, nowMs) - spent);
      this.#person = principal;
    }
  }

  /** Whether a message may come now; if not, `refuse` counts it. */
  take(nowMs: number): boolean {
    return this.#bucket.take(nowMs);
  }

  /**
   * Counts a message that is taken in any case. Reading stops until another is allowed, so that the sender's own queue
   * fills and not ours: what the socket had read already is all that can come meanwhile.
   */
  takeOrWait(nowMs: number, bytes: number): void {
    // However large it was, a whole burst is all that it uses up.
    const count = Math.min(Math.ceil(bytes / BYTES_PER_MESSAGE), this.#limits.messagesBurstMax);
    this.#bucket.force(nowMs, Math.max(count, 1));
    const waitMs = this.#bucket.retryAfterMs(nowMs);
    // Not only when it ends: nobody hears that a socket is closed while it is not read.
    if (waitMs > 0) this.#leave(nowMs);
    if (this.#timer !== null) return;
    if (waitMs === 0) return;
    this.#reading.pause("rate");
    this.#wait(waitMs);
  }

  /** Counts a message that came too fast; answers when to try again, and whether it has gone on for too long. */
  refuse(nowMs: number): { readonly retryAfterMs: number; readonly isTooLong: boolean } {
    if (this.#refusedSinceMs === null || nowMs - this.#lastRefusedMs > CALM_MS) this.#refusedSinceMs = nowMs;
    this.#lastRefusedMs = nowMs;
    this.#leave(nowMs);
    return {
      retryAfterMs: this.#bucket.retryAfterMs(nowMs),
      isTooLong: nowMs - this.#refusedSinceMs >= this.#limits.rateExcessMaxMs,
    };
  }

  /** The connection is gone. */
  stop(): void {
    this.#leave(this.#clock.monotonicMs());
    this.#timer?.cancel();
    this.#timer = null;
  }

  #leave(nowMs: number): void {
    if (this.#person) this.#spentBursts.leave(this.#person, this.#bucket.tokens(nowMs), nowMs);
  }

  #personalBucket(tokens: number): TokenBucket {
    const { messagesPerSecondMax: ratePerSecond, messagesBurstMax: burst } = this.#limits;
    return createTokenBucket({ ratePerSecond, burst, tokens }, this.#clock.monotonicMs());
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
