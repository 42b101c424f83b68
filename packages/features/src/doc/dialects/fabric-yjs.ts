import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import { encodeDocEvent } from "../event.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../protocol.ts";
import { bytesOf } from "./fabric-bytes.ts";
import { encodeBytes, encodeError, encodeQuestion, type FabricFrames, SELECTION } from "./fabric-frame.ts";
import type { FabricMessage } from "./fabric-message.ts";
import type { FabricDocument, FabricMode, FabricPlace } from "./fabric-mode.ts";
import { closeCodeFor, refusalOf } from "./fabric-refusal.ts";
import { syncDataOf } from "./fabric-sync-data.ts";

const NOTHING = new Uint8Array();

/** The mode of Yjs documents. */
export function createYjsMode(frames: FabricFrames): FabricMode {
  return {
    name: "yjs",
    open: (place) => new YjsDocument(place, frames),
  };
}

class YjsDocument implements FabricDocument {
  readonly #place: FabricPlace;
  readonly #frames: FabricFrames;
  /** Null while it is not subscribed to. */
  #joining: Promise<void> | null = null;
  /** The state vector of a question of the server that the client has not been asked yet. */
  #question: Uint8Array | null = null;
  /** The client has been sent the document since it joined. */
  #hasState = false;
  /** The connection is about to be closed. */
  #isOver = false;

  constructor(place: FabricPlace, frames: FabricFrames) {
    this.#place = place;
    this.#frames = frames;
  }

  get isJoined(): boolean {
    return this.#joining !== null;
  }

  join(): Promise<void> {
    this.#joining ??= this.#subscribe();
    return this.#joining;
  }

  async hear(message: FabricMessage): Promise<void> {
    try {
      await this.#attempt(message);
    } catch (error) {
      if (PlexlineError.from(error).code !== "NOT_SUBSCRIBED") throw error;
      // The subscription ended under the message: what the client may now is asked once more.
      this.#joining = null;
      await this.#attempt(message);
    }
  }

  async #attempt(message: FabricMessage): Promise<void> {
    const isLate = !this.isJoined;
    await this.join();
    // Whoever comes in by this message has missed what was before it, and may not know that it has to ask.
    const missed = isLate && message.type !== "sync" ? this.#sendState() : undefined;
    await Promise.all([this.#take(message), missed]);
  }

  async #subscribe(): Promise<void> {
    this.#hasState = false;
    this.#question = null;
    try {
      await this.#place.ws.subscribe(this.#place.topic, {
        translate: (message) => this.#translate(message),
      });
    } catch (error) {
      this.#joining = null;
      throw error;
    }
  }

  async #take({ type, data }: FabricMessage): Promise<void> {
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
    if (sync?.kind !== "update") return this.#sendState();
    this.#question = null;
    const taken = this.#send(DOC_KIND.syncResponse, sync.update);
    // Who begins by saying what it has wants to know what there is, too; a reader has a right to that alone.
    await Promise.all([taken, this.#hasState ? undefined : this.#sendState()]);
  }

  /** Has the document sent to the client. */
  #sendState(): Promise<void> {
    return this.#send(DOC_KIND.state, NOTHING);
  }

  #send(kind: number, payload: Uint8Array): Promise<void> {
    return this.#place.ws.sendBinary(this.#place.topic, kind, payload);
  }

  #translate(message: ServerMessage | BinaryMessage): string | null {
    if (this.#isOver) return null;
    const { documentId } = this.#place;
    if (!("type" in message)) return this.#frameOf(message);
    switch (message.type) {
      case "error": {
        // Which of the messages it is about cannot be told. Updates are refused at once for what is wrong with them.
        const refusal = refusalOf(PlexlineError.fromBody(message.error), { isSync: true });
        return refusal.does === "tell" ? encodeError(refusal.error, documentId) : null;
      }
      case "unsubscribed":
        return this.#ended(PlexlineError.fromBody(message.error));
      case "gap":
        this.#lostLog(message.reason);
        return null;
      default:
        return null;
    }
  }

  #frameOf(message: BinaryMessage): string | null {
    const { documentId } = this.#place;
    if (message.kind === DOC_KIND.syncRequest) return this.#ask(message.payload);
    const frame = this.#frames.frameOf(documentId, message);
    if (message.kind !== DOC_KIND.state || frame === null) return frame;
    this.#hasState = true;
    const question = this.#question;
    this.#question = null;
    return question === null ? frame : encodeQuestion(frame, question);
  }

  /** A client that takes the first `sync` for the whole document is not asked before it has it. */
  #ask(stateVector: Uint8Array): string | null {
    if (this.#hasState)
      return encodeQuestion(encodeBytes("sync", this.#place.documentId, EMPTY_UPDATE), stateVector);
    this.#question = stateVector;
    return null;
  }

  /** The client hears nothing more of the document; its next message asks for access again. */
  #ended(error: PlexlineError): string | null {
    this.#joining = null;
    if (error.retry === "never") return encodeError(error, this.#place.documentId);
    this.#close(closeCodeFor(error), error);
    return null;
  }

  #lostLog(reason: "trimmed" | "reset"): void {
    if (reason === "trimmed") {
      // A new connection is given the snapshot, which has what was missed.
      this.#close(4510, new PlexlineError("RESYNC"));
      return;
    }
    const message = "The document was replaced; keep a copy of yours and open it afresh.";
    this.#close(4409, new PlexlineError("RESYNC", { message }));
  }

  /** What comes before the close has happened may be of another document than the client's. */
  #close(code: number, error: PlexlineError): void {
    this.#isOver = true;
    this.#place.close(code, error);
  }
}

function unknownType(): PlexlineError {
  return new PlexlineError("UNKNOWN_MESSAGE", {
    message: "Clients send no messages of this type here.",
    fix: "Send sync, update, awareness or selection.",
  });
}
