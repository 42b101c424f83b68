/** What is to be made of a document's segments and of what has come after them. */
export interface SegmentPlan {
  /** `fold`: all of it through a Y.Doc. `merge`: the updates are only put together. */
  readonly how: "fold" | "merge";
  /** Index of the first segment that goes into the new one, with all after it. */
  readonly from: number;
}

/**
 * Decides what becomes of the tail of a log, once there is enough of it.
 *
 * A document is folded when what has come since is more than half as large as the fold before: so folding costs a few times what is
 * written. Until then tails are merged as a tree: with each segment before it that is at most twice as large, so that segments
 * get shorter by half or more from one to the next, an update is merged a logarithm of times, and there are as few of them.
 *
 * @param segments Their bytes, the folded one first.
 */
export function planSegment(segments: readonly number[], tailBytes: number): SegmentPlan {
  const [base = 0, ...after] = segments;
  const sinceBase = after.reduce((sum, bytes) => sum + bytes, tailBytes);
  if (segments.length === 0 || sinceBase * 2 > base) return { how: "fold", from: 0 };
  let from = segments.length;
  let bytes = tailBytes;
  while (from > 1 && segments[from - 1]! <= bytes * 2) {
    from -= 1;
    bytes += segments[from]!;
  }
  return { how: "merge", from };
}
