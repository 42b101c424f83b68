import { type BinaryMessage, PlexlineError, parseTopic, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { HeldUpdates } from "./held-updates.ts";
import { DRAFT_PONG, type DraftMessage, decodeDraftMessage, encodeDraftError } from "./message.ts";
import type { DraftMessageCache } from "./message-cache.ts";
import {
  DOCUMENT_REPLACED,
  DRAFT_ID_MISSING,
  type DraftClose,
  draftCloseFor,
  draftErrorText,
  endsDraft,
  REPLACED,
  TOO_LARGE,
} from "./refusal.ts";
import type { DraftRooms } from "./rooms.ts";

export interface DraftConversationOptions {
  /** What the client asked for; null or empty if it did not. */
  readonly draftId: string | null;
  readonly topic: (draftId: string) => string;
  readonly messageBytesMax: number;
  readonly stateBytesMax: number;
  readonly messages: DraftMessageCache;
  readonly rooms: DraftRooms;
}

/** One connection of a draft client, about one document. */
export interface DraftConversation {
  /** Subscribes and asks for the state, or closes the connection with the reason why not. */
  join(): Promise<void>;
  /** Takes a message of the client. Settles when the room has it, so that the engine reads no faster than rooms take. */
  hear(message: string | Uint8Array): void | Promise<void>;
  /** The connection has closed. */
  leave(): void;
}

/** Asks a room for its state. */
const NOTHING = new Uint8Array(0);
/** Characters of a foreign word in a log line or an error. */
const NAME_CHARS_MAX = 64;

export function createDraftConversation(
  ws: EndpointSession,
  options: DraftConversationOptions,
): DraftConversation {
  return new TranslatedDraft(ws, options);
}

class TranslatedDraft implements DraftConversation {
  readonly #ws: EndpointSession;
  readonly #options: DraftConversationOptions;
  readonly #draftId: string;
  #topic = "";
  readonly #held = new HeldUpdates();
  #hasEntered = false;
  #isOver = false;

  constructor(ws: EndpointSession, options: DraftConversationOptions) {
    this.#ws = ws;
    this.#options = options;
    this.#draftId = options.draftId ?? "";
  }

  async join(): Promise<void> {
    if (this.#draftId === "") {
      this.#close(DRAFT_ID_MISSING, "The URL needs ?draftId=… for the draft to open.");
      return;
    }
    try {
      this.#topic = parseTopic(this.#options.topic(this.#draftId), "The draft's topic");
      await this.#ws.subscribe(this.#topic, {
        translate: (message) => (this.#isOver ? null : this.#translate(message)),
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#isOver) return;
    this.#options.rooms.enter(this.#topic);
    this.#hasEntered = true;
    // Not waited for: the state may take its time, and what the client says meanwhile is taken before it comes.
    void this.#requestState();
  }

  hear(message: string | Uint8Array): void | Promise<void> {
    if (this.#isOver) return;
    // Whoever may be asked for a whole document is allowed more by the room than this protocol needs.
    if (message.length > this.#options.messageBytesMax) {
      this.#fail(new PlexlineError("MESSAGE_TOO_LARGE"));
      return;
    }
    let heard: DraftMessage;
    try {
      heard = decodeDraftMessage(message);
    } catch (error) {
      const refusal = PlexlineError.from(error);
      this.#ws.log.error({ action: "ws.error", error: refusal.message, context: "message" });
      this.#tell(refusal);
      return;
    }
    switch (heard.type) {
      case "update":
        return this.#sendUpdate(DOC_KIND.update, heard.update);
      case "state":
        return this.#sendUpdate(DOC_KIND.syncResponse, heard.update);
      case "state-request":
        return this.#requestState();
      case "ping":
        this.#ws.send(DRAFT_PONG, { policy: "drop-oldest" });
        return;
      case "pong":
        return;
      case "unknown":
        this.#tellUnknown(heard.name);
        return;
    }
  }

  leave(): void {
    this.#isOver = true;
    this.#held.drop();
    if (this.#hasEntered) this.#options.rooms.leave(this.#topic);
    this.#hasEntered = false;
  }

  async #requestState(): Promise<void> {
    try {
      await this.#ws.sendBinary(this.#topic, DOC_KIND.state, NOTHING);
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #sendUpdate(kind: number, update: Uint8Array): Promise<void> {
    try {
      await this.#ws.sendBinary(this.#topic, kind, update);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#ws.log.debug({
      action: "yjs.update",
      draftId: this.#draftId,
      fromUserId: this.#ws.principal.id,
      clientCount: this.#options.rooms.connectionsOf(this.#topic),
      updateSize: update.length,
    });
  }

  /**
   * Says that the client has nothing to add: it would not understand the question, and while it is open the room lets it
   * send far more than it needs to.
   */
  async #answerSyncRequest(): Promise<void> {
    if (this.#isOver) return;
    try {
      await this.#ws.sendBinary(this.#topic, DOC_KIND.syncResponse, EMPTY_UPDATE);
    } catch {
      // The client has not said anything, and there is nothing to tell it.
    }
  }

  #translate(message: ServerMessage | BinaryMessage): string | null {
    if (!("type" in message)) return this.#translateBinary(message);
    switch (message.type) {
      case "error":
        // After the message that is being sent now, not in the middle of it; the same below.
        queueMicrotask(() => this.#refuse(PlexlineError.fromBody(message.error)));
        return null;
      case "unsubscribed":
        queueMicrotask(() => this.#fail(PlexlineError.fromBody(message.error)));
        return null;
      case "gap":
        queueMicrotask(() => this.#lostLog(message.reason));
        return null;
      default:
        return null;
    }
  }

  #translateBinary(message: BinaryMessage): string | null {
    if (message.kind === DOC_KIND.syncRequest) queueMicrotask(() => void this.#answerSyncRequest());
    if (message.kind === DOC_KIND.state && message.payload.length > this.#options.stateBytesMax) {
      queueMicrotask(() => this.#fail(TOO_LARGE));
      return null;
    }
    const text = this.#options.messages.textOf(message);
    if (text === null || !this.#held.isHolding) return text;
    if (message.kind === DOC_KIND.state) {
      queueMicrotask(() => this.#release());
      return text;
    }
    if (this.#held.add(text)) queueMicrotask(() => this.#release());
    return null;
  }

  #release(): void {
    this.#held.release((text) => this.#ws.send(text));
  }

  #lostLog(reason: "trimmed" | "reset"): void {
    if (this.#isOver) return;
    if (reason === "trimmed") {
      this.#held.begin();
      void this.#requestState();
      return;
    }
    this.#tell(REPLACED);
    this.#close(DOCUMENT_REPLACED, REPLACED.message);
  }

  /** Something that the client said, or its state, was refused. */
  #refuse(reason: unknown): void {
    const error = PlexlineError.from(reason, "HANDLER_FAILED");
    if (endsDraft(error) || this.#isStateLost(error)) this.#fail(error);
    else this.#tell(error);
  }

  /** Without the state its client can do nothing; which question the error answers cannot be told. */
  #isStateLost({ code, retry }: PlexlineError): boolean {
    return this.#held.isHolding && retry === "later" && code !== "UPDATE_GAP";
  }

  #tellUnknown(name: string): void {
    const type = name.slice(0, NAME_CHARS_MAX);
    this.#ws.log.warn({ action: "ws.unknown", type, draftId: this.#draftId });
    this.#tell(
      new PlexlineError("UNKNOWN_MESSAGE", { message: `Unknown message type ${JSON.stringify(type)}.` }),
    );
  }

  #tell(error: PlexlineError): void {
    if (!this.#isOver) this.#ws.send(encodeDraftError(draftErrorText(error)), { policy: "drop-oldest" });
  }

  #fail(reason: unknown): void {
    const error = PlexlineError.from(reason);
    this.#close(draftCloseFor(error), error.message);
  }

  #close({ code, reason }: DraftClose, context: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held.drop();
    this.#ws.log.error({ action: "ws.error", error: reason, draftId: this.#draftId, context });
    this.#ws.close(code, reason);
  }
}
