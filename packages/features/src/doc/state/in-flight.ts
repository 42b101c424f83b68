import { PlexlineError } from "@plexline/protocol";
import type { Undo } from "./document-state.ts";

/** Told once what has become of a message: nothing went wrong, or why it did. */
export type Settle = (error?: PlexlineError) => void;

/** Something that has been taken and handed on, and is not durable yet. */
export interface Flight {
  readonly undo: Undo;
  readonly bytes: number;
  readonly settlers: Settle[];
  isDurable: boolean;
  /** Whether it has been given up, though its commit may still be under way. */
  isLost: boolean;
}

/** What a document has handed on before it was durable, in its order. */
export interface InFlight {
  /** Messages that are neither durable nor lost yet, those that wait for others to be durable included. */
  readonly count: number;
  readonly bytes: number;
  /** Adds what has just been taken. */
  enter(undo: Undo, bytes: number, settle: Settle): Flight;
  /** Settles once everything that is in flight now is durable; at once if nothing is. */
  afterAll(settle: Settle): void;
  /** A flight has landed. Returns false for one that had been given up. */
  land(flight: Flight): boolean;
  /**
   * A flight has failed, and with it everything after it. Returns what is to be undone, the newest first; nothing for one
   * that had been given up with an earlier one.
   */
  lose(flight: Flight, error: PlexlineError): readonly Undo[];
  /** Gives everything up. */
  loseAll(error: PlexlineError): void;
}

export function createInFlight(): InFlight {
  /** The oldest first. */
  const flights = new Set<Flight>();
  let newest: Flight | undefined;
  let bytes = 0;
  let count = 0;

  const remove = (flight: Flight): void => {
    flights.delete(flight);
    bytes -= flight.bytes;
    count -= flight.settlers.length;
    if (flight === newest) newest = undefined;
  };
  /** Lands whatever is durable with everything before it. */
  const advance = (): void => {
    for (const flight of flights) {
      if (!flight.isDurable) return;
      remove(flight);
      for (const settle of flight.settlers) settle();
    }
  };
  const giveUp = (lost: readonly Flight[], error: PlexlineError): void => {
    for (const flight of lost) {
      flight.isLost = true;
      remove(flight);
    }
    newest = undefined;
    for (const flight of flights) newest = flight;
    for (const flight of lost) for (const settle of flight.settlers) settle(error);
  };

  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    enter(undo, size, settle) {
      const flight: Flight = { undo, bytes: size, settlers: [settle], isDurable: false, isLost: false };
      flights.add(flight);
      newest = flight;
      bytes += size;
      count += 1;
      return flight;
    },
    afterAll(settle) {
      if (newest === undefined) {
        settle();
        return;
      }
      newest.settlers.push(settle);
      count += 1;
    },
    land(flight) {
      if (flight.isLost) return false;
      flight.isDurable = true;
      advance();
      return true;
    },
    lose(flight, error) {
      if (flight.isLost) return [];
      const all = [...flights];
      const lost = all.slice(all.indexOf(flight));
      giveUp(lost, error);
      return lost.map(({ undo }) => undo).reverse();
    },
    loseAll: (error) => giveUp([...flights], error),
  };
}

/** The error of what was handed on and could not be stored [DC9]. */
export function lostBy(cause: unknown): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: "The server could not write the update to its storage.",
    fix: "Nothing is to be done: the server asks for what is missing once its storage works again.",
    cause,
  });
}
