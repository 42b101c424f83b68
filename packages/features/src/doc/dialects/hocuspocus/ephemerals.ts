import { type BinaryMessage, PlexlineError } from "@plexline/protocol";
import type { OutboxPolicy } from "@plexline/server";
import { readAwareness, writeAwareness } from "../../awareness/codec.ts";
import { DOC_KIND } from "../../protocol.ts";
import type { HocuspocusAudience } from "./audience.ts";
import { encodeAwareness, encodeStateless } from "./frame.ts";
import type { Seat } from "./seat.ts";
import { decodeStateless, encodeStatelessEvent } from "./stateless.ts";
import type { HocuspocusSubscription } from "./subscription.ts";

/** Client ids that one address may show; rooms take no more of a session. */
const SHOWN_MAX = 8;
const NOBODY = Uint8Array.of(0);
/** The newest cursor says all. */
const MAY_BE_DROPPED: OutboxPolicy = { policy: "drop-oldest" };

/** What addresses of a document say that nobody stores: cursors and stateless messages. */
export class HocuspocusEphemerals {
  readonly #subscription: HocuspocusSubscription;
  readonly #audience: HocuspocusAudience;

  constructor(subscription: HocuspocusSubscription, audience: HocuspocusAudience) {
    this.#subscription = subscription;
    this.#audience = audience;
  }

  /** Passes an address's cursors on to its room and to the other addresses. */
  async sendAwareness(seat: Seat, awareness: Uint8Array): Promise<void> {
    try {
      for (const { client, clock, state } of readAwareness(awareness)) {
        if (state === null) seat.shown.delete(client);
        else if (seat.shown.has(client) || seat.shown.size < SHOWN_MAX) seat.shown.set(client, clock);
      }
    } catch {
      // The room refuses it, and says so in its log.
      return;
    }
    this.#audience.tell((address) => encodeAwareness(address, awareness), MAY_BE_DROPPED, seat);
    // A role without presence shows no cursor; that is nothing to end anything for.
    await this.#subscription.send(DOC_KIND.awareness, awareness, (error) => {
      if (error.retry === "later") this.#subscription.fail(error);
    });
  }

  /** An address leaves. Others keep the subscription, and with it the room would keep the cursor. */
  removeCursors(seat: Seat): void {
    const entries = [...seat.shown].map(([client, clock]) => ({ client, clock, state: null }));
    if (entries.length > 0) void this.sendAwareness(seat, writeAwareness(entries));
  }

  /** Whoever is here has been told all states when they came, and each change since: there is nothing to add. */
  answerQuery({ address }: Seat): void {
    this.#subscription.push(encodeAwareness(address, NOBODY));
  }

  async sendStateless(seat: Seat, text: string): Promise<void> {
    let payload: Uint8Array;
    try {
      payload = encodeStatelessEvent(text);
    } catch (error) {
      this.#logRefusal(PlexlineError.from(error));
      return;
    }
    let isRefused = false;
    await this.#subscription.send(DOC_KIND.event, payload, (error) => {
      isRefused = true;
      this.#logRefusal(error);
    });
    if (!isRefused) this.#audience.tell((address) => encodeStateless(address, text), MAY_BE_DROPPED, seat);
  }

  /** Tells everybody an event or a notice of the room, if it is for providers. */
  tell(message: BinaryMessage): void {
    const text = decodeStateless(message);
    if (text !== null) this.#audience.tell((address) => encodeStateless(address, text), MAY_BE_DROPPED);
  }

  #logRefusal({ code, message }: PlexlineError): void {
    this.#subscription.logRefusal({ code, reason: message });
  }
}
