import { coversRange, rangeAfter } from "../update/id-ranges.ts";
import type { SectionScan, UpdateScan } from "../update/update-scan.ts";
import { clipRanges, countClocks } from "./clip-ranges.ts";
import type { DocumentState, Taking } from "./document-state.ts";
import { reachOf } from "./reach.ts";

/** Why something of an update cannot be taken. */
export type LeftCode = "UPDATE_GAP" | "CLIENT_ID_TAKEN";

/** What becomes of an update. */
export type Verdict =
  /** There is nothing new in it. */
  | { readonly kind: "known" }
  /** All of it can be taken. `whole`: all of it is worth storing; otherwise some of it is known. */
  | { readonly kind: "contiguous"; readonly taking: Taking; readonly whole: boolean }
  /** A sync-response of which only this can be taken, which may be nothing. `missing`: what may change that, see `Reach`. */
  | {
      readonly kind: "partial";
      readonly taking: Taking;
      readonly left: LeftCode;
      readonly missing: readonly number[];
    }
  /** Something before it is missing. */
  | { readonly kind: "gap" }
  | { readonly kind: "refused"; readonly code: "CLIENT_ID_TAKEN" };

type View = Pick<DocumentState, "clockOf" | "shownOf" | "missingDeletions" | "owners">;

/**
 * Decides what becomes of an update of a user [DC6 to DC8, DC10], or of a sync-response, of which each client id's structs
 * are taken as far as they can be [DC11].
 */
export function classify(state: View, scan: UpdateScan, user: string, isResponse: boolean): Verdict {
  const isForeign = ({ client }: SectionScan): boolean => (state.owners.get(client) ?? user) !== user;
  if (!isResponse && scan.sections.some((section) => isNew(state, section) && isForeign(section)))
    return { kind: "refused", code: "CLIENT_ID_TAKEN" };
  let left: LeftCode = "UPDATE_GAP";
  const { taking, missing } = takeable(state, scan, (section, clock) => {
    const limit = isForeign(section) ? foreignLimit(state, scan, section, clock) : section.to;
    if (limit < section.to) left = "CLIENT_ID_TAKEN";
    return limit;
  });
  if (missing.length === 0) {
    if (isEmpty(taking)) return { kind: "known" };
    return { kind: "contiguous", taking, whole: isAllNew(state, scan, taking, isResponse) };
  }
  return isResponse ? { kind: "partial", taking, left, missing } : { kind: "gap" };
}

/** What can be taken of an entry of the log, which has been judged before: all of it, unless the log has a hole. */
export function takeableOfEntry(state: View, scan: UpdateScan): { taking: Taking; isComplete: boolean } {
  const { taking, missing } = takeable(state, scan, ({ to }) => to);
  return { taking, isComplete: missing.length === 0 };
}

/** Whether all structs and deletions of an update are in the document. */
export function isKnown(state: View, scan: UpdateScan): boolean {
  return (
    scan.sections.every((section) => !isNew(state, section)) &&
    state.missingDeletions(scan.deletions).size === 0
  );
}

export function isEmpty({ clocks, deletions }: Taking): boolean {
  return clocks.size === 0 && deletions.size === 0;
}

interface Takeable {
  readonly taking: Taking;
  /** What would have to be there for the rest, see `Reach`. Empty if nothing is left out. */
  readonly missing: readonly number[];
}

/** Finds the structs that go on where the document ends, refer to nothing that is missing, and may be taken. */
function takeable(
  state: View,
  scan: UpdateScan,
  limitOf: (section: SectionScan, clock: number) => number,
): Takeable {
  const { clocks, missing } = reachOf(state, scan.sections, limitOf);
  const wanted = state.missingDeletions(scan.deletions);
  const reach = (client: number): number => clocks.get(client) ?? state.clockOf(client);
  const deletions = clipRanges(wanted, reach);
  if (countClocks(deletions) === countClocks(wanted)) return { taking: { clocks, deletions }, missing };
  const ends = [...wanted.keys()].flatMap((client) => {
    const end = wanted.get(client)!.at(-1)!;
    return end > reach(client) ? [client, reach(client) + 1] : [];
  });
  return { taking: { clocks, deletions }, missing: [...missing, ...ends] };
}

/**
 * The clock up to which somebody may bring another user's structs: the first filler that is new. Its author alone may say
 * that nothing is there, for it would hide what they still have to send; unless all could see, and so delete, what was there.
 */
function foreignLimit(state: View, scan: UpdateScan, section: SectionScan, clock: number): number {
  const { client, fillers, to } = section;
  const shown = state.shownOf(client);
  for (let at = rangeAfter(fillers, clock); at < fillers.length; at += 2) {
    const start = Math.max(fillers[at]!, clock);
    const end = fillers[at + 1]!;
    if (end > shown || !coversRange(scan.deletions, client, start, end)) return start;
  }
  return to;
}

function isNew(state: View, { client, end }: SectionScan): boolean {
  return end > state.clockOf(client);
}

/**
 * Whether an update holds no structs beside those that are taken of it. What is known is never stored or handed on again: it
 * need not be what it was, and somebody who joins meanwhile could have it first. A response, which tells all deletions, is
 * not stored for those that are known.
 */
function isAllNew(
  state: View,
  scan: UpdateScan,
  { clocks, deletions }: Taking,
  isResponse: boolean,
): boolean {
  const hasNewStructs = scan.sections.every(
    ({ client, from }) => clocks.has(client) && from >= state.clockOf(client),
  );
  return hasNewStructs && (!isResponse || countClocks(deletions) === countClocks(scan.deletions));
}
