import type { Description } from "./state.ts";

/** Uses are written at most this often, in milliseconds. */
const RENEWAL_MS_MIN = 1_000;

/** Whether a stream's time is over [ST13]. */
export function isGone(info: Description, usedAtMs: number, nowMs: number): boolean {
  return goneAtMs(info, usedAtMs) <= nowMs;
}

/** When a stream's time is over, if nobody uses it; infinite without an end. */
export function goneAtMs({ ttlMs, expiresAtMs }: Description, usedAtMs: number): number {
  return expiresAtMs ?? (ttlMs === undefined ? Number.POSITIVE_INFINITY : usedAtMs + ttlMs);
}

/** How long a use may wait to be written, in milliseconds; undefined where it ends nothing. */
export function renewalMs({ ttlMs }: Description): number | undefined {
  return ttlMs === undefined ? undefined : Math.min(Math.max(RENEWAL_MS_MIN, ttlMs / 10), ttlMs / 2);
}

/** The use to write with a change; undefined if the one that is written will do. */
export function renewedUse(info: Description, usedAtMs: number, nowMs: number): number | undefined {
  const afterMs = renewalMs(info);
  return afterMs === undefined || nowMs - usedAtMs < afterMs ? undefined : nowMs;
}
