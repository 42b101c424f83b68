import { closeReason, PlexlineError, parseTopic } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { FabricDocument, type Frames } from "./document.ts";
import { encodeAccessDenied, encodeConnected, encodeError } from "./frame.ts";
import { type FabricMessage, parseFabricMessage } from "./message.ts";
import { closeCodeFor, isDenial, refusalOf, UNAUTHORIZED } from "./refusal.ts";

export interface ConversationOptions {
  readonly documentId: string;
  readonly clientID: string;
  readonly topic: (documentId: string) => string;
  /** Null: documents have no steps. */
  readonly stepsTopic: ((documentId: string) => string) | null;
  readonly frames: Frames;
}

/** One connection of a fabric client. */
export interface Conversation {
  /** Greets the client and joins the connection's document; whoever may not stays, and is refused message by message. */
  begin(): Promise<void>;
  /** Takes a message of the client. Settles when the room has it, so that the engine reads no faster than rooms take. */
  hear(message: string | Uint8Array): Promise<void>;
}

/** Documents of one connection. */
export const DOCUMENTS_MAX = 16;
/** Frames that wait until the client has been greeted. */
export const HELD_MAX = 1_000;

export function createConversation(ws: EndpointSession, options: ConversationOptions): Conversation {
  return new FabricConversation(ws, options);
}

class FabricConversation implements Conversation {
  readonly #ws: EndpointSession;
  readonly #options: ConversationOptions;
  /** By their topics. */
  readonly #documents = new Map<string, FabricDocument>();
  /** What has come before `connected`, which has to be the first message; null once that is sent. */
  #held: string[] | null = [];
  #isOver = false;

  constructor(ws: EndpointSession, options: ConversationOptions) {
    this.#ws = ws;
    this.#options = options;
  }

  async begin(): Promise<void> {
    try {
      const document = this.#documentOf(this.#options.documentId);
      // Where the mode is known, the greeting waits for nothing.
      if (document.mode.current !== null) this.#greet(document);
      try {
        await document.join();
      } finally {
        this.#greet(document);
      }
    } catch (reason) {
      const error = PlexlineError.from(reason, "HANDLER_FAILED");
      if (!isDenial(error)) this.#close(closeCodeFor(error), error);
    }
  }

  async hear(text: string | Uint8Array): Promise<void> {
    if (this.#isOver) return;
    let message: FabricMessage;
    try {
      message = parseFabricMessage(text);
    } catch (error) {
      this.#send(encodeError(PlexlineError.from(error)));
      return;
    }
    const documentId = message.documentId ?? this.#options.documentId;
    try {
      await this.#documentOf(documentId).hear(message);
    } catch (error) {
      this.#refuse(error, documentId, message.type === "sync");
    }
  }

  #documentOf(documentId: string): FabricDocument {
    const { clientID, topic: topicOf, stepsTopic: stepsTopicOf, frames } = this.#options;
    // The id is what anybody wrote.
    const topic = parseTopic(topicOf(documentId), "The document's topic");
    const known = this.#documents.get(topic);
    if (known) return known;
    // Documents that could not be joined do not count: their next message makes them anew.
    for (const [other, { isJoined }] of this.#documents) if (!isJoined) this.#documents.delete(other);
    if (this.#documents.size >= DOCUMENTS_MAX) throw tooManyDocuments();
    const close = (code: number, error: PlexlineError) => queueMicrotask(() => this.#close(code, error));
    const stepsTopic =
      stepsTopicOf === null
        ? null
        : parseTopic(stepsTopicOf(documentId), "The topic of the document's steps");
    const pass = (frame: string) => this.#pass(frame);
    const send = (frame: string) => this.#send(frame);
    const place = { ws: this.#ws, documentId, topic, stepsTopic, clientID, pass, send, close };
    const document = new FabricDocument(place, frames, this.#held === null);
    this.#documents.set(topic, document);
    return document;
  }

  #refuse(reason: unknown, documentId: string, isSync: boolean): void {
    const refusal = refusalOf(reason, { isSync });
    if (refusal.does === "deny") this.#send(encodeAccessDenied());
    else if (refusal.does === "tell") this.#send(encodeError(refusal.error, documentId));
    else if (refusal.does === "close") this.#close(refusal.code, refusal.error);
  }

  #greet(document: FabricDocument): void {
    if (this.#held === null) return;
    const held = this.#held;
    this.#held = null;
    this.#send(encodeConnected(this.#options.clientID, document.mode.greet()));
    for (const frame of held) this.#send(frame);
  }

  #pass(frame: string): string | null {
    if (this.#held === null) return frame;
    this.#held.push(frame);
    if (this.#held.length > HELD_MAX) {
      this.#held = [];
      const error = new PlexlineError("OVERLOADED");
      queueMicrotask(() => this.#close(closeCodeFor(error), error));
    }
    return null;
  }

  #send(frame: string): void {
    if (this.#isOver) return;
    const passed = this.#pass(frame);
    if (passed !== null) this.#ws.send(passed);
  }

  #close(code: number, error: PlexlineError): void {
    if (this.#isOver) return;
    this.#held = null;
    const isUnauthorized = code === UNAUTHORIZED.code;
    if (!isUnauthorized) this.#send(encodeError(error));
    this.#isOver = true;
    const reason = isUnauthorized ? UNAUTHORIZED.reason : closeReason(error.code, error.message);
    this.#ws.close(code, reason);
  }
}

function tooManyDocuments(): PlexlineError {
  return new PlexlineError("SUBSCRIPTIONS_MAX", {
    message: `A connection has at most ${DOCUMENTS_MAX} documents.`,
    fix: "Open another connection for further documents.",
  });
}
