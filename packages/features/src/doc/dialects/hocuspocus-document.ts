import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession, OutboxPolicy } from "@plexline/server";
import { readAwareness, writeAwareness } from "../awareness/codec.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../protocol.ts";
import { HocuspocusFeeds } from "./hocuspocus-feeds.ts";
import {
  encodeAuthenticated,
  encodeAwareness,
  encodeStateless,
  encodeStep1,
  encodeSyncStatus,
  encodeUpdate,
  type HocuspocusFrame,
} from "./hocuspocus-frame.ts";
import type { HocuspocusFrameCache } from "./hocuspocus-frame-cache.ts";
import { ReaderCheck } from "./hocuspocus-reader-check.ts";
import { refusalOf } from "./hocuspocus-refusal.ts";
import { createSeat, type Seat } from "./hocuspocus-seat.ts";
import { createRound, type Parcel, type Round, Settlements } from "./hocuspocus-settlements.ts";
import { decodeStateless, encodeStatelessEvent } from "./hocuspocus-stateless.ts";

export interface HocuspocusDocumentParts {
  readonly ws: EndpointSession;
  readonly topic: string;
  readonly frames: HocuspocusFrameCache;
  /** Everybody has to leave. The document is over. */
  readonly onEnded: (error: PlexlineError) => void;
  /** The client has to come back over another connection. */
  readonly onFailed: (error: PlexlineError) => void;
}

/** SyncStep1 that an address may leave unanswered; then it is asked no more. */
const ASKED_MAX = 64;
/** Client ids that one address may show; rooms take no more of a session. */
const SHOWN_MAX = 8;
const NOTHING = Uint8Array.of(0);
/** The newest cursor says all. */
const MAY_BE_DROPPED: OutboxPolicy = { policy: "drop-oldest" };
/** Said about cursors and events, not about updates. */
const NOT_ABOUT_UPDATES: ReadonlySet<string> = new Set(["PRESENCE_INVALID", "MALFORMED_MESSAGE"]);
/** Said about an answer to SyncStep1; nobody says them of a question that cannot be answered. */
const ABOUT_ANSWERS: ReadonlySet<string> = new Set(["UPDATE_GAP", "CLIENT_ID_TAKEN"]);

/** One document on one connection: a subscription that its addresses share. */
export class HocuspocusDocument {
  readonly #parts: HocuspocusDocumentParts;
  readonly #seats = new Set<Seat>();
  readonly #settlements = new Settlements();
  readonly #feeds: HocuspocusFeeds;
  /** What the room asked last, for those who are asked from now on. */
  #round: Round | null = null;
  #isReader = false;
  #isOver = false;
  #subscribing: Promise<void> = Promise.resolve();
  /** The subscribe that waits for its turn: it serves all who want one meanwhile. */
  #waiting: Promise<void> | null = null;
  /** A subscribe is under way: numbers and questions may still be those of the subscription before it. */
  #isRenewing = false;
  /** The newest question that came meanwhile. */
  #heldVector: Uint8Array | null = null;
  /** Whether to subscribe anew when something cannot be settled: not again until that has helped somebody. */
  #mayRenew = true;

  constructor(parts: HocuspocusDocumentParts) {
    this.#parts = parts;
    this.#feeds = new HocuspocusFeeds((vector) => {
      if (!this.#isRenewing) void this.#send(DOC_KIND.syncRequest, vector, (error) => this.#fail(error));
    });
  }

  get topic(): string {
    return this.#parts.topic;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get scope(): "read-write" | "readonly" {
    return this.#isReader ? "readonly" : "read-write";
  }

  /** Takes an address in, and has the room ask and tell whatever it asks and tells newcomers. Rejects with what refuses it. */
  async enter(address: string): Promise<Seat> {
    const seat = createSeat(address, (isSaved) => {
      if (isSaved) this.#mayRenew = true;
      if (!seat.isGone) this.#parts.ws.send(encodeSyncStatus(address, isSaved));
    });
    this.#seats.add(seat);
    await this.#renew();
    if (this.#isReader) seat.check = new ReaderCheck();
    return seat;
  }

  /** The address has been told that it is in: what came for it meanwhile follows. */
  admit(seat: Seat): void {
    const early = seat.early ?? [];
    seat.early = null;
    for (const message of early) {
      if (message.kind === DOC_KIND.update) seat.check?.saw(message.payload);
      this.#parts.ws.send(this.#frameFor(seat, message));
    }
  }

  /** An address leaves. Answers whether it was the last. */
  leave(seat: Seat): boolean {
    if (seat.isGone) return this.#isOver;
    seat.isGone = true;
    this.#seats.delete(seat);
    this.#settlements.leave(seat.account);
    if (this.#isOver) return true;
    if (this.#seats.size === 0) {
      this.#isOver = true;
      this.#parts.ws.unsubscribe(this.#parts.topic);
      return true;
    }
    // The others keep the subscription, and with it the room would keep the cursor.
    const entries = [...seat.shown].map(([client, clock]) => ({ client, clock, state: null }));
    if (entries.length > 0) void this.#sendAwareness(seat, writeAwareness(entries));
    return false;
  }

  /** Takes a frame of an address. Settles when the room has it. */
  hear(seat: Seat, frame: HocuspocusFrame): void | Promise<void> {
    if (this.#isOver || seat.isGone) return;
    switch (frame.type) {
      case "step1":
        return this.#beginSync(seat, frame.stateVector);
      case "step2":
        return this.#answer(seat, frame.update);
      case "update":
        return this.#update(seat, frame.update, true);
      case "awareness":
        return this.#sendAwareness(seat, frame.awareness);
      case "query-awareness":
        // Whoever is here has been told all states when they came, and each change since: there is nothing to add.
        this.#parts.ws.send(encodeAwareness(seat.address, NOTHING));
        return;
      case "stateless":
        return this.#sendStateless(seat, frame.text);
      case "broadcast-stateless":
        this.#parts.ws.log.warn({
          action: "ws.refuse",
          topic: this.#parts.topic,
          reason: "BroadcastStateless",
        });
        return;
      default:
        return;
    }
  }

  async #beginSync(seat: Seat, stateVector: Uint8Array): Promise<void> {
    const isFirst = !seat.hasBegun;
    seat.hasBegun = true;
    this.#settlements.beginSync(seat.account);
    if (this.#isReader) {
      this.#beginCheck(seat, stateVector, isFirst);
      return;
    }
    // What was asked before may be long ago: an answer to it would hold all since then.
    if (this.#round === null || seat.round === this.#round) await this.#renew().catch(() => {});
    if (this.#isOver || seat.isGone) return;
    if (this.#isReader) {
      this.#beginCheck(seat, stateVector, false);
      return;
    }
    this.#ask(seat);
    this.#feeds.request(seat, stateVector);
  }

  /** A reader is asked by us: the room does not want what it has, but its client waits to hear that it has nothing. */
  #beginCheck(seat: Seat, stateVector: Uint8Array, isFirst: boolean): void {
    const isEmpty = stateVector.length === 1 && stateVector[0] === 0;
    if (!isFirst || seat.check === null) seat.check = new ReaderCheck();
    seat.isChecked = !(isEmpty && isFirst);
    if (!seat.isChecked) this.#askReader(seat, stateVector);
    // A state vector tells nothing of deletions, nor the room's own to a reader: all of the document does.
    this.#feeds.request(seat, NOTHING);
  }

  #askReader(seat: Seat, stateVector: Uint8Array): void {
    if (seat.asked.length >= ASKED_MAX) return;
    seat.asked.push("check");
    this.#parts.ws.send(encodeStep1(seat.address, stateVector));
  }

  #ask(seat: Seat): void {
    const round = this.#round;
    if (round === null || seat.round === round || seat.asked.length >= ASKED_MAX) return;
    seat.round = round;
    seat.asked.push(round);
    this.#parts.ws.send(encodeStep1(seat.address, round.stateVector));
  }

  #answer(seat: Seat, update: Uint8Array): void | Promise<void> {
    const asked = seat.asked.shift();
    if (asked === "check") return this.#judge(seat, update);
    // Nobody asked: it is taken for what it holds, and no status is expected for it.
    if (asked === undefined) return this.#update(seat, update, false);
    // It has been asked again meanwhile, and the room knows of one question: what it says next holds this too.
    if (asked !== this.#round) return;
    const parcel = this.#settlements.sendAnswer(seat.account, asked);
    return this.#deliver(seat, DOC_KIND.syncResponse, update, parcel);
  }

  async #judge(seat: Seat, update: Uint8Array): Promise<void> {
    const { check, account } = seat;
    const { sync } = account;
    const isKnown = (await check?.isKnown(update)) ?? false;
    if (account.sync !== sync || !account.isSyncDue) return;
    seat.check = null;
    account.isSyncDue = false;
    account.answer(isKnown);
  }

  #update(seat: Seat, update: Uint8Array, isCounted: boolean): Promise<void> {
    const parcel = this.#settlements.sendUpdate(seat.account, isCounted);
    return this.#deliver(seat, DOC_KIND.update, update, parcel);
  }

  async #deliver(seat: Seat, kind: number, update: Uint8Array, parcel: Parcel): Promise<void> {
    try {
      await this.#parts.ws.sendBinary(this.#parts.topic, kind, update);
    } catch (error) {
      this.#refuse(seat, parcel, error);
      return;
    }
    if (this.#isReader) this.#becomes(false);
    // The room does not hand it to the connection that it came from.
    if (update.length > EMPTY_UPDATE.length)
      this.#tellOthers(seat, (address) => encodeUpdate(address, update));
    this.#settlements.taken(parcel);
  }

  #refuse(seat: Seat, parcel: Parcel, reason: unknown): void {
    const refusal = refusalOf(reason);
    if (refusal.does === "close") {
      this.#fail(refusal.error);
    } else if (refusal.does === "wait") {
      this.#settlements.doubt();
      this.#settlements.taken(parcel);
      this.#helpDoubtful();
    } else {
      if (!refusal.wasCounted && !this.#isReader && !seat.isGone) this.#becomes(true);
      this.#settlements.refused(parcel, { wasCounted: refusal.wasCounted });
    }
  }

  /** The role has changed: providers show their scope. */
  #becomes(isReader: boolean): void {
    if (this.#isOver || this.#isReader === isReader) return;
    this.#isReader = isReader;
    for (const { address, early } of this.#seats)
      if (early === null) this.#parts.ws.send(encodeAuthenticated(address, this.scope));
  }

  async #sendAwareness(seat: Seat, awareness: Uint8Array): Promise<void> {
    try {
      for (const { client, clock, state } of readAwareness(awareness)) {
        if (state === null) seat.shown.delete(client);
        else if (seat.shown.has(client) || seat.shown.size < SHOWN_MAX) seat.shown.set(client, clock);
      }
    } catch {
      // The room refuses it, and says so in its log.
      return;
    }
    this.#tellOthers(seat, (address) => encodeAwareness(address, awareness), MAY_BE_DROPPED);
    // A role without presence shows no cursor; that is nothing to end anything for.
    await this.#send(DOC_KIND.awareness, awareness, (error) => {
      if (error.retry === "later") this.#fail(error);
    });
  }

  async #sendStateless(seat: Seat, text: string): Promise<void> {
    let payload: Uint8Array;
    try {
      payload = encodeStatelessEvent(text);
    } catch (error) {
      this.#logRefusal(PlexlineError.from(error));
      return;
    }
    let isRefused = false;
    await this.#send(DOC_KIND.event, payload, (error) => {
      isRefused = true;
      this.#logRefusal(error);
    });
    if (!isRefused) this.#tellOthers(seat, (address) => encodeStateless(address, text), MAY_BE_DROPPED);
  }

  async #send(kind: number, payload: Uint8Array, onRefused: (error: PlexlineError) => void): Promise<void> {
    try {
      await this.#parts.ws.sendBinary(this.#parts.topic, kind, payload);
    } catch (error) {
      const refusal = PlexlineError.from(error, "HANDLER_FAILED");
      if (!this.#isOver && refusal.code !== "NOT_SUBSCRIBED") onRefused(refusal);
    }
  }

  #tellOthers(from: Seat, frameFor: (address: string) => Uint8Array, outbox?: OutboxPolicy): void {
    if (this.#isOver) return;
    for (const seat of this.#seats)
      if (seat !== from && seat.early === null) this.#parts.ws.send(frameFor(seat.address), outbox);
  }

  #logRefusal({ code, message }: PlexlineError): void {
    this.#parts.ws.log.warn({ action: "ws.refuse", topic: this.#parts.topic, code, reason: message });
  }

  /** Subscribes anew: the room begins to count, asks for what it lacks, and tells everybody's cursors. */
  #renew(): Promise<void> {
    this.#waiting ??= this.#subscribing.then(() => {
      this.#waiting = null;
      const subscribing = this.#subscribe();
      this.#subscribing = subscribing.catch(() => {});
      return subscribing;
    });
    return this.#waiting;
  }

  async #subscribe(): Promise<void> {
    if (this.#isOver) throw new PlexlineError("NOT_SUBSCRIBED");
    this.#isRenewing = true;
    this.#heldVector = null;
    this.#round = null;
    this.#settlements.restart();
    try {
      const { operations } = await this.#parts.ws.subscribe(this.#parts.topic, {
        translate: (message) => (this.#isOver ? null : this.#translate(message)),
      });
      if (this.#isOver) throw new PlexlineError("NOT_SUBSCRIBED");
      this.#becomes(!operations.includes("publish"));
    } catch (error) {
      this.#end(PlexlineError.from(error));
      throw error;
    } finally {
      this.#isRenewing = false;
    }
    if (this.#heldVector !== null && !this.#isReader) this.#beginRound(this.#heldVector, false);
    this.#feeds.restart();
  }

  /** The room asks for what it lacks: everybody may have it, or those for whom an answer settles something. */
  #beginRound(stateVector: Uint8Array, asksAll: boolean): void {
    this.#round = createRound(stateVector);
    for (const seat of this.#seats) {
      if (!seat.hasBegun) continue;
      if (asksAll || seat.asked.length > 0 || this.#settlements.needsRound(seat.account)) this.#ask(seat);
    }
  }

  #translate(message: ServerMessage | BinaryMessage): Uint8Array | null {
    if (!("type" in message)) return this.#translateBinary(message);
    switch (message.type) {
      case "committed":
        if (!this.#isRenewing) this.#settlements.acknowledge(message.acked ?? 0);
        return null;
      case "error":
        this.#onError(PlexlineError.fromBody(message.error));
        return null;
      case "unsubscribed": {
        const error = PlexlineError.fromBody(message.error);
        queueMicrotask(() => this.#end(error));
        return null;
      }
      case "gap":
        queueMicrotask(() => this.#lostLog(message.reason));
        return null;
      default:
        return null;
    }
  }

  #translateBinary(message: BinaryMessage): Uint8Array | null {
    switch (message.kind) {
      case DOC_KIND.syncRequest:
        if (this.#isRenewing) this.#heldVector = message.payload;
        else this.#beginRound(message.payload, true);
        return null;
      case DOC_KIND.syncResponse:
        return this.#finishFeed(message);
      case DOC_KIND.update:
        if (!message.isFed) return this.#handOn(message, [...this.#seats]);
        return this.#handOn(message, this.#feeds.current ? [this.#feeds.current] : []);
      case DOC_KIND.awareness:
        return this.#handOn(message, [...this.#seats]);
      case DOC_KIND.event:
      case DOC_KIND.notice: {
        const text = decodeStateless(message);
        for (const { address, early } of this.#seats)
          if (text !== null && early === null)
            this.#parts.ws.send(encodeStateless(address, text), MAY_BE_DROPPED);
        return null;
      }
      default:
        return null;
    }
  }

  /** Tells several addresses the same; what is returned is the last one's frame. */
  #handOn(message: BinaryMessage, seats: readonly Seat[]): Uint8Array | null {
    let last: Uint8Array | null = null;
    for (const seat of seats) {
      if (seat.isGone) continue;
      if (seat.early !== null) {
        seat.early.push(message);
        continue;
      }
      const isNews = !message.isFed || seat.isChecked;
      if (message.kind === DOC_KIND.update && isNews) seat.check?.saw(message.payload);
      if (last !== null) this.#parts.ws.send(last);
      last = this.#frameFor(seat, message);
    }
    return last;
  }

  #frameFor(seat: Seat, message: BinaryMessage): Uint8Array {
    return this.#parts.frames.frameOf(message, seat.address);
  }

  /** The room has told all there is. */
  #finishFeed(message: BinaryMessage): Uint8Array | null {
    const seat = this.#feeds.current;
    this.#feeds.finish();
    if (!seat || seat.isGone) return null;
    if (!seat.isChecked || seat.check === null) return this.#frameFor(seat, message);
    void seat.check.stateVector().then((stateVector) => {
      if (this.#isOver || seat.isGone) return;
      this.#askReader(seat, stateVector);
      this.#parts.ws.send(this.#frameFor(seat, message));
    });
    return null;
  }

  #onError(error: PlexlineError): void {
    if (NOT_ABOUT_UPDATES.has(error.code)) return;
    // Which of the messages it is about cannot be told.
    this.#settlements.doubt();
    const isOfFeed = this.#feeds.current !== undefined && !ABOUT_ANSWERS.has(error.code);
    const refusal = refusalOf(error);
    if (isOfFeed || refusal.does === "close") queueMicrotask(() => this.#fail(error));
    else if (error.code !== "STORAGE_UNAVAILABLE") this.#helpDoubtful();
  }

  /** Nobody may be asked for a long time: those whose updates are in doubt for another's sake are asked once. */
  #helpDoubtful(): void {
    const isAsked = [...this.#seats].some(({ asked }) => asked.includes(this.#round ?? "check"));
    if (!this.#mayRenew || isAsked || this.#isOver) return;
    this.#mayRenew = false;
    queueMicrotask(() => void this.#renew().catch(() => {}));
  }

  #lostLog(reason: "trimmed" | "reset"): void {
    // A new connection is given the snapshot, which has what was missed.
    if (reason === "trimmed") {
      this.#fail(new PlexlineError("RESYNC"));
      return;
    }
    const message = "The document was replaced; keep a copy of yours and open it afresh.";
    this.#parts.ws.unsubscribe(this.#parts.topic);
    this.#end(new PlexlineError("REVOKED", { message }));
  }

  #end(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.onEnded(error);
  }

  #fail(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.onFailed(error);
  }
}
