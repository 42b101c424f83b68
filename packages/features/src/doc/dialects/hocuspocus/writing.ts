import type { PlexlineError } from "@plexline/protocol";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import type { HocuspocusAudience } from "./audience.ts";
import { encodeUpdate } from "./frame.ts";
import type { HocuspocusQuestions } from "./questions.ts";
import { refusalOf } from "./refusal.ts";
import type { Seat } from "./seat.ts";
import { type Parcel, type Round, Settlements } from "./settlements.ts";
import type { HocuspocusSubscription } from "./subscription.ts";

/** What addresses of a document write, on its way to the room and until they are told what became of it. */
export class HocuspocusWriting {
  readonly settlements = new Settlements();
  readonly #subscription: HocuspocusSubscription;
  readonly #audience: HocuspocusAudience;
  readonly #questions: HocuspocusQuestions;
  /** Whether to subscribe anew when something cannot be settled: not again until that has helped somebody. */
  #mayRenew = true;

  constructor(
    subscription: HocuspocusSubscription,
    audience: HocuspocusAudience,
    questions: HocuspocusQuestions,
  ) {
    this.#subscription = subscription;
    this.#audience = audience;
    this.#questions = questions;
  }

  /** Somebody has been told that something is saved. */
  helped(): void {
    this.#mayRenew = true;
  }

  /** @param isCounted Whether the client expects a status for it. */
  sendUpdate(seat: Seat, update: Uint8Array, isCounted: boolean): Promise<void> {
    const parcel = this.settlements.sendUpdate(seat.account, isCounted);
    return this.#deliver(seat, DOC_KIND.update, update, parcel);
  }

  /** Sends the room an answer to its newest question. */
  sendAnswer(seat: Seat, update: Uint8Array, round: Round): Promise<void> {
    const parcel = this.settlements.sendAnswer(seat.account, round);
    return this.#deliver(seat, DOC_KIND.syncResponse, update, parcel);
  }

  async #deliver(seat: Seat, kind: number, update: Uint8Array, parcel: Parcel): Promise<void> {
    try {
      await this.#subscription.deliver(kind, update);
    } catch (error) {
      this.#refuse(seat, parcel, error);
      return;
    }
    this.#audience.becomes(false);
    // The room does not hand it to the connection that it came from.
    if (update.length > EMPTY_UPDATE.length)
      this.#audience.tell((address) => encodeUpdate(address, update), undefined, seat);
    this.settlements.taken(parcel);
  }

  #refuse(seat: Seat, parcel: Parcel, reason: unknown): void {
    const refusal = refusalOf(reason);
    if (refusal.does === "close") {
      this.#subscription.fail(refusal.error);
    } else if (refusal.does === "wait") {
      this.settlements.doubt();
      this.settlements.taken(parcel);
      this.#helpDoubtful();
    } else {
      if (!refusal.wasCounted && !seat.isGone) this.#audience.becomes(true);
      this.settlements.refused(parcel, { wasCounted: refusal.wasCounted });
    }
  }

  /**
   * The room has told of an error. Which of the messages it is about cannot be told; `isOfFeed`: it may be about a SyncStep1, which
   * would stay without an answer.
   */
  doubt(error: PlexlineError, { isOfFeed }: { readonly isOfFeed: boolean }): void {
    this.settlements.doubt();
    const ends = isOfFeed || refusalOf(error).does === "close";
    if (ends) queueMicrotask(() => this.#subscription.fail(error));
    else if (error.code !== "STORAGE_UNAVAILABLE") this.#helpDoubtful();
  }

  /** Nobody may be asked for a long time: those whose updates are in doubt for another's sake are asked once. */
  #helpDoubtful(): void {
    const current = this.#questions.round ?? "check";
    const isAsked = [...this.#audience.seats].some(({ asked }) => asked.includes(current));
    if (!this.#mayRenew || isAsked || this.#subscription.isOver) return;
    this.#mayRenew = false;
    queueMicrotask(() => void this.#subscription.renew().catch(() => {}));
  }
}
