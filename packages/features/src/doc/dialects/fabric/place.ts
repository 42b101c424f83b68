import type { PlexlineError } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";

/** Where a document meets its client. */
export interface FabricPlace {
  readonly ws: EndpointSession;
  readonly documentId: string;
  /** Topic of its Yjs content, its selections and its notices. */
  readonly topic: string;
  /** Topic of its steps; null where there is none. */
  readonly stepsTopic: string | null;
  readonly clientID: string;
  /** The frame, for a translation to return; null if it waits until the client has been greeted. */
  pass(frame: string): string | null;
  send(frame: string): void;
  /** Ends the connection, after an `error` that says why. Safe to call while a message is translated. */
  close(code: number, error: PlexlineError): void;
}
