import {
  type BinaryMessage,
  closeReason,
  PlexlineError,
  parseTopic,
  type ServerMessage,
} from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { DOC_KIND } from "../../protocol.ts";
import { EchoQueue } from "./echo.ts";
import {
  decodeYWebsocketFrame,
  encodeAwareness,
  encodePermissionDenied,
  type YWebsocketFrame,
} from "./frame.ts";
import type { FrameCache } from "./frame-cache.ts";
import { closeCodeFor, refusalOf } from "./refusal.ts";

export interface ConversationOptions {
  readonly topic: string;
  /** Bytes that may wait for their echo; 0: nothing is echoed. */
  readonly echoBytesMax: number;
  readonly frames: FrameCache;
}

/** One connection of a y-websocket client, about one document. */
export interface Conversation {
  /** Subscribes, or closes the connection with the reason why not. */
  join(): Promise<void>;
  /** Takes a message of the client. Settles when the room has it, so that the engine reads no faster than rooms take. */
  hear(message: string | Uint8Array): void | Promise<void>;
}

const READ_ONLY = "This document is read-only for you: your changes are not saved.";
const NOBODY = encodeAwareness(Uint8Array.of(0));

export function createConversation(ws: EndpointSession, options: ConversationOptions): Conversation {
  return new TranslatedConversation(ws, options);
}

class TranslatedConversation implements Conversation {
  readonly #ws: EndpointSession;
  readonly #topic: string;
  readonly #frames: FrameCache;
  /** Null where nothing is echoed, or nothing can be any more. */
  #echo: EchoQueue | null;
  /** Codes that the client has been told by a permission-denied frame. */
  readonly #told = new Set<string>();
  #isOver = false;

  constructor(ws: EndpointSession, options: ConversationOptions) {
    this.#ws = ws;
    this.#topic = options.topic;
    this.#frames = options.frames;
    this.#echo = options.echoBytesMax > 0 ? new EchoQueue(options.echoBytesMax) : null;
  }

  async join(): Promise<void> {
    try {
      // The name is part of a URL that anybody can write.
      const topic = parseTopic(this.#topic, "The document's topic");
      const { operations } = await this.#ws.subscribe(topic, {
        translate: (message) => (this.#isOver ? null : this.#translate(message)),
      });
      if (!operations.includes("publish")) this.#becomeReader();
    } catch (error) {
      const refusal = PlexlineError.from(error);
      this.#close(closeCodeFor(refusal), refusal);
    }
  }

  hear(message: string | Uint8Array): void | Promise<void> {
    if (this.#isOver) return;
    let frame: YWebsocketFrame;
    try {
      frame = decodeYWebsocketFrame(message);
    } catch (error) {
      this.#close(4400, PlexlineError.from(error));
      return;
    }
    switch (frame.type) {
      case "step1":
        return this.#send(DOC_KIND.syncRequest, frame.stateVector);
      case "step2":
        return this.#sendUpdate(DOC_KIND.syncResponse, frame.update);
      case "update":
        return this.#sendUpdate(DOC_KIND.update, frame.update);
      case "awareness":
        return this.#send(DOC_KIND.awareness, frame.awareness);
      case "query-awareness":
        // Whoever is here has been told all states when they came, and each change since: there is nothing to add.
        this.#ws.send(NOBODY);
        return;
      case "unknown":
        return;
    }
  }

  async #send(kind: number, payload: Uint8Array): Promise<void> {
    try {
      await this.#ws.sendBinary(this.#topic, kind, payload);
    } catch (error) {
      // A role without presence shows no cursor; that is nothing to warn about.
      if (PlexlineError.from(error).code !== "FORBIDDEN") this.#refuse(error, false);
    }
  }

  async #sendUpdate(kind: number, update: Uint8Array): Promise<void> {
    const number = this.#echo?.add(update);
    try {
      await this.#ws.sendBinary(this.#topic, kind, update);
      if (number !== undefined) this.#echo?.taken(number);
    } catch (error) {
      if (number !== undefined) this.#echo?.refused(number);
      if (PlexlineError.from(error).code === "FORBIDDEN") this.#becomeReader();
      else this.#refuse(error, kind === DOC_KIND.syncResponse);
    }
    this.#sendEchoes();
  }

  #translate(message: ServerMessage | BinaryMessage): Uint8Array | null {
    if (!("type" in message)) return this.#frames.frameOf(message);
    switch (message.type) {
      case "committed":
        this.#echo?.acknowledge(message.acked ?? 0);
        // After the frame that is being sent now, not in the middle of it.
        queueMicrotask(() => this.#sendEchoes());
        return null;
      case "error":
        // Which of the messages it is about cannot be told. Updates are refused at once for what is wrong with them.
        this.#echo?.clear();
        queueMicrotask(() => this.#refuse(PlexlineError.fromBody(message.error), true));
        return null;
      case "unsubscribed": {
        const error = PlexlineError.fromBody(message.error);
        queueMicrotask(() => this.#close(closeCodeFor(error), error));
        return null;
      }
      case "gap":
        queueMicrotask(() => this.#lostLog(message.reason));
        return null;
      default:
        return null;
    }
  }

  #sendEchoes(): void {
    if (this.#isOver) return;
    for (const frame of this.#echo?.takeDue() ?? []) this.#ws.send(frame, { policy: "drop-oldest" });
  }

  /** From now on the numbers of room and client differ, so that `acked` says nothing about this client's updates. */
  #becomeReader(): void {
    this.#echo = null;
    this.#tell("FORBIDDEN", READ_ONLY);
  }

  #refuse(reason: unknown, isResponse: boolean): void {
    const refusal = refusalOf(reason, { isResponse });
    if (refusal.does === "tell") this.#tell(refusal.error.code, refusal.error.message);
    else if (refusal.does === "close") this.#close(refusal.code, refusal.error);
  }

  #tell(code: string, reason: string): void {
    if (this.#isOver || this.#told.has(code)) return;
    this.#told.add(code);
    this.#ws.send(encodePermissionDenied(reason));
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

  #close(code: number, error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#echo = null;
    this.#ws.close(code, closeReason(error.code, error.message));
  }
}
