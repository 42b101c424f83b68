import { CLOSE_CODE_OF_ERROR, type ErrorCode, PlexlineError } from "@plexline/protocol";

const DENIALS: ReadonlySet<ErrorCode> = new Set(["FORBIDDEN", "REVOKED", "NOT_SUBSCRIBED"]);

/** Whether somebody is refused for what they may not; NOT_SUBSCRIBED: they were put out while they came in. */
export function isDenial({ code }: PlexlineError): boolean {
  return DENIALS.has(code);
}

/** The code to close with where somebody cannot be served any more: 1008 if it is pointless to come again. */
export function closeCodeFor(error: PlexlineError): number {
  return CLOSE_CODE_OF_ERROR[error.code] ?? (error.retry === "later" ? 1013 : 1008);
}

/** That it once was allowed is said by the text; the code is the one for what is not allowed. */
export function asRefusal(error: PlexlineError): PlexlineError {
  if (error.code !== "REVOKED") return error;
  return new PlexlineError("FORBIDDEN", { message: error.message, fix: error.fix });
}
