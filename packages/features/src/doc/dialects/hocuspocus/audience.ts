import type { BinaryMessage } from "@plexline/protocol";
import type { OutboxPolicy } from "@plexline/server";
import { DOC_KIND } from "../../protocol.ts";
import { encodeAuthenticated } from "./frame.ts";
import type { HocuspocusFrameCache } from "./frame-cache.ts";
import type { Seat } from "./seat.ts";
import type { HocuspocusSubscription } from "./subscription.ts";

/** The addresses of one document on one connection: what all of them are told, and what they may do. */
export class HocuspocusAudience {
  readonly #subscription: HocuspocusSubscription;
  readonly #frames: HocuspocusFrameCache;
  readonly #seats = new Set<Seat>();
  #isReader = false;

  constructor(subscription: HocuspocusSubscription, frames: HocuspocusFrameCache) {
    this.#subscription = subscription;
    this.#frames = frames;
  }

  get seats(): ReadonlySet<Seat> {
    return this.#seats;
  }

  get isReader(): boolean {
    return this.#isReader;
  }

  get scope(): "read-write" | "readonly" {
    return this.#isReader ? "readonly" : "read-write";
  }

  add(seat: Seat): void {
    this.#seats.add(seat);
  }

  remove(seat: Seat): void {
    this.#seats.delete(seat);
  }

  /** The role has changed: providers show their scope. */
  becomes(isReader: boolean): void {
    if (this.#subscription.isOver || this.#isReader === isReader) return;
    this.#isReader = isReader;
    this.tell((address) => encodeAuthenticated(address, this.scope));
  }

  /** The address has been told that it is in: what came for it meanwhile follows. */
  admit(seat: Seat): void {
    const early = seat.early ?? [];
    seat.early = null;
    for (const message of early) {
      if (message.kind === DOC_KIND.update) seat.check?.saw(message.payload);
      this.#subscription.push(this.frameFor(seat, message));
    }
  }

  /** Tells everybody who is in the same, but for the one that it comes from. */
  tell(frameFor: (address: string) => Uint8Array, outbox?: OutboxPolicy, from?: Seat): void {
    if (this.#subscription.isOver) return;
    for (const seat of this.#seats)
      if (seat !== from && seat.early === null) this.#subscription.push(frameFor(seat.address), outbox);
  }

  /** Tells addresses what the room said; what is returned is the last one's frame. Who is not in yet will be told. */
  handOn(message: BinaryMessage, seats: Iterable<Seat>): Uint8Array | null {
    let last: Uint8Array | null = null;
    for (const seat of seats) {
      if (seat.isGone) continue;
      if (seat.early !== null) {
        seat.early.push(message);
        continue;
      }
      const isNews = !message.isFed || seat.isChecked;
      if (message.kind === DOC_KIND.update && isNews) seat.check?.saw(message.payload);
      if (last !== null) this.#subscription.push(last);
      last = this.frameFor(seat, message);
    }
    return last;
  }

  frameFor(seat: Seat, message: BinaryMessage): Uint8Array {
    return this.#frames.frameOf(message, seat.address);
  }
}
