/** How much a token bucket allows. */
export interface TokenBucketOptions {
  /** Tokens that come back per second; more than 0. */
  readonly ratePerSecond: number;
  /** Most tokens it holds; at least 1. */
  readonly burst: number;
  /** Tokens it starts with; less than 0 is a debt. Default: `burst`. */
  readonly tokens?: number;
}

/** Counts what is allowed per time. Pure: the caller brings the time, in milliseconds of a clock that never goes back. */
export interface TokenBucket {
  /** Takes `count` tokens (default 1) if that many are there; otherwise takes none and answers false. */
  take(nowMs: number, count?: number): boolean;
  /**
   * Takes `count` tokens (default 1) that need not be there: for what has to be accepted although it comes too fast. What is
   * missing is a debt that has to come back before `take` succeeds again; the caller sees to it that it does not grow
   * without end.
   */
  force(nowMs: number, count?: number): void;
  /** Milliseconds until `take(count)` would succeed; 0 if it would now, Infinity if `count` exceeds the burst. */
  retryAfterMs(nowMs: number, count?: number): number;
  /** Tokens it holds now; less than 0 is a debt. */
  tokens(nowMs: number): number;
  /** Whether all tokens are back: such a bucket may be forgotten, because a new one is the same. */
  isFull(nowMs: number): boolean;
}

/**
 * A token bucket that starts full, or with as many tokens as it is told.
 *
 * @throws RangeError for a rate or burst that could never let anything through.
 * @example
 * const bucket = createTokenBucket({ ratePerSecond: 60, burst: 240 }, clock.monotonicMs());
 * if (!bucket.take(clock.monotonicMs())) refuse(bucket.retryAfterMs(clock.monotonicMs()));
 */
export function createTokenBucket(options: TokenBucketOptions, nowMs: number): TokenBucket {
  const { ratePerSecond, burst } = options;
  if (!(ratePerSecond > 0)) throw new RangeError("ratePerSecond must be more than 0.");
  if (!(burst >= 1)) throw new RangeError("burst must be at least 1.");
  let tokens = Math.min(options.tokens ?? burst, burst);
  let filledAtMs = nowMs;

  function fill(toMs: number): void {
    if (toMs <= filledAtMs) return;
    tokens = Math.min(burst, tokens + ((toMs - filledAtMs) * ratePerSecond) / 1000);
    filledAtMs = toMs;
  }

  return {
    take(atMs, count = 1) {
      fill(atMs);
      if (tokens < count) return false;
      tokens -= count;
      return true;
    },
    force(atMs, count = 1) {
      fill(atMs);
      tokens -= count;
    },
    retryAfterMs(atMs, count = 1) {
      fill(atMs);
      if (tokens >= count) return 0;
      return count > burst ? Number.POSITIVE_INFINITY : Math.ceil(((count - tokens) * 1000) / ratePerSecond);
    },
    tokens(atMs) {
      fill(atMs);
      return tokens;
    },
    isFull(atMs) {
      fill(atMs);
      return tokens >= burst;
    },
  };
}
