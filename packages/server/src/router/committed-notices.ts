import type { CommittedMessage } from "@plexline/protocol";
import { type OutboxPolicy, Publication } from "../broker/publication.ts";
import type { Tail } from "../broker/tail.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Subscription } from "./subscription.ts";

/**
 * Longest time by which a round of `committed` of one topic is put off after the one before, in milliseconds. Nobody sees
 * "saved" come a fortieth of a second later, and at 40 a second they cost little beside the messages they speak of.
 */
export const COMMITTED_INTERVAL_MS = 25;
/** The same for a topic with few subscribers, to whom telling costs next to nothing. */
export const COMMITTED_INTERVAL_MIN_MS = 5;
/** From so many subscribers on the longest time counts; below it is in proportion. */
const SUBSCRIBERS_OF_LONGEST = 100;

/** The newest says all. Features cannot name this key by accident: theirs hold no line feed. */
const NEWEST: OutboxPolicy = { policy: "coalesce", key: "\ncommitted" };

export interface CommittedNoticesParts {
  readonly clock: Clock;
  readonly alias: number;
  readonly tail: Tail;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
}

/**
 * Tells the subscribers of a topic with binary entries how far they stand in its log. The first notice after a pause leaves
 * with the tick, so that it holds what the commit settled; then there is one round per interval.
 */
export class CommittedNotices {
  readonly #parts: CommittedNoticesParts;
  #isPlanned = false;
  #isClosed = false;
  #timer: Timer | null = null;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #last: { readonly offset: number; readonly acked: number; readonly publication: Publication } | null = null;

  constructor(parts: CommittedNoticesParts) {
    this.#parts = parts;
  }

  /** What was told may be out of date. */
  touch(): void {
    if (this.#isPlanned || this.#isClosed) return;
    const { clock } = this.#parts;
    this.#isPlanned = true;
    const waitMs = this.#toldAtMs + this.#intervalMs - clock.monotonicMs();
    if (waitMs > 0) this.#timer = clock.setTimer(() => this.#tell(), waitMs);
    else clock.defer(() => this.#tell());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /**
   * The notice; one object for all who stand at the same place and share a codec, so that it is encoded once. A codec of its
   * own hears every notice: where its client counts anew, the same numbers say something else.
   */
  publicationFor(offset: number, acked: number, isShared: boolean): Publication {
    if (!isShared || this.#last?.offset !== offset || this.#last.acked !== acked) {
      const { alias } = this.#parts;
      const message: CommittedMessage = {
        type: "committed",
        alias,
        offset,
        ...(acked === 0 ? {} : { acked }),
      };
      this.#last = { offset, acked, publication: new Publication(message, null, NEWEST) };
    }
    return this.#last.publication;
  }

  get #intervalMs(): number {
    const share = this.#parts.subscriptions.size / SUBSCRIBERS_OF_LONGEST;
    return Math.min(
      COMMITTED_INTERVAL_MS,
      Math.max(COMMITTED_INTERVAL_MIN_MS, COMMITTED_INTERVAL_MS * share),
    );
  }

  #tell(): void {
    if (this.#isClosed) return;
    const { clock, tail, subscriptions } = this.#parts;
    this.#isPlanned = false;
    this.#toldAtMs = clock.monotonicMs();
    // What they speak of goes before them.
    tail.flush();
    for (const subscription of subscriptions.values()) subscription.tellCommitted();
  }
}
