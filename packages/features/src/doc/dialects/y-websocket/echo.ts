import { encodeUpdate } from "./frame.ts";

/** What one update costs besides its bytes, so that many tiny ones are bounded too. */
const ENTRY_BYTES = 64;

interface Pending {
  readonly number: number;
  /** The echo, ready to go. Made at once, because it also copies the update out of whatever buffer it came in. */
  readonly frame: Uint8Array;
  /** The room has taken it. Until then it may still be refused. */
  isTaken: boolean;
}

/**
 * A client's own updates between their arrival and their echo. An update is due once the server has acknowledged its
 * number and the room has taken it: of a number that was refused, `acked` speaks as well. The bytes that wait are
 * bounded: beyond that the oldest is forgotten, and so is one
 * that is too large by itself: their client does without the echo.
 */
export class EchoQueue {
  readonly #bytesMax: number;
  /** Sent and not settled yet, in the order of their numbers. */
  #pending: Pending[] = [];
  #bytes = 0;
  #lastNumber = 0;
  #acked = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that wait, with what the entries themselves cost. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Counts an update that is about to be sent to the room, and answers its number. */
  add(update: Uint8Array): number {
    this.#lastNumber += 1;
    if (ENTRY_BYTES + update.length <= this.#bytesMax) {
      const frame = encodeUpdate(update);
      this.#pending.push({ number: this.#lastNumber, frame, isTaken: false });
      this.#bytes += ENTRY_BYTES + frame.length;
      while (this.#bytes > this.#bytesMax) this.#forget(this.#pending.shift());
    }
    return this.#lastNumber;
  }

  /** The room has taken an update. */
  taken(number: number): void {
    const pending = this.#find(number);
    if (pending) pending.isTaken = true;
  }

  /** An update was refused: it is not echoed, whatever `acked` says. */
  refused(number: number): void {
    const pending = this.#find(number);
    if (!pending) return;
    this.#pending.splice(this.#pending.indexOf(pending), 1);
    this.#forget(pending);
  }

  /** Something that had been taken is lost after all, and nobody can tell what: nothing of what waits is echoed. */
  clear(): void {
    this.#pending = [];
    this.#bytes = 0;
  }

  /** All up to this number are settled. */
  acknowledge(acked: number): void {
    this.#acked = Math.max(this.#acked, acked);
  }

  /** Takes out the frames that are due. */
  takeDue(): Uint8Array[] {
    const due: Uint8Array[] = [];
    for (
      let first = this.#pending[0];
      first?.isTaken && first.number <= this.#acked;
      first = this.#pending[0]
    ) {
      this.#forget(this.#pending.shift());
      due.push(first.frame);
    }
    return due;
  }

  #find(number: number): Pending | undefined {
    return this.#pending.find((pending) => pending.number === number);
  }

  #forget(pending: Pending | undefined): void {
    if (pending) this.#bytes -= ENTRY_BYTES + pending.frame.length;
  }
}
