import type { PlexlineError } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { Batch } from "../broker/batch.ts";
import type { Encoded, Encoder, OutboxPolicy } from "../broker/publication.ts";
import type { Subscription } from "./subscription.ts";

/** Takes whole batches for one connection. */
export interface Lane {
  /** Sends a batch if all of it can leave now; false, and nothing has happened, if not. */
  sendBatch(batch: Batch): boolean;
}

/** What the router needs of a session: who it is, what it receives, and a way to hand it messages. */
export interface Caller {
  readonly sessionId: string;
  readonly principal: Principal;
  readonly subscriptions: Map<string, Subscription>;
  /** The codec of its connection. */
  readonly encoder: Encoder;
  /** Whether a connection is there to take messages. */
  readonly attached: boolean;
  /** The connection it is attached to, to tell it from an earlier one; null while detached. */
  readonly attachment: object | null;
  /** Hands encoded bytes to the connection's outbox; dropped while detached. `topic` lets revocation purge them. */
  send(encoded: Encoded, outbox: OutboxPolicy, topic: string): void;
  /** Where batches go while it is attached: one step instead of many, because fan-out takes it for every receiver. */
  readonly lane: Lane | null;
  /** Ends its connection for an error that nothing less can tell. */
  fail(error: PlexlineError): void;
  /** Forgets what waits in the outbox for a topic. */
  purge(topic: string): void;
  /** Bytes of one page of recovered publications: what the connection's outbox takes besides what is live. */
  readonly pageBytesMax: number;
  /** Whether the connection has room for another page of recovered publications. */
  readonly hasRoom: boolean;
  /** Calls back, once, when the connection has room again or is gone. */
  whenRoom(callback: () => void): void;
  /** Whether pages wait for their turn or are being recovered. */
  readonly isRecovering: boolean;
  /** Recovers one page, after those that its other topics asked for before: they share the room of one connection. */
  recoverInTurn(page: () => Promise<void>): Promise<void>;
  /** One of its subscriptions may have another `messageBytesMax`, or be gone. */
  messageBytesMaxChanged(): void;
}
