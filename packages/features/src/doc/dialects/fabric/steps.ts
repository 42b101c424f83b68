import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import {
  CLAIM_COMMAND,
  CLAIMED_EVENT,
  type DocumentMode,
  type ModeClaim,
  SINCE_COMMAND,
  type SinceOutput,
  STEPS_EVENT,
  type StepsRun,
  type StepsSnapshot,
  SUBMIT_COMMAND,
  type SubmitOutput,
} from "../../../steps/protocol.ts";
import type { FabricPlace } from "./place.ts";
import { isDenial } from "./refusal.ts";
import { type StepsData, versionOf } from "./steps-data.ts";
import { encodeSteps, type StepsFrames } from "./steps-frame.ts";

/** What a document does about its steps topic. */
export interface StepsListener {
  /** The mode has been fixed. */
  fixed(mode: DocumentMode): void;
  /** The subscription has ended. What is returned is told to the client. */
  ended(error: PlexlineError): string | null;
  /** The log is another one, or parts of it were missed. */
  lostLog(reason: "trimmed" | "reset"): void;
}

/**
 * What came of joining. `denied`: the client may not open it. `absent`: there is no such topic, or it is no steps document.
 */
export type StepsJoin = "joined" | "denied" | "absent";

/** Characters after which an answer stops, so that it and what comes meanwhile fit the outbox. */
const ANSWER_LENGTH_MAX = 384 * 1024;

/** The steps topic of one document of a connection. */
export class StepsTopic {
  readonly #place: FabricPlace;
  readonly #topic: string;
  readonly #frames: StepsFrames;
  readonly #listener: StepsListener;
  #isJoined = false;
  /** Epoch that the client's versions are of. */
  #epoch: string | undefined;
  /** Version after the newest step that the client has been sent; null if it has been sent none. */
  #told: number | null = null;
  /** Submits and questions, one after the other: a submit may build on the one before it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(place: FabricPlace, topic: string, frames: StepsFrames, listener: StepsListener) {
    this.#place = place;
    this.#topic = topic;
    this.#frames = frames;
    this.#listener = listener;
  }

  /** Subscribes. Tells the listener the mode if it is fixed; rejects if the topic cannot be served now. */
  async join(): Promise<StepsJoin> {
    this.#isJoined = true;
    try {
      const { position, snapshot } = await this.#place.ws.subscribe(this.#topic, {
        translate: (message) => this.#translate(message),
      });
      if (!isSnapshot(snapshot)) {
        this.leave();
        return "absent";
      }
      this.#epoch = position?.epoch;
      if (snapshot.mode !== undefined) this.#listener.fixed(snapshot.mode);
      return "joined";
    } catch (reason) {
      this.#isJoined = false;
      const error = PlexlineError.from(reason, "HANDLER_FAILED");
      if (error.code === "TOPIC_UNKNOWN") return "absent";
      if (isDenial(error)) return "denied";
      throw error;
    }
  }

  leave(): void {
    if (!this.#isJoined) return;
    this.#isJoined = false;
    this.#place.ws.unsubscribe(this.#topic);
  }

  /** Asks for a mode, and tells the listener the one that is fixed. */
  async claim(wanted: DocumentMode): Promise<void> {
    const { mode } = await this.#call<ModeClaim>(CLAIM_COMMAND, { mode: wanted });
    this.#listener.fixed(mode);
  }

  /** Submits; what is not accepted as it is, is answered with the steps that the client lacks [FB22] [FB23]. */
  submit({ version, steps, clientID = this.#place.clientID }: StepsData): Promise<void> {
    return this.#inTurn(async () => {
      const input = { version, steps, clientID, epoch: this.#epoch };
      const { accepted, repeated } = await this.#call<SubmitOutput>(SUBMIT_COMMAND, input);
      // The steps themselves come back as those of others do, which tells that they were accepted.
      if (!accepted || repeated) await this.#answer(versionOf({ version }));
    });
  }

  /** Sends the steps from a version on [FB23]. */
  tellSince(version: number): Promise<void> {
    return this.#inTurn(() => this.#answer(version));
  }

  /** Sends what the client has missed since it was last sent anything; what it never asked for it has not missed. */
  async catchUp(): Promise<void> {
    if (this.#told !== null) await this.tellSince(this.#told);
  }

  async #answer(from: number): Promise<void> {
    let version = from;
    for (let length = 0; ; ) {
      const page = await this.#call<SinceOutput>(SINCE_COMMAND, { version, epoch: this.#epoch });
      if (page.epoch !== this.#epoch || version > page.head) throw aheadOf(page.head);
      const end = version + page.steps.length;
      const isLast = end >= page.head;
      const sample = encodeSteps(this.#place.documentId, page);
      length += sample.length;
      const stops = !isLast && length > ANSWER_LENGTH_MAX;
      this.#place.send(stops ? encodeSteps(this.#place.documentId, page, true) : sample);
      this.#noteTold(page);
      if (isLast || stops) return;
      version = end;
    }
  }

  async #call<Output>(command: string, input: object): Promise<Output> {
    // The steps room answers with what its protocol says.
    return (await this.#place.ws.call(this.#topic, command, input)).output as Output;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #noteTold({ version, steps }: StepsRun): void {
    this.#told = Math.max(this.#told ?? 0, version + steps.length);
  }

  #translate(message: ServerMessage | BinaryMessage): string | null {
    if (!this.#isJoined || !("type" in message)) return null;
    if (message.type === "push") return this.#heard(message.event, message.payload);
    if (message.type === "gap") this.#listener.lostLog(message.reason);
    if (message.type !== "unsubscribed") return null;
    this.#isJoined = false;
    const frame = this.#listener.ended(PlexlineError.fromBody(message.error));
    return frame === null ? null : this.#place.pass(frame);
  }

  /** The payloads are those of the steps room. */
  #heard(event: string, payload: unknown): string | null {
    if (event === CLAIMED_EVENT) this.#listener.fixed((payload as ModeClaim).mode);
    if (event !== STEPS_EVENT) return null;
    const run = payload as StepsRun;
    this.#listener.fixed("steps");
    this.#noteTold(run);
    return this.#place.pass(this.#frames.frameOf(this.#place.documentId, run));
  }
}

/** A topic of another feature has another snapshot, or none. */
function isSnapshot(snapshot: unknown): snapshot is StepsSnapshot {
  return (
    typeof snapshot === "object" &&
    snapshot !== null &&
    "head" in snapshot &&
    typeof snapshot.head === "number"
  );
}

function aheadOf(head: number): PlexlineError {
  return new PlexlineError("RESYNC", {
    message: `The document has ${head} steps, and not the version that this speaks of.`,
    fix: "Keep a copy of what you have, and open the document afresh from version 0.",
  });
}
