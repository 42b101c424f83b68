import type { Seat } from "./seat.ts";

interface Feed {
  readonly seat: Seat;
  vector: Uint8Array;
}

/**
 * The SyncStep1 of several addresses that share a subscription: the room answers one at a time, and its answer names nobody.
 * Of an address the newest counts.
 */
export class HocuspocusFeeds {
  readonly #ask: (vector: Uint8Array) => void;
  /** The first is being answered. */
  readonly #feeds: Feed[] = [];

  /** @param ask Sends the room a state vector. */
  constructor(ask: (vector: Uint8Array) => void) {
    this.#ask = ask;
  }

  /** Whom the room is answering. */
  get current(): Seat | undefined {
    return this.#feeds[0]?.seat;
  }

  request(seat: Seat, vector: Uint8Array): void {
    const waiting = this.#feeds.slice(1).find((feed) => feed.seat === seat);
    if (waiting) waiting.vector = vector;
    else if (this.#feeds.push({ seat, vector }) === 1) this.#ask(vector);
  }

  /** The answer is complete. */
  finish(): void {
    this.#feeds.shift();
    this.restart();
  }

  /** Asks again for what was being answered. */
  restart(): void {
    while (this.#feeds[0]?.seat.isGone) this.#feeds.shift();
    const first = this.#feeds[0];
    if (first) this.#ask(first.vector);
  }
}
