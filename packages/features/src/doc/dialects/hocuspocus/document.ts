import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { DOC_KIND } from "../../protocol.ts";
import { HocuspocusAudience } from "./audience.ts";
import { HocuspocusBacklog } from "./backlog.ts";
import { HocuspocusEphemerals } from "./ephemerals.ts";
import { encodeSyncStatus, type HocuspocusFrame } from "./frame.ts";
import type { HocuspocusFrameCache } from "./frame-cache.ts";
import { HocuspocusQuestions } from "./questions.ts";
import { ReaderCheck } from "./reader-check.ts";
import { HocuspocusReading } from "./reading.ts";
import { createSeat, type Seat } from "./seat.ts";
import { HocuspocusSubscription } from "./subscription.ts";
import { HocuspocusWriting } from "./writing.ts";

export interface HocuspocusDocumentParts {
  readonly ws: EndpointSession;
  readonly topic: string;
  readonly frames: HocuspocusFrameCache;
  /** Everybody has to leave. The document is over. */
  readonly onEnded: (error: PlexlineError) => void;
  /** The client has to come back over another connection. */
  readonly onFailed: (error: PlexlineError) => void;
}

/** Said about cursors and events, not about updates. */
const NOT_ABOUT_UPDATES: ReadonlySet<string> = new Set(["PRESENCE_INVALID", "MALFORMED_MESSAGE"]);
/** Said about an answer to SyncStep1; nobody says them of a question that cannot be answered. */
const ABOUT_ANSWERS: ReadonlySet<string> = new Set(["UPDATE_GAP", "CLIENT_ID_TAKEN"]);

/** One document on one connection: a subscription that its addresses share. */
export class HocuspocusDocument {
  readonly #subscription: HocuspocusSubscription;
  readonly #audience: HocuspocusAudience;
  readonly #questions: HocuspocusQuestions;
  readonly #writing: HocuspocusWriting;
  readonly #ephemerals: HocuspocusEphemerals;
  readonly #reading: HocuspocusReading;

  constructor({ frames, ...parts }: HocuspocusDocumentParts) {
    this.#subscription = new HocuspocusSubscription({
      ...parts,
      translate: (message) => this.#translate(message),
      onRenewing: () => {
        this.#questions.restart();
        this.#writing.settlements.restart();
      },
      onRenewed: ({ canWrite }) => this.#onRenewed(canWrite),
    });
    this.#audience = new HocuspocusAudience(this.#subscription, frames);
    this.#questions = new HocuspocusQuestions(this.#subscription);
    this.#reading = new HocuspocusReading(this.#subscription, this.#audience, this.#questions);
    this.#writing = new HocuspocusWriting(this.#subscription, this.#audience, this.#questions);
    this.#ephemerals = new HocuspocusEphemerals(this.#subscription, this.#audience);
  }

  get topic(): string {
    return this.#subscription.topic;
  }

  get isOver(): boolean {
    return this.#subscription.isOver;
  }

  get scope(): "read-write" | "readonly" {
    return this.#audience.scope;
  }

  /** Takes an address in, and has the room ask and tell whatever it asks and tells newcomers. Rejects with what refuses it. */
  async enter(address: string): Promise<Seat> {
    const seat = createSeat(address, (isSaved) => {
      if (isSaved) this.#writing.helped();
      if (!seat.isGone) this.#subscription.push(encodeSyncStatus(address, isSaved));
    });
    this.#audience.add(seat);
    await this.#subscription.renew();
    if (this.#audience.isReader) seat.check = new ReaderCheck();
    return seat;
  }

  /** The address has been told that it is in: what came for it meanwhile follows. */
  admit(seat: Seat): void {
    this.#audience.admit(seat);
  }

  /** An address leaves. Answers whether it was the last. */
  leave(seat: Seat): boolean {
    if (seat.isGone) return this.isOver;
    seat.isGone = true;
    this.#audience.remove(seat);
    this.#writing.settlements.leave(seat.account);
    if (this.isOver) return true;
    if (this.#audience.seats.size === 0) {
      this.#subscription.leave();
      return true;
    }
    this.#ephemerals.removeCursors(seat);
    return false;
  }

  /** Takes a frame of an address. Settles when the room has it. */
  hear(seat: Seat, frame: HocuspocusFrame): void | Promise<void> {
    if (this.isOver || seat.isGone) return;
    switch (frame.type) {
      case "step1":
        return this.#beginSync(seat, frame.stateVector);
      case "step2":
        return this.#answer(seat, frame.update);
      case "update":
        return this.#writing.sendUpdate(seat, frame.update, !seat.backlog?.mayHold(frame.update));
      case "awareness":
        return this.#ephemerals.sendAwareness(seat, frame.awareness);
      case "query-awareness":
        return this.#ephemerals.answerQuery(seat);
      case "stateless":
        return this.#ephemerals.sendStateless(seat, frame.text);
      case "broadcast-stateless":
        this.#subscription.logRefusal({ reason: "BroadcastStateless" });
        return;
      default:
        return;
    }
  }

  async #beginSync(seat: Seat, stateVector: Uint8Array): Promise<void> {
    const isFirst = !seat.hasBegun;
    seat.hasBegun = true;
    // When a later sync begins the provider is connected, and has kept nothing.
    if (isFirst) seat.backlog = new HocuspocusBacklog(stateVector);
    this.#writing.settlements.beginSync(seat.account);
    if (this.#audience.isReader) {
      this.#reading.beginCheck(seat, stateVector, { isFirst });
      return;
    }
    const { round } = this.#questions;
    // What was asked before may be long ago: an answer to it would hold all since then.
    if (round === null || seat.round === round) await this.#subscription.renew().catch(() => {});
    if (this.isOver || seat.isGone) return;
    if (this.#audience.isReader) {
      this.#reading.beginCheck(seat, stateVector, { isFirst: false });
      return;
    }
    this.#questions.ask(seat);
    this.#reading.request(seat, stateVector);
  }

  #answer(seat: Seat, update: Uint8Array): void | Promise<void> {
    // Providers send what they kept before they answer anything.
    seat.backlog = null;
    const asked = seat.asked.shift();
    if (asked === "check") return this.#reading.judge(seat, update);
    // Nobody asked: it is taken for what it holds, and no status is expected for it.
    if (asked === undefined) return this.#writing.sendUpdate(seat, update, false);
    // It has been asked again meanwhile, and the room knows of one question: what it says next holds this too.
    if (asked === this.#questions.round) return this.#writing.sendAnswer(seat, update, asked);
  }

  #onRenewed(canWrite: boolean): void {
    this.#audience.becomes(!canWrite);
    const held = this.#questions.takeHeld();
    const { settlements } = this.#writing;
    if (held !== null && canWrite)
      this.#questions.begin(
        held,
        this.#audience.seats,
        ({ asked, account }) => asked.length > 0 || settlements.needsRound(account),
      );
    this.#reading.restart();
  }

  #translate(message: ServerMessage | BinaryMessage): Uint8Array | null {
    if (!("type" in message)) return this.#translateBinary(message);
    switch (message.type) {
      case "committed":
        if (!this.#subscription.isRenewing) this.#writing.settlements.acknowledge(message.acked ?? 0);
        return null;
      case "error":
        this.#onError(PlexlineError.fromBody(message.error));
        return null;
      case "unsubscribed": {
        const error = PlexlineError.fromBody(message.error);
        queueMicrotask(() => this.#subscription.end(error));
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
    const { seats } = this.#audience;
    switch (message.kind) {
      case DOC_KIND.syncRequest:
        if (this.#subscription.isRenewing) this.#questions.hold(message.payload);
        else this.#questions.begin(message.payload, seats, () => true);
        return null;
      case DOC_KIND.syncResponse:
        return this.#reading.finish(message);
      case DOC_KIND.update:
        if (!message.isFed) return this.#audience.handOn(message, seats);
        return this.#audience.handOn(message, this.#reading.current ? [this.#reading.current] : []);
      case DOC_KIND.awareness:
        return this.#audience.handOn(message, seats);
      case DOC_KIND.event:
      case DOC_KIND.notice:
        this.#ephemerals.tell(message);
        return null;
      default:
        return null;
    }
  }

  #onError(error: PlexlineError): void {
    if (NOT_ABOUT_UPDATES.has(error.code)) return;
    const isOfFeed = this.#reading.current !== undefined && !ABOUT_ANSWERS.has(error.code);
    this.#writing.doubt(error, { isOfFeed });
  }

  #lostLog(reason: "trimmed" | "reset"): void {
    // A new connection is given the snapshot, which has what was missed.
    if (reason === "trimmed") this.#subscription.fail(new PlexlineError("RESYNC"));
    else this.#subscription.revoke();
  }
}
