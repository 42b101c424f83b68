import type { ClientRandom } from "./platform.ts";

/** How retries spread out. */
export interface BackoffPolicy {
  /** The first retry waits at most this long. Default 250 ms. */
  readonly baseMs: number;
  /** No retry waits longer than this. Default 15 s. */
  readonly capMs: number;
  /** A connection that lived this long makes the next retry a first one. Default 10 s. */
  readonly stableMs: number;
}

export const BACKOFF_DEFAULT: BackoffPolicy = { baseMs: 250, capMs: 15_000, stableMs: 10_000 };

/** A stable connection that went away with one of these is probably back already: a restart or a short network loss. */
const QUICK_CLOSE_CODES = [1001, 1006, 1012];
const QUICK_MAX_MS = 100;

/** Full jitter: evenly between 0 and min(cap, base × 2^failures), so that a crowd of clients spreads out. */
export function backoffMs(policy: BackoffPolicy, failures: number, random: ClientRandom): number {
  return random.next() * Math.min(policy.capMs, policy.baseMs * 2 ** failures);
}

/** How long to wait before connecting again after a close. */
export function reconnectDelayMs(
  closed: { readonly code: number; readonly stable: boolean; readonly failures: number },
  policy: BackoffPolicy,
  random: ClientRandom,
): number {
  const delayMs = backoffMs(policy, closed.failures, random);
  const quick = closed.stable && QUICK_CLOSE_CODES.includes(closed.code);
  return quick ? Math.min(delayMs, random.next() * QUICK_MAX_MS) : delayMs;
}
