import type { Clock } from "../platform/clock.ts";

/**
 * Time that messages may take in one turn of the event loop, in milliseconds. Everybody else (timers, HTTP, sockets that
 * have become readable) waits for twice that at most, plus a message of everybody: it is counted for those who wait and
 * for new ones. Far above what a turn of calm connections takes, so that they are never put off. Much less would cost
 * more than it brings: every turn has writes and a commit of its own.
 */
const TURN_MS = 4;

/** Divides the event loop among the connections of one server. */
export interface ReadingTurns {
  /** Counts the turns in which messages came. A connection's first message in a turn is always taken. */
  readonly number: number;
  /** Opens a turn, if none is open. Called before a connection's first message in a turn. */
  enter(): void;
  /** Whether the turn has time for another message of a connection that has had one. */
  hasTime(): boolean;
  /** Calls `goOn` in a turn to come, after those who wait already. */
  wait(goOn: () => void): void;
}

/**
 * A network chunk holds hundreds of small messages, and sockets that are all readable are read one after the other without
 * a pause: a few connections with their bursts would hold up the loop for half a second. So the messages of a turn have
 * a common budget; what is left over is worked off between later turns, one connection in each.
 */
export function createReadingTurns(clock: Clock): ReadingTurns {
  const waiting: (() => void)[] = [];
  let number = 0;
  let isOpen = false;
  let endsAtMs = 0;

  function open(): void {
    isOpen = true;
    endsAtMs = clock.monotonicMs() + TURN_MS;
  }

  function enter(): void {
    if (isOpen) return;
    open();
    clock.defer(next);
  }

  /** Runs after the sockets of a turn have been read. */
  function next(): void {
    number += 1;
    const goOn = waiting.shift();
    if (goOn !== undefined) {
      // One only: what its messages leave to be done right after them is then not added to that of others.
      open();
      goOn();
      number += 1;
    }
    isOpen = false;
    if (waiting.length > 0) enter();
  }

  return {
    get number() {
      return number;
    },
    enter,
    hasTime: () => clock.monotonicMs() < endsAtMs,
    wait(goOn) {
      waiting.push(goOn);
      enter();
    },
  };
}
