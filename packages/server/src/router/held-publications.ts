import type { Publication } from "../broker/publication.ts";

/** Ephemeral messages held back until the reply to the subscribe has gone out; beyond it the oldest go. */
const HELD_MAX = 256;

/** What is not for the log and has come too early for a subscriber. */
export class HeldPublications {
  #held: Publication[] = [];

  add(publication: Publication): void {
    if (this.#held.length >= HELD_MAX) this.#held.shift();
    this.#held.push(publication);
  }

  /** All of them, oldest first; they are held no more. */
  take(): readonly Publication[] {
    const taken = this.#held;
    this.#held = [];
    return taken;
  }
}
