import type { PlexlineError } from "@plexline/protocol";
import { failureResponse as responseOf, type Statuses } from "../../../http/failure.ts";

/** What is gone cannot be asked for again; what makes no message is the client's fault like any other. */
const STATUSES: Statuses = { UNKNOWN_MESSAGE: 400, NOT_SUBSCRIBED: 403, RESYNC: 410 };

/** The response to a request that failed: `{ error: { code, message, fix, docs } }`, with what `more` adds [SE12]. */
export function failureResponse(error: PlexlineError, more: object = {}): Response {
  return responseOf(error, { statuses: STATUSES, fields: more });
}
