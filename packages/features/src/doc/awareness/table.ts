import type { AwarenessEntry } from "./codec.ts";

/** Limits of what is shown and remembered. */
export interface AwarenessTableOptions {
  /** A state as JSON, in bytes. */
  readonly bytesMax: number;
  /** Client ids that one session may show. */
  readonly idsMax: number;
  /** Whether peers can read a state. Asked only about states that would be shown. */
  readonly isState: (state: Uint8Array) => boolean;
}

/** What comes of an awareness update. */
export interface Received {
  /** For everybody else: states that are new, and states that are gone. */
  readonly changes: readonly AwarenessEntry[];
  /** For the sender: removals that its states are not above [DC16]. */
  readonly answers: readonly AwarenessEntry[];
  /** Why a state of the sender's own was left out. */
  readonly refused: "bytes" | "ids" | "json" | undefined;
}

/**
 * Who shows which client id in one document [DC13–DC16]. Pure: it is told the time and sends nothing.
 *
 * A client id belongs to the user that first showed it, and its state to that user's newest session that has. But clients
 * hand back what they are sent, and tabs of one browser hand on what they hear from each other, so not everybody who sends
 * a state shows it. Whoever reconnects shows again what they showed before, with the clock it had, and does so in the
 * first update of the session, before they can have heard it. So a state moves to a newer session by that session's first
 * update, or by a higher clock if the session shows nothing else; any other leaves it where it is.
 */
export interface AwarenessTable {
  /** A session is there, newer than all others. Repeated for the same session: its next update counts as its first. */
  enter(session: string, user: string): void;
  receive(session: string, entries: readonly AwarenessEntry[], nowMs: number): Received;
  /** The states of a session are removed: what to tell the others. It may show states again. */
  clear(session: string, nowMs: number): AwarenessEntry[];
  /** The session is gone: as `clear`, and it is forgotten. */
  leave(session: string, nowMs: number): AwarenessEntry[];
  /** All states; with `sinceMs`, what has been removed from then on as well. */
  states(sinceMs?: number): AwarenessEntry[];
}

/** How long removals are remembered. */
const REMOVAL_MS = 600_000;
/** Removals remembered at once; the oldest is forgotten first. */
const REMOVALS_MAX = 10_000;
/** An update may show and remove each id of a session. Each change is a message to everybody. */
const CHANGES_PER_ID_MAX = 2;

interface Seat {
  readonly session: string;
  readonly user: string;
  /** Place in the order of entering. */
  order: number;
  /** Whether its next update is its first. */
  isFresh: boolean;
  /** The client ids it shows. */
  readonly ids: Set<number>;
}

interface Shown {
  readonly seat: Seat;
  readonly clock: number;
  readonly state: Uint8Array;
}

interface Removal {
  readonly user: string;
  readonly clock: number;
  readonly atMs: number;
}

/** A table in which nobody shows anything. */
export function createAwarenessTable(options: AwarenessTableOptions): AwarenessTable {
  const seats = new Map<string, Seat>();
  const shown = new Map<number, Shown>();
  /** In the order of removing. */
  const removals = new Map<number, Removal>();
  let entered = 0;

  const forgetOld = (nowMs: number): void => {
    for (const [client, { atMs }] of removals) {
      if (removals.size <= REMOVALS_MAX && nowMs - atMs < REMOVAL_MS) return;
      removals.delete(client);
    }
  };
  const remove = (client: number, { seat }: Shown, clock: number, nowMs: number): AwarenessEntry => {
    shown.delete(client);
    seat.ids.delete(client);
    removals.delete(client);
    removals.set(client, { user: seat.user, clock, atMs: nowMs });
    forgetOld(nowMs);
    return { client, clock, state: null };
  };
  /** Why a session may not show a state; undefined if it may. */
  const refusal = (seat: Seat, client: number, state: Uint8Array): Received["refused"] => {
    if (state.length > options.bytesMax) return "bytes";
    if (!seat.ids.has(client) && seat.ids.size >= options.idsMax) return "ids";
    return options.isState(state) ? undefined : "json";
  };
  const show = (seat: Seat, { client, clock }: AwarenessEntry, state: Uint8Array, isFirst: boolean): void => {
    const before = shown.get(client)?.seat;
    const isTaken = before === undefined || (before.order < seat.order && (isFirst || seat.ids.size === 0));
    const owner = isTaken ? seat : before;
    before?.ids.delete(client);
    owner.ids.add(client);
    removals.delete(client);
    // A copy, since the message it came in may be large. (The slice() of a Buffer would be none.)
    shown.set(client, { seat: owner, clock, state: new Uint8Array(state) });
  };
  /** What is known already is shown again: it may have moved. */
  const takeOver = (seat: Seat, client: number, known: Shown, isFirst: boolean): void => {
    if (!isFirst || known.seat.order >= seat.order || seat.ids.size >= options.idsMax) return;
    known.seat.ids.delete(client);
    seat.ids.add(client);
    shown.set(client, { ...known, seat });
  };

  const receiveOne = (
    seat: Seat,
    entry: AwarenessEntry,
    isFirst: boolean,
    nowMs: number,
  ): Partial<Outcome> => {
    const { client, clock, state } = entry;
    const known = shown.get(client);
    const removal = known ? undefined : removals.get(client);
    if ((known?.seat.user ?? removal?.user ?? seat.user) !== seat.user) return {};
    if (state === null) {
      // Other clients of the user say so too when they lose sight of it: only its own may at an equal clock.
      const isMeant = known && (clock > known.clock || (clock === known.clock && known.seat === seat));
      return isMeant ? { change: remove(client, known, clock, nowMs) } : {};
    }
    if (removal && clock <= removal.clock) return { answer: { client, clock: removal.clock, state: null } };
    if (known && clock < known.clock) return {};
    if (known && clock === known.clock) {
      takeOver(seat, client, known, isFirst);
      return {};
    }
    const refused = refusal(seat, client, state);
    if (refused !== undefined) return { refused };
    show(seat, entry, state, isFirst);
    return { change: entry };
  };
  const clear = (session: string, nowMs: number): AwarenessEntry[] => {
    const changes: AwarenessEntry[] = [];
    for (const client of seats.get(session)?.ids ?? []) {
      const known = shown.get(client);
      if (known) changes.push(remove(client, known, known.clock, nowMs));
    }
    return changes;
  };

  return {
    enter(session, user) {
      const order = entered++;
      const seat = seats.get(session);
      if (seat?.user === user) {
        seat.order = order;
        seat.isFresh = true;
      } else seats.set(session, { session, user, order, isFresh: true, ids: new Set() });
    },
    receive(session, entries, nowMs) {
      const seat = seats.get(session);
      const changes: AwarenessEntry[] = [];
      const answers: AwarenessEntry[] = [];
      let refused: Received["refused"];
      if (!seat) return { changes, answers, refused };
      forgetOld(nowMs);
      const isFirst = seat.isFresh;
      seat.isFresh = false;
      for (const entry of entries) {
        if (changes.length >= options.idsMax * CHANGES_PER_ID_MAX) {
          refused = "ids";
          break;
        }
        const outcome = receiveOne(seat, entry, isFirst, nowMs);
        if (outcome.change) changes.push(outcome.change);
        if (outcome.answer) answers.push(outcome.answer);
        refused ??= outcome.refused;
      }
      return { changes, answers, refused };
    },
    clear,
    leave(session, nowMs) {
      const changes = clear(session, nowMs);
      seats.delete(session);
      return changes;
    },
    states(sinceMs) {
      const entries: AwarenessEntry[] = [];
      for (const [client, { clock, state }] of shown) entries.push({ client, clock, state });
      if (sinceMs === undefined) return entries;
      for (const [client, { clock, atMs }] of removals) {
        if (atMs >= sinceMs) entries.push({ client, clock, state: null });
      }
      return entries;
    },
  };
}

interface Outcome {
  readonly change: AwarenessEntry;
  readonly answer: AwarenessEntry;
  readonly refused: Received["refused"];
}
