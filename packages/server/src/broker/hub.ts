import type { Clock } from "../platform/clock.ts";
import { Tail } from "./tail.ts";

export interface TailOptions {
  /** Shortest time between two batches of the topic, in milliseconds. Default 0: each tick has its own. */
  readonly flushWindowMs?: number;
  /** So much of it for each subscriber, in milliseconds. Default: all of it for any number. */
  readonly flushWindowPerSubscriberMs?: number;
}

/** Local fan-out: makes the tails of this node's topics and lets those with publications flush when a tick ends. */
export interface Hub {
  createTail(options?: TailOptions): Tail;
}

/**
 * Creates a hub. `onFailure` hears of a subscriber that threw; the others have been served all the same. With a clock
 * that defers nothing every publication is handed out at once.
 */
export function createHub(clock: Clock, onFailure: (error: unknown) => void): Hub {
  let due: Tail[] = [];

  const flush = () => {
    const tails = due;
    due = [];
    for (const tail of tails) tail.flushPlanned();
  };
  const flushAtTickEnd = (tail: Tail) => {
    due.push(tail);
    if (due.length === 1) clock.defer(flush);
  };
  return {
    createTail: ({ flushWindowMs = 0, flushWindowPerSubscriberMs = Number.POSITIVE_INFINITY } = {}) =>
      new Tail({ clock, flushAtTickEnd, onFailure, flushWindowMs, flushWindowPerSubscriberMs }),
  };
}
