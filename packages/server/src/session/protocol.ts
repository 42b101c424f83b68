import type { PlexlineError } from "@plexline/protocol";
import type { Session } from "./session.ts";

/** What a connection speaks: the native wire or an endpoint's own. It translates; everything else is the connection's. */
export interface ConnectionProtocol {
  /** Label for metrics: `native`, or the endpoint's path. */
  readonly name: string;
  /** The session, once authenticated. */
  readonly session: Session | null;
  /** Largest message that it takes by itself, once it is known who speaks. */
  readonly messageBytesMax: number;
  /** Whether messages come before it is known who speaks. Otherwise a socket may not be read until then. */
  readonly authenticatesInBand: boolean;
  /** The socket is open. */
  onOpen(): void;
  onMessage(data: string | Uint8Array): void;
  /** Whether a message beyond the connection's rate is taken all the same, and the next one is not read until it may come. */
  waitsForRate(data: string | Uint8Array): boolean;
  /** A message came faster than the connection's rate allows, and is not to be acted on. */
  onLimited(data: string | Uint8Array, error: PlexlineError): void;
  onClose(code: number, reason: string): void;
  /** Asks the peer for a sign of life. */
  ping(): void;
  /** The token ends soon. */
  onTokenExpiring(expiresAtMs: number): void;
  /** This node is about to stop. Answers whether the peer has been told and may leave by itself. */
  onGoaway(reconnectAfterMs: number): boolean;
  /** This node stops, and the connection is about to close for it: says so in band, where the wire has words for it. */
  onStop?(): void;
  /** Says in band why the connection is about to close, where the wire has words for it; returns how to close. */
  onFailure(error: PlexlineError): { readonly code: number; readonly reason: string };
}
