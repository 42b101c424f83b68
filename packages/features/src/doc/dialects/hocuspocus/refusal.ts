import { CLOSE_CODE_OF_ERROR, type ErrorCode, PlexlineError } from "@plexline/protocol";

/** What follows from an error about an update or an answer to SyncStep1. */
export type Refusal =
  /** SyncStatus 0: the client keeps it, and the server will never take it. */
  | { readonly does: "refuse"; readonly wasCounted: boolean }
  /** Nothing: the server asks for what is missing by itself. */
  | { readonly does: "wait" }
  /** The client comes back over another connection, and syncs there. */
  | { readonly does: "close"; readonly error: PlexlineError };

/** Refused before they reach the room, which numbers nothing of them. */
const UNCOUNTED: ReadonlySet<ErrorCode> = new Set(["FORBIDDEN", "NOT_SUBSCRIBED"]);

export function refusalOf(reason: unknown): Refusal {
  const error = PlexlineError.from(reason, "HANDLER_FAILED");
  if (UNCOUNTED.has(error.code)) return { does: "refuse", wasCounted: false };
  if (error.code === "UPDATE_GAP" || error.code === "STORAGE_UNAVAILABLE") return { does: "wait" };
  const ends = error.code === "MESSAGE_TOO_LARGE" || error.retry !== "never";
  return ends ? { does: "close", error } : { does: "refuse", wasCounted: true };
}

/** Whether an address is closed for an error by denying it; otherwise the connection ends, so that its client comes back. */
export function isDenial(error: PlexlineError): boolean {
  return error.retry !== "later";
}

/** The reason of a denial: Hocuspocus' own words, the code and what is wrong. */
export function denialOf({ code, message }: PlexlineError): string {
  return `permission-denied: ${code}: ${message}`;
}

/** The provider comes back after any code; people read them in logs. */
export function closeCodeFor(error: PlexlineError): number {
  return CLOSE_CODE_OF_ERROR[error.code] ?? (error.retry === "later" ? 1013 : 4400);
}
