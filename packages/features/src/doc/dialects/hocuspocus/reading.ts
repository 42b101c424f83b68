import type { BinaryMessage } from "@plexline/protocol";
import { DOC_KIND } from "../../protocol.ts";
import type { HocuspocusAudience } from "./audience.ts";
import { HocuspocusFeeds } from "./feeds.ts";
import type { HocuspocusQuestions } from "./questions.ts";
import { ReaderCheck } from "./reader-check.ts";
import type { Seat } from "./seat.ts";
import type { HocuspocusSubscription } from "./subscription.ts";

const NOTHING = Uint8Array.of(0);

/** What addresses are sent of the document in answer to their SyncStep1, and whether those who only read have more than that. */
export class HocuspocusReading {
  readonly #subscription: HocuspocusSubscription;
  readonly #audience: HocuspocusAudience;
  readonly #questions: HocuspocusQuestions;
  readonly #feeds: HocuspocusFeeds;

  constructor(
    subscription: HocuspocusSubscription,
    audience: HocuspocusAudience,
    questions: HocuspocusQuestions,
  ) {
    this.#subscription = subscription;
    this.#audience = audience;
    this.#questions = questions;
    this.#feeds = new HocuspocusFeeds((vector) => {
      if (subscription.isRenewing) return;
      void subscription.send(DOC_KIND.syncRequest, vector, (error) => subscription.fail(error));
    });
  }

  /** Whom the room is answering. */
  get current(): Seat | undefined {
    return this.#feeds.current;
  }

  /** Asks the room for what an address lacks. */
  request(seat: Seat, stateVector: Uint8Array): void {
    this.#feeds.request(seat, stateVector);
  }

  /** Asks again for what the room was answering. */
  restart(): void {
    this.#feeds.restart();
  }

  /** A reader is asked by us: the room does not want what it has, but its client waits to hear that it has nothing. */
  beginCheck(seat: Seat, stateVector: Uint8Array, { isFirst }: { readonly isFirst: boolean }): void {
    const isEmpty = stateVector.length === 1 && stateVector[0] === 0;
    if (!isFirst || seat.check === null) seat.check = new ReaderCheck();
    seat.isChecked = !(isEmpty && isFirst);
    if (!seat.isChecked) this.#questions.askReader(seat, stateVector);
    // A state vector tells nothing of deletions, nor the room's own to a reader: all of the document does.
    this.request(seat, NOTHING);
  }

  /** A reader has answered: it is told whether it has nothing of its own. */
  async judge(seat: Seat, update: Uint8Array): Promise<void> {
    const { check, account } = seat;
    const { sync } = account;
    const isKnown = (await check?.isKnown(update)) ?? false;
    if (account.sync !== sync || !account.isSyncDue) return;
    seat.check = null;
    account.isSyncDue = false;
    account.answer(isKnown);
  }

  /** The room has told all there is. What is returned is the end of the answer, or null if that is sent later. */
  finish(message: BinaryMessage): Uint8Array | null {
    const seat = this.#feeds.current;
    this.#feeds.finish();
    if (!seat || seat.isGone) return null;
    if (!seat.isChecked || seat.check === null) return this.#audience.frameFor(seat, message);
    void seat.check.stateVector().then((stateVector) => {
      if (this.#subscription.isOver || seat.isGone) return;
      this.#questions.askReader(seat, stateVector);
      this.#subscription.push(this.#audience.frameFor(seat, message));
    });
    return null;
  }
}
