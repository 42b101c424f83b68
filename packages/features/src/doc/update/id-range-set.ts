import { rangeAfter, uniteRanges, withoutRanges } from "./id-ranges.ts";
import type { IdRanges } from "./update-scan.ts";

/**
 * Ranges that grow, as those that a room has seen deleted.
 *
 * @example
 * const deleted = createIdRangeSet();
 * const added = deleted.add(scan.deletions); // what was new
 * deleted.remove(added); // as before
 */
export interface IdRangeSet {
  /** The ranges as they are now. They change with the set: copy what is to be kept. */
  readonly ranges: IdRanges;
  /** Adds ranges and returns those that were not there. */
  add(ranges: IdRanges): IdRanges;
  /** Takes ranges away again. */
  remove(ranges: IdRanges): void;
}

/** Up to so many ranges of a client id are put in one by one; more are merged with all the others in one go. */
const SINGLE_RANGES_MAX = 4;

/** Begins with ranges of which nothing is changed. */
export function createIdRangeSet(initial: IdRanges = new Map()): IdRangeSet {
  const byClient = new Map<number, number[]>();
  for (const [client, ranges] of initial) byClient.set(client, [...ranges]);

  return {
    ranges: byClient,
    add(ranges) {
      const added = new Map<number, readonly number[]>();
      for (const [client, wanted] of ranges) {
        const own = byClient.get(client);
        const fresh = own === undefined ? wanted : withoutRanges(wanted, own);
        if (fresh.length === 0) continue;
        added.set(client, fresh);
        if (own === undefined) byClient.set(client, [...fresh]);
        else if (fresh.length > SINGLE_RANGES_MAX * 2) byClient.set(client, uniteRanges(own, fresh));
        else for (let at = 0; at < fresh.length; at += 2) insert(own, fresh[at]!, fresh[at + 1]!);
      }
      return added;
    },
    remove(ranges) {
      for (const [client, unwanted] of ranges) {
        const own = byClient.get(client);
        if (own === undefined) continue;
        const rest = withoutRanges(own, unwanted);
        if (rest.length === 0) byClient.delete(client);
        else byClient.set(client, rest);
      }
    },
  };
}

/** Puts in a range that overlaps none, and joins it with those that it touches. */
function insert(ranges: number[], start: number, end: number): void {
  const at = rangeAfter(ranges, start);
  const joinsLeft = at > 0 && ranges[at - 1] === start;
  const joinsRight = at < ranges.length && ranges[at] === end;
  if (joinsLeft && joinsRight) ranges.splice(at - 1, 2);
  else if (joinsLeft) ranges[at - 1] = end;
  else if (joinsRight) ranges[at] = start;
  else ranges.splice(at, 0, start, end);
}
