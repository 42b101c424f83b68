import type { SyncFrame } from "./binary-frames.ts";
import type { Direction } from "./frame-log.ts";

/** The server echoes no larger updates, so nothing is to be waited for. */
const ECHO_BYTES_MAX = 1024 * 1024 - 64;
/** An update that holds nothing. */
const EMPTY_BYTES = 2;

/**
 * Counts a y-websocket client's own edits that are not known to be durable. The server sends a client's update back to it once it is
 * on disk; the provider does not look for that, so this does.
 */
export class Echoes {
  #waiting: Uint8Array[] = [];
  #heldBack = 0;

  /** Edits whose echo has not come, and those that were not sent. */
  get count(): number {
    return this.#waiting.length + this.#heldBack;
  }

  /** The user edited while there was no connection. */
  editedOffline(): void {
    this.#heldBack += 1;
  }

  /** A frame travelled. */
  frame(direction: Direction, frame: SyncFrame): void {
    if (direction === "out" && frame.type === "update") this.#wait(frame.bytes);
    // It holds all that the server lacks, so also what was waiting.
    if (direction === "out" && frame.type === "sync-step-2") {
      this.#waiting = [];
      this.#heldBack = 0;
      this.#wait(frame.bytes);
    }
    if (direction === "in" && frame.type === "update") this.#settle(frame.bytes);
  }

  #wait(update: Uint8Array): void {
    if (update.length > EMPTY_BYTES && update.length <= ECHO_BYTES_MAX) this.#waiting.push(update.slice());
  }

  /** Echoes come in their order: what was sent earlier and did not come back was refused, which is told in other words. */
  #settle(update: Uint8Array): void {
    const index = this.#waiting.findIndex((each) => areEqual(each, update));
    if (index >= 0) this.#waiting.splice(0, index + 1);
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
