import { encodeStep1 } from "./frame.ts";
import type { Seat } from "./seat.ts";
import { createRound, type Round } from "./settlements.ts";
import type { HocuspocusSubscription } from "./subscription.ts";

/** SyncStep1 that an address may leave unanswered; then it is asked no more. */
const ASKED_MAX = 64;

/** What the addresses of a document are asked: what the room lacks, and what a reader has. */
export class HocuspocusQuestions {
  readonly #subscription: HocuspocusSubscription;
  /** What the room asked last, for those who are asked from now on. */
  #round: Round | null = null;
  /** The newest question that came while subscribing anew. */
  #held: Uint8Array | null = null;

  constructor(subscription: HocuspocusSubscription) {
    this.#subscription = subscription;
  }

  get round(): Round | null {
    return this.#round;
  }

  /** The room will ask anew. */
  restart(): void {
    this.#round = null;
    this.#held = null;
  }

  /** Keeps a question of the room until it is known of which subscription it is. */
  hold(stateVector: Uint8Array): void {
    this.#held = stateVector;
  }

  /** Takes out the question that was kept. */
  takeHeld(): Uint8Array | null {
    const held = this.#held;
    this.#held = null;
    return held;
  }

  /** The room asks for what it lacks: those of the addresses that have begun to sync are asked for whom `isAsked` holds. */
  begin(stateVector: Uint8Array, seats: Iterable<Seat>, isAsked: (seat: Seat) => boolean): void {
    this.#round = createRound(stateVector);
    for (const seat of seats) if (seat.hasBegun && isAsked(seat)) this.ask(seat);
  }

  /** Asks an address what the room asked last. */
  ask(seat: Seat): void {
    const round = this.#round;
    if (round === null || seat.round === round || seat.asked.length >= ASKED_MAX) return;
    seat.round = round;
    seat.asked.push(round);
    this.#subscription.push(encodeStep1(seat.address, round.stateVector));
  }

  /** Asks a reader what it has beyond a state vector. */
  askReader(seat: Seat, stateVector: Uint8Array): void {
    if (seat.asked.length >= ASKED_MAX) return;
    seat.asked.push("check");
    this.#subscription.push(encodeStep1(seat.address, stateVector));
  }
}
