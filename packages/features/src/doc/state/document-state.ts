import { createIdRangeSet } from "../update/id-range-set.ts";
import { subtractIdRanges } from "../update/id-ranges.ts";
import { encodeStateVector } from "../update/state-vector.ts";
import type { IdRanges, StateVector } from "../update/update-scan.ts";

/** What of an update a document takes. */
export interface Taking {
  /** By client id with structs that are new, the clock up to which they are taken. */
  readonly clocks: StateVector;
  /** Deletions that are new. */
  readonly deletions: IdRanges;
}

/** How the document was before a `take`. */
export interface Undo {
  /** Client id and its clock then, one after the other. */
  readonly clocks: readonly number[];
  readonly deletions: IdRanges;
  /** Whether what was taken was handed on at once. */
  readonly isShown: boolean;
}

/** What is kept of a document, and what a snapshot's header holds of it. */
export interface StateHeader {
  readonly stateVector: StateVector;
  readonly deletions: IdRanges;
  /** To which user each client id belongs. */
  readonly owners: ReadonlyMap<number, string>;
}

/**
 * A document without its content: what is in it, what is deleted, and whose client ids they are. What it holds is
 * in the log or on its way there, never more; nothing it holds refers to something that it does not.
 */
export interface DocumentState extends StateHeader {
  /** The clock after a client id's last struct; 0 without one. */
  clockOf(client: number): number;
  /** Whether the log knows to whom a client id belongs: something of it is durable. */
  isClaimed(client: number): boolean;
  /** What was taken is durable. */
  settle(taken: Undo): void;
  /**
   * The clock after the last struct of a client id that was handed on to others and then taken back; 0 without one. They may
   * hold it, and may have deleted it.
   */
  shownOf(client: number): number;
  /** The state vector as it is sent. The same bytes until something changes. */
  encodeVector(): Uint8Array;
  /** What of these deletions is not known. */
  missingDeletions(deletions: IdRanges): IdRanges;
  /**
   * Applies what has been found fit to be taken. Client ids without an owner come to belong to `user`, if there is one.
   *
   * @param isShown Whether it is handed on at once, or only when it is durable. Default true.
   */
  take(taking: Taking, user: string | undefined, isShown?: boolean): Undo;
  /**
   * Takes back a `take`; of several the newest first. A claim to a client id stays, for otherwise whoever hands on the lost
   * structs first would come to own the id of their author.
   */
  undo(undo: Undo): void;
  /** Begins from a snapshot, or from nothing. */
  reset(header?: StateHeader): void;
}

/**
 * The state of an empty document.
 *
 * @param shownMax Client ids of which it is remembered what was taken back.
 */
export function createDocumentState(shownMax = 100_000): DocumentState {
  const stateVector = new Map<number, number>();
  const owners = new Map<number, string>();
  const shown = new Map<number, number>();
  /** Client ids that are there, and of which nothing is durable. */
  const unclaimed = new Set<number>();
  let deleted = createIdRangeSet();
  let encoded: Uint8Array | undefined;
  const setClock = (client: number, clock: number): void => {
    encoded = undefined;
    if (clock > 0) stateVector.set(client, clock);
    else stateVector.delete(client);
  };
  const noteShown = (client: number, clock: number): void => {
    if (clock <= (shown.get(client) ?? 0)) return;
    if (shown.has(client) || shown.size < shownMax) shown.set(client, clock);
  };
  return {
    stateVector,
    owners,
    get deletions() {
      return deleted.ranges;
    },
    clockOf: (client) => stateVector.get(client) ?? 0,
    isClaimed: (client) => stateVector.has(client) && !unclaimed.has(client),
    settle({ clocks }) {
      if (unclaimed.size === 0) return;
      for (let at = 0; at < clocks.length; at += 2) if (clocks[at + 1] === 0) unclaimed.delete(clocks[at]!);
    },
    shownOf: (client) => shown.get(client) ?? 0,
    encodeVector() {
      encoded ??= encodeStateVector(stateVector);
      return encoded;
    },
    missingDeletions: (deletions) => subtractIdRanges(deletions, deleted.ranges),
    take({ clocks: taken, deletions }, user, isShown = true) {
      const clocks: number[] = [];
      for (const [client, to] of taken) {
        const before = stateVector.get(client) ?? 0;
        clocks.push(client, before);
        if (before === 0 && !isShown) unclaimed.add(client);
        setClock(client, to);
        if (to >= (shown.get(client) ?? Number.POSITIVE_INFINITY)) shown.delete(client);
        if (user !== undefined && !owners.has(client)) owners.set(client, user);
      }
      return { clocks, deletions: deleted.add(deletions), isShown };
    },
    undo({ clocks, deletions, isShown }) {
      for (let at = 0; at < clocks.length; at += 2) {
        const [client, before] = [clocks[at]!, clocks[at + 1]!];
        if (isShown) noteShown(client, stateVector.get(client) ?? 0);
        if (before === 0) unclaimed.delete(client);
        setClock(client, before);
      }
      deleted.remove(deletions);
    },
    reset(header) {
      encoded = undefined;
      stateVector.clear();
      owners.clear();
      shown.clear();
      unclaimed.clear();
      for (const [client, clock] of header?.stateVector ?? []) setClock(client, clock);
      for (const [client, user] of header?.owners ?? []) owners.set(client, user);
      deleted = createIdRangeSet(header?.deletions);
    },
  };
}
