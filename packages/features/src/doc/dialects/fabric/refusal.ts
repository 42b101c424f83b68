import { CLOSE_CODE_OF_ERROR, type ErrorCode, PlexlineError } from "@plexline/protocol";

/** What a fabric client hears of an error. */
export type Refusal =
  /** Nothing: of what others wrote, the server asks those who may send it. */
  | { readonly does: "nothing" }
  /** The seed's answer to a message without access. */
  | { readonly does: "deny" }
  | { readonly does: "tell"; readonly error: PlexlineError }
  | { readonly does: "close"; readonly error: PlexlineError; readonly code: number };

/** What is said to somebody without a session. */
export const UNAUTHORIZED = { code: 4401, reason: "Unauthorized" } as const;

/** What follows from an error about a message. `isSync`: it may hold what others wrote, which only they may send. */
export function refusalOf(reason: unknown, { isSync }: { readonly isSync: boolean }): Refusal {
  const error = PlexlineError.from(reason, "HANDLER_FAILED");
  if (isDenial(error)) return { does: "deny" };
  if (isSync && error.code === "CLIENT_ID_TAKEN") return { does: "nothing" };
  if (error.retry === "new-token") return { does: "close", error, code: closeCodeFor(error) };
  return { does: "tell", error };
}

const DENIALS: ReadonlySet<ErrorCode> = new Set(["FORBIDDEN", "REVOKED", "NOT_SUBSCRIBED"]);

/** Whether somebody is refused for what they may not; NOT_SUBSCRIBED: they were put out while they came in. */
export function isDenial({ code }: PlexlineError): boolean {
  return DENIALS.has(code);
}

/** The code to close with where somebody cannot be served any more: 1008 if it is pointless to come again. */
export function closeCodeFor(error: PlexlineError): number {
  if (error.retry === "new-token") return UNAUTHORIZED.code;
  return CLOSE_CODE_OF_ERROR[error.code] ?? (error.retry === "later" ? 1013 : 1008);
}
