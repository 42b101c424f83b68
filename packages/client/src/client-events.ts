import type {
  BinaryMessage,
  ClientMessage,
  GoawayMessage,
  PlexlineError,
  ServerMessage,
} from "@plexline/protocol";
import type { ConnectionStatus } from "./session.ts";

/** One message as it went over the wire, for inspectors. */
export interface WireEvent {
  readonly direction: "in" | "out";
  readonly message: ClientMessage | ServerMessage | BinaryMessage;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** What happens on a client, by the name to listen to. */
export interface ClientEvents {
  status: ConnectionStatus;
  /** Something went wrong that no promise and no topic tells. */
  error: PlexlineError;
  wire: WireEvent;
  /** The server's node is about to stop; the client reconnects by itself. */
  goaway: GoawayMessage;
}
