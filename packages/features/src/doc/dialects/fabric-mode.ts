import type { PlexlineError } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { FabricMessage } from "./fabric-message.ts";

/** How the documents of a connection are edited; chosen when it connects. */
export interface FabricMode {
  /** As `connected` tells it. */
  readonly name: string;
  open(place: FabricPlace): FabricDocument;
}

/** Where a document meets its client. */
export interface FabricPlace {
  readonly ws: EndpointSession;
  readonly documentId: string;
  readonly topic: string;
  readonly clientID: string;
  /** Ends the connection, after an `error` that says why. Safe to call while a message is translated. */
  close(code: number, error: PlexlineError): void;
}

/** One document of a connection. */
export interface FabricDocument {
  /** It is subscribed to, or that is under way. */
  readonly isJoined: boolean;
  /** Subscribes, once for all who ask meanwhile. Rejects with the reason why not; the next call tries again. */
  join(): Promise<void>;
  /**
   * Takes a message of any type, and joins first: whoever has no access is told that, whatever they send. Settles when the
   * room has it; rejects if it is refused, with UNKNOWN_MESSAGE for a type that the mode does not have.
   */
  hear(message: FabricMessage): Promise<void>;
}
