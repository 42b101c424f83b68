import type { PlexlineError } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { Encoded, Encoder, OutboxPolicy } from "../broker/publication.ts";
import type { Caller, Lane } from "../router/caller.ts";
import type { Subscription } from "../router/subscription.ts";
import type { Connection } from "./connection.ts";

/**
 * The server's state for one client: who it acts for and what it receives. Survives reconnects for a while; never
 * holds messages: those belong to the connection, and what a lost one missed is recovered from the log.
 */
export class Session implements Caller {
  /** Public: presence and `from` use it. */
  readonly sessionId: string;
  /** Secret that re-attaches to this session; used once. */
  resumeToken: string;
  principal: Principal;
  readonly subscriptions = new Map<string, Subscription>();
  readonly encoder: Encoder;
  /** The connection it is attached to now. */
  connection: Connection | null = null;
  /** Settles when the last page asked for has been handed over. */
  #lastPage: Promise<void> = Promise.resolve();
  /** Pages that have not been. */
  #pages = 0;

  constructor(sessionId: string, resumeToken: string, principal: Principal, encoder: Encoder) {
    this.sessionId = sessionId;
    this.resumeToken = resumeToken;
    this.principal = principal;
    this.encoder = encoder;
  }

  get attached(): boolean {
    return this.connection !== null;
  }

  get attachment(): object | null {
    return this.connection;
  }

  get pageBytesMax(): number {
    return this.connection?.outbox.pageBytesMax ?? 0;
  }

  get hasRoom(): boolean {
    return this.connection?.outbox.hasRoom ?? false;
  }

  get lane(): Lane | null {
    return this.connection?.outbox ?? null;
  }

  whenRoom(callback: () => void): void {
    if (this.connection) this.connection.outbox.whenRoom(callback);
    else queueMicrotask(callback);
  }

  get isRecovering(): boolean {
    return this.#pages > 0;
  }

  recoverInTurn(page: () => Promise<void>): Promise<void> {
    this.#pages += 1;
    const turn = this.#lastPage.then(page).finally(() => {
      this.#pages -= 1;
    });
    this.#lastPage = turn.catch(() => {
      // The topic that asked for the page deals with it; the next one has its turn.
    });
    return turn;
  }

  send(encoded: Encoded, outbox: OutboxPolicy, topic: string): void {
    this.connection?.send(encoded, outbox, topic);
  }

  fail(error: PlexlineError): void {
    this.connection?.fail(error);
  }

  /** Hands over what its topics have gathered for it, so that what is sent next comes after it. */
  settle(): void {
    if (this.subscriptions.size === 0) return;
    for (const subscription of this.subscriptions.values()) subscription.settle();
  }

  /** Its connection takes messages as large as any of its topics allows. */
  messageBytesMaxChanged(): void {
    if (this.connection === null) return;
    let bytesMax = 0;
    for (const subscription of this.subscriptions.values())
      bytesMax = Math.max(bytesMax, subscription.messageBytesMax);
    this.connection.allowTopicsBytes(bytesMax);
  }

  purge(topic: string): void {
    this.subscriptions.get(topic)?.skip();
    this.connection?.outbox.purge(topic);
  }
}
