import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession, OutboxPolicy } from "@plexline/server";

export interface HocuspocusSubscriptionParts {
  readonly ws: EndpointSession;
  readonly topic: string;
  /** What the client is told of a message of the room; null: nothing. */
  readonly translate: (message: ServerMessage | BinaryMessage) => Uint8Array | null;
  /** A subscribe begins: the room will count anew. */
  readonly onRenewing: () => void;
  readonly onRenewed: (renewed: { readonly canWrite: boolean }) => void;
  /** Everybody has to leave. The document is over. */
  readonly onEnded: (error: PlexlineError) => void;
  /** The client has to come back over another connection. */
  readonly onFailed: (error: PlexlineError) => void;
}

/** The way between one document's addresses on a connection and its room, until one of them is over. */
export class HocuspocusSubscription {
  readonly #parts: HocuspocusSubscriptionParts;
  #isOver = false;
  #isRenewing = false;
  #subscribing: Promise<void> = Promise.resolve();
  /** The subscribe that waits for its turn: it serves all who want one meanwhile. */
  #waiting: Promise<void> | null = null;

  constructor(parts: HocuspocusSubscriptionParts) {
    this.#parts = parts;
  }

  get topic(): string {
    return this.#parts.topic;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A subscribe is under way: numbers and questions may still be those of the subscription before it. */
  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  /** Subscribes anew: the room begins to count, asks for what it lacks, and tells everybody's cursors. */
  renew(): Promise<void> {
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
    const { ws, topic, translate, onRenewing, onRenewed } = this.#parts;
    this.#isRenewing = true;
    onRenewing();
    let canWrite: boolean;
    try {
      const { operations } = await ws.subscribe(topic, {
        translate: (message) => (this.#isOver ? null : translate(message)),
      });
      if (this.#isOver) throw new PlexlineError("NOT_SUBSCRIBED");
      canWrite = operations.includes("publish");
    } catch (error) {
      this.end(PlexlineError.from(error));
      throw error;
    } finally {
      this.#isRenewing = false;
    }
    onRenewed({ canWrite });
  }

  /** Sends the client a frame. */
  push(frame: Uint8Array, outbox?: OutboxPolicy): void {
    this.#parts.ws.send(frame, outbox);
  }

  /** Sends the room an update. Rejects with what the room refuses it with. */
  async deliver(kind: number, update: Uint8Array): Promise<void> {
    await this.#parts.ws.sendBinary(this.topic, kind, update);
  }

  /** Sends the room something else. What it refuses is told while somebody is here who sent it. */
  async send(kind: number, payload: Uint8Array, onRefused: (error: PlexlineError) => void): Promise<void> {
    try {
      await this.#parts.ws.sendBinary(this.topic, kind, payload);
    } catch (error) {
      const refusal = PlexlineError.from(error, "HANDLER_FAILED");
      if (!this.#isOver && refusal.code !== "NOT_SUBSCRIBED") onRefused(refusal);
    }
  }

  /** Logs something for which the wire has no words. */
  logRefusal(refusal: { readonly code?: string; readonly reason: string }): void {
    this.#parts.ws.log.warn({ action: "ws.refuse", topic: this.topic, ...refusal });
  }

  /** The last address has left. */
  leave(): void {
    this.#isOver = true;
    this.#parts.ws.unsubscribe(this.topic);
  }

  /** The document was replaced. */
  revoke(): void {
    const message = "The document was replaced; keep a copy of yours and open it afresh.";
    this.#parts.ws.unsubscribe(this.topic);
    this.end(new PlexlineError("REVOKED", { message }));
  }

  end(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.onEnded(error);
  }

  fail(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.onFailed(error);
  }
}
