import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import { encodeDocEvent } from "../../event.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { bytesOf } from "./bytes.ts";
import { encodeBytes, encodeError, encodeQuestion, type FabricFrames, SELECTION } from "./frame.ts";
import type { FabricMessage } from "./message.ts";
import type { FabricPlace } from "./place.ts";
import { refusalOf } from "./refusal.ts";
import { syncDataOf } from "./sync-data.ts";

const NOTHING = new Uint8Array();

/** What a document does about its doc topic. */
export interface YjsListener {
  /** Somebody has written the first content, as far as this connection knows. */
  hasContent(): void;
  /** The subscription has ended. What is returned is told to the client. */
  ended(error: PlexlineError): string | null;
  /** The log is another one, or parts of it were missed. */
  lostLog(reason: "trimmed" | "reset"): void;
}

/** The doc topic of one document of a connection: its Yjs content, and in every mode its selections and notices. */
export class YjsTopic {
  readonly #place: FabricPlace;
  readonly #frames: FabricFrames;
  readonly #listener: YjsListener;
  #isJoined = false;
  #hasContent = false;
  /** The document is edited in steps: of Yjs nothing is told. */
  #isMuted = false;
  #mayPublish = false;
  /** The state vector of a question of the server that the client has not been asked yet. */
  #question: Uint8Array | null = null;
  /** The client has been sent the document since it joined. */
  #hasState = false;

  constructor(place: FabricPlace, frames: FabricFrames, listener: YjsListener) {
    this.#place = place;
    this.#frames = frames;
    this.#listener = listener;
  }

  /** Anything was ever written to it. */
  get hasContent(): boolean {
    return this.#hasContent;
  }

  /** Whether the client was a writer when it joined. */
  get mayPublish(): boolean {
    return this.#mayPublish;
  }

  async join(): Promise<void> {
    this.#hasState = false;
    this.#question = null;
    this.#isJoined = true;
    try {
      const { head, operations } = await this.#place.ws.subscribe(this.#place.topic, {
        translate: (message) => this.#translate(message),
      });
      this.#hasContent ||= head > 0;
      this.#mayPublish = operations.includes("publish");
    } catch (error) {
      this.#isJoined = false;
      throw error;
    }
  }

  leave(): void {
    if (!this.#isJoined) return;
    this.#isJoined = false;
    this.#place.ws.unsubscribe(this.#place.topic);
  }

  /** From now on only selections and notices are told. */
  mute(): void {
    this.#isMuted = true;
  }

  /** Rejects unless the client may write now. An empty sync-response changes nothing, and needs what any other needs. */
  assertWriter(): Promise<void> {
    return this.#send(DOC_KIND.syncResponse, EMPTY_UPDATE);
  }

  /** Has the document sent to the client. */
  sendState(): Promise<void> {
    return this.#send(DOC_KIND.state, NOTHING);
  }

  /** Takes a message of any type. Settles when the room has it; rejects if it is refused. */
  async take({ type, data }: FabricMessage): Promise<void> {
    switch (type) {
      case "sync":
        return this.#takeSync(data);
      case "update": {
        const bytes = bytesOf(data);
        const update = syncDataOf(bytes);
        // A question is no update: the document says what is wrong with it.
        return this.#send(DOC_KIND.update, update.kind === "update" ? update.update : bytes);
      }
      case "awareness":
        return this.#send(DOC_KIND.awareness, bytesOf(data));
      case SELECTION: {
        const { clientID } = this.#place;
        const payload = encodeDocEvent({ name: SELECTION, data: { clientID, data: data ?? null } });
        return this.#send(DOC_KIND.event, payload);
      }
      default:
        throw unknownType();
    }
  }

  /** What the client has is taken; what it lacks is sent. */
  async #takeSync(data: unknown): Promise<void> {
    const bytes = data === undefined || data === null ? NOTHING : bytesOf(data);
    const sync = bytes.length === 0 ? null : syncDataOf(bytes);
    if (sync?.kind !== "update") return this.sendState();
    this.#question = null;
    const taken = this.#send(DOC_KIND.syncResponse, sync.update);
    // Who begins by saying what it has wants to know what there is, too; a reader has a right to that alone.
    await Promise.all([taken, this.#hasState ? undefined : this.sendState()]);
  }

  #send(kind: number, payload: Uint8Array): Promise<void> {
    return this.#place.ws.sendBinary(this.#place.topic, kind, payload);
  }

  #translate(message: ServerMessage | BinaryMessage): string | null {
    if (!this.#isJoined) return null;
    const frame = "type" in message ? this.#told(message) : this.#frameOf(message);
    return frame === null ? null : this.#place.pass(frame);
  }

  #told(message: ServerMessage): string | null {
    switch (message.type) {
      case "error": {
        // Which of the messages it is about cannot be told. Updates are refused at once for what is wrong with them.
        const refusal = refusalOf(PlexlineError.fromBody(message.error), { isSync: true });
        const isTold = refusal.does === "tell" && !this.#isMuted;
        return isTold ? encodeError(refusal.error, this.#place.documentId) : null;
      }
      case "unsubscribed":
        this.#isJoined = false;
        return this.#listener.ended(PlexlineError.fromBody(message.error));
      case "gap":
        this.#listener.lostLog(message.reason);
        return null;
      default:
        return null;
    }
  }

  #frameOf(message: BinaryMessage): string | null {
    const { kind, payload } = message;
    if (kind === DOC_KIND.update) this.#noteContent();
    if (this.#isMuted && kind !== DOC_KIND.event && kind !== DOC_KIND.notice) return null;
    if (kind === DOC_KIND.syncRequest) return this.#ask(payload);
    const frame = this.#frames.frameOf(this.#place.documentId, message);
    if (kind !== DOC_KIND.state || frame === null) return frame;
    this.#hasState = true;
    const question = this.#question;
    this.#question = null;
    return question === null ? frame : encodeQuestion(frame, question);
  }

  #noteContent(): void {
    if (this.#hasContent) return;
    this.#hasContent = true;
    this.#listener.hasContent();
  }

  /** A client that takes the first `sync` for the whole document is not asked before it has it. */
  #ask(stateVector: Uint8Array): string | null {
    if (this.#hasState)
      return encodeQuestion(encodeBytes("sync", this.#place.documentId, EMPTY_UPDATE), stateVector);
    this.#question = stateVector;
    return null;
  }
}

function unknownType(): PlexlineError {
  return new PlexlineError("UNKNOWN_MESSAGE", {
    message: "Clients send no messages of this type here.",
    fix: "Send sync, update, awareness or selection.",
  });
}
