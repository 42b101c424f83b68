import type { DocumentState } from "./document-state.ts";
import type { Repair } from "./repair.ts";
import type { Seat } from "./seat.ts";

/** What is missing for an answer of which so much was left out is not looked at one by one: any growth may help it. */
const MISSING_MAX = 32;

/** Whose last sync-response was taken only in part: they are asked again when the document has what was missing [DC11]. */
export interface LeftOut {
  /**
   * A member has answered.
   *
   * @param missing What would have to be there for what was left out, see `Reach`. Empty: nothing was left out.
   */
  onAnswer(seat: Seat, missing: readonly number[]): void;
  /** The document has grown. */
  onGrown(): void;
  clear(): void;
}

export function createLeftOut(state: Pick<DocumentState, "clockOf">, repair: Repair<Seat>): LeftOut {
  const missingOf = new Map<Seat, readonly number[]>();

  const isHelped = (missing: readonly number[]): boolean => {
    if (missing.length > 2 * MISSING_MAX) return true;
    for (let at = 0; at < missing.length; at += 2)
      if (state.clockOf(missing[at]!) >= missing[at + 1]!) return true;
    return false;
  };
  const askAgain = (seat: Seat): void => {
    missingOf.delete(seat);
    if (seat.isOpen) repair.ask(seat);
  };

  return {
    onAnswer(seat, missing) {
      if (missing.length === 0 || !seat.isOpen) {
        missingOf.delete(seat);
        return;
      }
      missingOf.set(seat, missing.slice(0, 2 * MISSING_MAX + 1));
    },
    onGrown() {
      for (const [seat, missing] of missingOf) if (!seat.isOpen || isHelped(missing)) askAgain(seat);
    },
    clear: () => missingOf.clear(),
  };
}
