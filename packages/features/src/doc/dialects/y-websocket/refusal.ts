import { CLOSE_CODE_OF_ERROR, type ErrorCode, PlexlineError } from "@plexline/protocol";

/** What a client of y-websocket hears of an error. */
export type Refusal =
  /** Nothing: the server asks for what is missing by itself, or the client could do nothing about it. */
  | { readonly does: "nothing" }
  /** A permission-denied frame with the reason, once for each code. */
  | { readonly does: "tell"; readonly error: PlexlineError }
  | { readonly does: "close"; readonly error: PlexlineError; readonly code: number };

/** The server's own SyncStep1 follows and fetches what is missing. */
const REPAIRED: ReadonlySet<ErrorCode> = new Set(["STORAGE_UNAVAILABLE", "UPDATE_GAP", "NOT_SUBSCRIBED"]);

/**
 * What follows from an error about a message of the client. `isResponse`: about an answer to SyncStep1, which holds what others
 * wrote as well. What of it only they may send is not worth a warning.
 */
export function refusalOf(reason: unknown, { isResponse }: { readonly isResponse: boolean }): Refusal {
  const error = PlexlineError.from(reason, "HANDLER_FAILED");
  if (REPAIRED.has(error.code) || (isResponse && error.code === "CLIENT_ID_TAKEN"))
    return { does: "nothing" };
  // A stock client does not send an update again: what might have been taken another time is fetched by a new connection.
  const ends = error.code === "MESSAGE_TOO_LARGE" || error.retry !== "never";
  return ends ? { does: "close", error, code: closeCodeFor(error) } : { does: "tell", error };
}

/** Stock clients stop for good at 4400 to 4499 and come back after anything else. */
export function closeCodeFor(error: PlexlineError): number {
  const code = CLOSE_CODE_OF_ERROR[error.code];
  if (code !== undefined) return code;
  if (error.retry === "new-token") return 4401;
  return error.retry === "later" ? 1013 : 4400;
}
