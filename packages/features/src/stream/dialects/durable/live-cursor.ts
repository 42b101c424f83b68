/** The intervals are counted from 2024-10-09T00:00:00Z. */
const COUNTED_FROM_MS = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
/** How far a cursor that a client has already seen is moved on, in seconds. */
const JITTER_SECONDS_MAX = 3_600;
const CURSOR = /^\d{1,15}$/;

/**
 * The cursor of a live answer [DS18]: the number of the present interval, or one beyond the client's own, so that no cache
 * ever answers a client with what it already had.
 *
 * @param seen The `cursor` of the request; what is no number counts as none.
 * @param random A number in [0, 1).
 */
export function liveCursor(nowMs: number, seen: string | null, random: number): string {
  const present = Math.floor((nowMs - COUNTED_FROM_MS) / INTERVAL_MS);
  const known = seen !== null && CURSOR.test(seen) ? Number(seen) : -1;
  if (known < present) return String(present);
  const jitterMs = (1 + Math.floor(random * JITTER_SECONDS_MAX)) * 1_000;
  return String(known + Math.max(1, Math.floor(jitterMs / INTERVAL_MS)));
}
