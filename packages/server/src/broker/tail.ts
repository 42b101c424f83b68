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
  /** That time is no longer than this for each subscriber; below `WINDOW_MS_MIN` there is none. */
  readonly flushWindowPerSubscriberMs: number;
}

/** A shorter wait is less than a timer can count. */
const WINDOW_MS_MIN = 1;

/** Bytes that are gathered at most; then they leave without waiting for the end of the tick. */
const BATCH_BYTES_MAX = 64 * 1024;
/** `taken` of those for whom nothing is gathered. */
const ALL = Number.POSITIVE_INFINITY;

/** The subscribers of one shared codec, and what is gathered for them. It is there as long as it has any. */
class Group {
  readonly encoder: Encoder;
  readonly members = new Set<Subscriber>();
  gathering: Batch | null = null;
  /** The batch that is being handed out. */
  leaving: Batch | null = null;

  constructor(encoder: Encoder) {
    this.encoder = encoder;
  }

  /** Encoded at once, because what a feature published it may change afterwards; undefined if it cannot be. */
  encode(publication: Publication): Encoded | null | undefined {
    try {
      return publication.encodedBy(this.encoder);
    } catch {
      return undefined; // each delivery fails in the same way, and is reported
    }
  }
}

/**
 * The live end of one topic on this node. A system call per delivery is nearly all that fan-out costs, so the
 * publications of one tick are gathered and each subscriber gets them in one write: a batch for each shared codec, which
 * is nearly always one. Gathering must not be seen: whoever is about to do anything else with a subscriber calls `settle`
 * first, and then it stands where it would stand if every publication had been handed over at once.
 */
export class Tail {
  readonly #parts: TailParts;
  /** Those whose codec is shared, by it. */
  readonly #groups = new Map<Encoder, Group>();
  /** The others, e.g. of foreign wires, each with a codec of its own: served at once. */
  readonly #others = new Set<Subscriber>();
  /** Publications gathered so far, ever. */
  #count = 0;
  #isLeaving = false;
  #isPlanned = false;
  #isMissed = false;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  get size(): number {
    let size = this.#others.size;
    for (const group of this.#groups.values()) size += group.members.size;
    return size;
  }

  /** From now on it gets what is published. */
  add(subscriber: Subscriber): void {
    const { encoder } = subscriber;
    if (!encoder.isShared) {
      subscriber.taken = ALL;
      this.#others.add(subscriber);
      return;
    }
    subscriber.taken = this.#count;
    let group = this.#groups.get(encoder);
    if (!group) {
      group = new Group(encoder);
      this.#groups.set(encoder, group);
    }
    group.members.add(subscriber);
  }

  /** It gets nothing any more, not even what has been gathered: settle it first. */
  remove(subscriber: Subscriber): void {
    subscriber.taken = ALL;
    if (this.#others.delete(subscriber)) return;
    const group = this.#groups.get(subscriber.encoder);
    if (group?.members.delete(subscriber) && group.members.size === 0) this.#groups.delete(group.encoder);
  }

  /** Hands a publication to every subscriber but `except`: at the end of the tick at the latest, or of the window. */
  publish(publication: Publication, except?: Subscriber): void {
    for (const subscriber of this.#others) if (subscriber !== except) this.#deliver(subscriber, publication);
    if (this.#groups.size === 0) return;
    const isExcepted = except !== undefined && except.taken !== ALL;
    if (isExcepted) this.settle(except);
    let bytes = 0;
    for (const group of this.#groups.values()) {
      group.gathering ??= new Batch(this.#count);
      group.gathering.add(publication, group.encode(publication));
      bytes = Math.max(bytes, group.gathering.bytes);
    }
    this.#count += 1;
    if (isExcepted) this.skip(except);
    if (bytes >= BATCH_BYTES_MAX) this.flush();
    else if (!this.#isPlanned) this.#plan();
  }

  /** Hands over what one subscriber still has to get. */
  settle(subscriber: Subscriber): void {
    if (subscriber.taken >= this.#count) return;
    const group = this.#groups.get(subscriber.encoder);
    if (group?.leaving) this.#serve(subscriber, group.leaving);
    // What is still being gathered has no bytes of its own yet: its messages go one by one.
    if (group?.gathering) this.#serveEach(subscriber, group.gathering);
  }

  /** What one subscriber still has to get is not for it any more. */
  skip(subscriber: Subscriber): void {
    if (subscriber.taken < this.#count) subscriber.taken = this.#count;
  }

  /** Hands out what has been gathered. */
  flush(): void {
    if (this.#isLeaving) {
      this.#isMissed = true;
      return;
    }
    this.#isLeaving = true;
    do {
      this.#isMissed = false;
      for (const group of this.#groups.values()) this.#handOut(group);
    } while (this.#isMissed);
    this.#isLeaving = false;
  }

  #handOut(group: Group): void {
    const batch = group.gathering;
    if (batch === null) return;
    if (this.#parts.flushWindowMs > 0) this.#flushedAtMs = this.#parts.clock.monotonicMs();
    group.gathering = null;
    group.leaving = batch;
    for (const subscriber of group.members) this.#serve(subscriber, batch);
    group.leaving = null;
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

  #plan(): void {
    const { clock, flushAtTickEnd } = this.#parts;
    this.#isPlanned = true;
    const windowMs = this.#windowMs();
    const waitMs = windowMs > 0 ? this.#flushedAtMs + windowMs - clock.monotonicMs() : 0;
    if (waitMs > 0) clock.setTimer(() => this.flushPlanned(), waitMs);
    else flushAtTickEnd(this);
  }

  #windowMs(): number {
    const { flushWindowMs, flushWindowPerSubscriberMs } = this.#parts;
    const windowMs = Math.min(flushWindowMs, flushWindowPerSubscriberMs * this.size);
    return windowMs < WINDOW_MS_MIN ? 0 : windowMs;
  }

  /** The time that was planned for the next batch has come. */
  flushPlanned(): void {
    this.#isPlanned = false;
    this.flush();
  }
}
