/** Messages on their way that are told apart; beyond it they share the number of the latest. */
const SENT_MAX = 1_000;

/**
 * Counts the edits of which nobody has said yet that they are durable, and remembers which message carries which of them.
 * It never says less than what is open: an edit counts until a message that carries it is acknowledged.
 */
export class SaveLedger {
  /** Edits that no message of this subscription carries. */
  #waiting = 0;
  #onTheWay = 0;
  readonly #sent: { number: number; edits: number }[] = [];
  /** Number of the last counted message (rule B8). */
  #number = 0;

  get unsaved(): number {
    return this.#waiting + this.#onTheWay;
  }

  get waiting(): number {
    return this.#waiting;
  }

  add(edits = 1): void {
    this.#waiting += edits;
  }

  /** A counted message left that carries some of what waits; by default all of it. */
  carry(edits = this.#waiting): void {
    this.#number++;
    this.#waiting -= edits;
    this.#onTheWay += edits;
    const last = this.#sent.at(-1);
    if (last === undefined || this.#sent.length < SENT_MAX) this.#sent.push({ number: this.#number, edits });
    else {
      last.number = this.#number;
      last.edits += edits;
    }
  }

  /** A number beyond what was sent belongs to another count, so it proves nothing. */
  ack(number: number): void {
    if (number > this.#number) return;
    while (this.#sent.length > 0 && this.#sent[0]!.number <= number)
      this.#onTheWay -= this.#sent.shift()!.edits;
  }

  /** What is on its way may have been refused: it waits again, and acknowledgements of it no longer count. */
  recall(): void {
    this.#waiting += this.#onTheWay;
    this.#onTheWay = 0;
    this.#sent.length = 0;
  }

  /** A new subscription counts from 1 again. */
  restart(): void {
    this.recall();
    this.#number = 0;
  }

  /** Counts no more than this many of what waits. */
  limit(edits: number): void {
    this.#waiting = Math.min(this.#waiting, edits);
  }
}
