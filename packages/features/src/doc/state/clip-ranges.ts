import type { IdRanges } from "../update/update-scan.ts";

/** The part of the ranges that lies below a clock of each client id. */
export function clipRanges(ranges: IdRanges, clockOf: (client: number) => number): IdRanges {
  const clipped = new Map<number, readonly number[]>();
  for (const [client, bounds] of ranges) {
    const clock = clockOf(client);
    if (bounds.length > 0 && bounds[0]! < clock) clipped.set(client, clipBounds(bounds, clock));
  }
  return clipped;
}

/** Number of clocks in the ranges. */
export function countClocks(ranges: IdRanges): number {
  let count = 0;
  for (const bounds of ranges.values()) {
    for (let at = 0; at < bounds.length; at += 2) count += bounds[at + 1]! - bounds[at]!;
  }
  return count;
}

function clipBounds(bounds: readonly number[], clock: number): readonly number[] {
  if (bounds.at(-1)! <= clock) return bounds;
  const clipped: number[] = [];
  for (let at = 0; at < bounds.length && bounds[at]! < clock; at += 2) {
    clipped.push(bounds[at]!, Math.min(bounds[at + 1]!, clock));
  }
  return clipped;
}
