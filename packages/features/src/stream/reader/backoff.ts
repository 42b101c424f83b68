const BASE_MS = 250;
const CAP_MS = 15_000;
/** What was fine until now is probably back already. */
const QUICK_MS = 100;

/** How long to wait before trying again, spread so that a crowd of readers does not come at once. */
export function retryDelayMs(failures: number, random: { next(): number }): number {
  if (failures === 0) return random.next() * QUICK_MS;
  return random.next() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}
