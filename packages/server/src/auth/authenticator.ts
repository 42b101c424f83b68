import type { UpgradeRequest } from "../platform/request.ts";
import type { Principal } from "./principal.ts";

/** How a token reached the server. */
export type TokenSource = "message" | "subprotocol" | "authorization" | "cookie" | "query" | "ticket";

/** What a connection or request showed. */
export interface Credentials {
  /** Absent when none was given: functions may still look at the request (a session cookie of their own). */
  readonly token?: string;
  readonly source?: TokenSource;
  readonly request: UpgradeRequest;
}

/**
 * Establishes who someone is. Rejects with `PlexlineError` TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED; any other
 * throw counts as TOKEN_INVALID. Never logs a token.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Principal>;
}
