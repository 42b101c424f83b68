import type { IdRanges } from "./update-scan.ts";

/** Brings ranges of one client id into order and joins those that touch or overlap. Empty ones must not be among them. */
export function sortedRanges(ranges: readonly number[]): number[] {
  const starts: number[] = [];
  for (let at = 0; at < ranges.length; at += 2) starts.push(at);
  starts.sort((a, b) => ranges[a]! - ranges[b]!);
  const sorted: number[] = [];
  for (const at of starts) appendRange(sorted, ranges[at]!, ranges[at + 1]!);
  return sorted;
}

/** Adds a range behind others that begin no later than it. */
export function appendRange(ranges: number[], start: number, end: number): void {
  const last = ranges.length - 1;
  if (last > 0 && start <= ranges[last]!) ranges[last] = Math.max(ranges[last]!, end);
  else ranges.push(start, end);
}

/** What is in either of two sets of ranges of one client id. */
export function uniteRanges(left: readonly number[], right: readonly number[]): number[] {
  const united: number[] = [];
  let a = 0;
  let b = 0;
  while (a < left.length || b < right.length) {
    if (b >= right.length || (a < left.length && left[a]! <= right[b]!)) {
      appendRange(united, left[a]!, left[a + 1]!);
      a += 2;
    } else {
      appendRange(united, right[b]!, right[b + 1]!);
      b += 2;
    }
  }
  return united;
}

/** What is in `left` and not in `right`, of one client id. */
export function withoutRanges(left: readonly number[], right: readonly number[]): number[] {
  const rest: number[] = [];
  let b = left.length === 0 ? 0 : rangeAfter(right, left[0]!);
  for (let a = 0; a < left.length; a += 2) {
    let start = left[a]!;
    const end = left[a + 1]!;
    while (b < right.length && right[b + 1]! <= start) b += 2;
    for (; b < right.length && right[b]! < end; b += 2) {
      if (right[b]! > start) rest.push(start, right[b]!);
      start = Math.min(right[b + 1]!, end);
      if (right[b + 1]! > end) break;
    }
    if (start < end) rest.push(start, end);
  }
  return rest;
}

/** Index of the first range that ends after a clock; the length if there is none. */
export function rangeAfter(ranges: ArrayLike<number>, clock: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle * 2 + 1]! > clock) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

/** Whether all clocks from `start` to before `end` are in the ranges of a client id. */
export function coversRange(ranges: IdRanges, client: number, start: number, end: number): boolean {
  if (start >= end) return true;
  const own = ranges.get(client);
  if (own === undefined) return false;
  const at = rangeAfter(own, start);
  return at < own.length && own[at]! <= start && own[at + 1]! >= end;
}

/** Whether all of `inner` is in `outer`. */
export function isSubset(inner: IdRanges, outer: IdRanges): boolean {
  for (const [client, ranges] of inner)
    for (let at = 0; at < ranges.length; at += 2)
      if (!coversRange(outer, client, ranges[at]!, ranges[at + 1]!)) return false;
  return true;
}

/** What is in either. */
export function mergeIdRanges(left: IdRanges, right: IdRanges): IdRanges {
  const merged = new Map(left);
  for (const [client, ranges] of right) {
    const own = merged.get(client);
    merged.set(client, own === undefined ? ranges : uniteRanges(own, ranges));
  }
  return merged;
}

/** What is in `left` and not in `right`. */
export function subtractIdRanges(left: IdRanges, right: IdRanges): IdRanges {
  const rest = new Map<number, readonly number[]>();
  for (const [client, ranges] of left) {
    const taken = right.get(client);
    const own = taken === undefined ? ranges : withoutRanges(ranges, taken);
    if (own.length > 0) rest.set(client, own);
  }
  return rest;
}
