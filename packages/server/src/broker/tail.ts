import type { Clock } from "../platform/clock.ts";
import { Batch } from "./batch.ts";
import type { Encoded, Encoder, Publication } from "./publication.ts";

/** Somebody on this node who receives a topic. */
export interface Subscriber {
  readonly encoder: Encoder;
  /** How many of the tail's publications it is done with. Kept by the tail. */
  taken: number;
  deliver(publication: Publication): void;
  /** Takes a whole batch in one go; false, and nothing has happened, if it has to be one by one. */
  deliverBatch(batch: Batch): boolean;
}

export interface TailParts {
  readonly clock: Clock;
  /** Calls `flush` when the tick ends, with the other tails that have something to hand out. */
  readonly flushAtTickEnd: (tail: Tail) => void;
  /** Hears of a subscriber that threw; the others have been served all the same. */
  readonly onFailure: (error: unknown) => void;
  /** Shortest time between two batches, in milliseconds. The first publication after a pause does not wait. */
  readonly flushWindowMs: number;
}

/** Bytes that are gathered at most; then they leave without waiting for the end of the tick. */
const BATCH_BYTES_MAX = 64 * 1024;
/** `taken` of those for whom nothing is gathered. */
const ALL = Number.POSITIVE_INFINITY;

/**
 * The live end of one topic on this node. A system call per delivery is nearly all that fan-out costs, so the
 * publications of one tick are gathered and each subscriber gets them in one write. Gathering must not be seen: whoever
 * is about to do anything else with a subscriber calls `settle` first, and then it stands where it would stand if
 * every publication had been handed over at once.
 */
export class Tail {
  readonly #parts: TailParts;
  /** Those whose codec is the one that batches are made in. */
  readonly #members = new Set<Subscriber>();
  /** The others, e.g. of foreign wires, each with a codec of its own: served at once. */
  readonly #others = new Set<Subscriber>();
  #encoder: Encoder | null = null;
  /** Publications gathered so far, ever. */
  #count = 0;
  #gathering: Batch | null = null;
  /** The batch that is being handed out. */
  #leaving: Batch | null = null;
  #isPlanned = false;
  #isMissed = false;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#members.size + this.#others.size;
  }

  /** From now on it gets what is published. */
  add(subscriber: Subscriber): void {
    if (subscriber.encoder.isShared) this.#encoder ??= subscriber.encoder;
    const isMember = subscriber.encoder === this.#encoder;
    subscriber.taken = isMember ? this.#count : ALL;
    if (isMember) this.#members.add(subscriber);
    else this.#others.add(subscriber);
  }

  /** It gets nothing any more, not even what has been gathered: settle it first. */
  remove(subscriber: Subscriber): void {
    subscriber.taken = ALL;
    this.#members.delete(subscriber);
    this.#others.delete(subscriber);
  }

  /** Hands a publication to every subscriber but `except`: at the end of the tick at the latest, or of the window. */
  publish(publication: Publication, except?: Subscriber): void {
    for (const subscriber of this.#others) if (subscriber !== except) this.#deliver(subscriber, publication);
    if (this.#members.size === 0) return;
    const isExcepted = except !== undefined && this.#members.has(except);
    if (isExcepted) this.settle(except);
    this.#gathering ??= new Batch(this.#count);
    this.#gathering.add(publication, this.#encode(publication));
    this.#count += 1;
    if (isExcepted) except.taken = this.#count;
    if (this.#gathering.bytes >= BATCH_BYTES_MAX) this.flush();
    else if (!this.#isPlanned) this.#plan();
  }

  /** Hands over what one subscriber still has to get. */
  settle(subscriber: Subscriber): void {
    if (subscriber.taken >= this.#count) return;
    if (this.#leaving) this.#serve(subscriber, this.#leaving);
    // What is still being gathered has no bytes of its own yet: its messages go one by one.
    if (this.#gathering) this.#serveEach(subscriber, this.#gathering);
  }

  /** What one subscriber still has to get is not for it any more. */
  skip(subscriber: Subscriber): void {
    if (subscriber.taken < this.#count) subscriber.taken = this.#count;
  }

  /** Hands out what has been gathered. */
  flush(): void {
    if (this.#leaving) {
      this.#isMissed = true;
      return;
    }
    do {
      this.#isMissed = false;
      this.#leaving = this.#gathering;
      this.#gathering = null;
      if (this.#leaving) this.#handOut(this.#leaving);
      this.#leaving = null;
    } while (this.#isMissed);
  }

  #handOut(batch: Batch): void {
    if (this.#parts.flushWindowMs > 0) this.#flushedAtMs = this.#parts.clock.monotonicMs();
    for (const subscriber of this.#members) this.#serve(subscriber, batch);
  }

  #serve(subscriber: Subscriber, batch: Batch): void {
    const { taken } = subscriber;
    if (taken > batch.start || !batch.isWhole) {
      this.#serveEach(subscriber, batch);
      return;
    }
    subscriber.taken = batch.end;
    try {
      if (subscriber.deliverBatch(batch)) return;
    } catch (error) {
      this.#parts.onFailure(error);
      return;
    }
    subscriber.taken = taken;
    this.#serveEach(subscriber, batch);
  }

  #serveEach(subscriber: Subscriber, batch: Batch): void {
    // Counted before each is handed over: a subscriber may leave, or be settled, on the way.
    while (subscriber.taken < batch.end) {
      const publication = batch.publications[subscriber.taken - batch.start] as Publication;
      subscriber.taken += 1;
      this.#deliver(subscriber, publication);
    }
  }

  #deliver(subscriber: Subscriber, publication: Publication): void {
    try {
      subscriber.deliver(publication);
    } catch (error) {
      this.#parts.onFailure(error);
    }
  }

  /** Encoded at once, because what a feature published it may change afterwards. */
  #encode(publication: Publication): Encoded | null {
    try {
      return publication.encodedBy(this.#encoder as Encoder);
    } catch {
      return null; // each delivery fails in the same way, and is reported
    }
  }

  #plan(): void {
    const { clock, flushAtTickEnd, flushWindowMs } = this.#parts;
    this.#isPlanned = true;
    const waitMs = flushWindowMs > 0 ? this.#flushedAtMs + flushWindowMs - clock.monotonicMs() : 0;
    if (waitMs > 0) clock.setTimer(() => this.flushPlanned(), waitMs);
    else flushAtTickEnd(this);
  }

  /** The time that was planned for the next batch has come. */
  flushPlanned(): void {
    this.#isPlanned = false;
    this.flush();
  }
}
