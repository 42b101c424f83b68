import { CLOSE_CODE_OF_ERROR, closeReason, type ErrorCode, PlexlineError } from "@plexline/protocol";

/** How a connection of this dialect ends. */
export interface DraftClose {
  readonly code: number;
  readonly reason: string;
}

/** What the document of the protocol calls a policy violation. */
const POLICY = 1008;
const TRY_AGAIN_LATER = 1013;
/** Private codes begin here. */
const PRIVATE_MIN = 4000;

const POLICY_WORDS: Partial<Readonly<Record<ErrorCode, string>>> = {
  TOKEN_MISSING: "Missing token",
  TOKEN_INVALID: "Invalid token",
  TOKEN_EXPIRED: "Token expired",
  FORBIDDEN: "Access denied",
  REVOKED: "Access denied",
  TOPIC_INVALID: "Invalid draftId",
};

export const DRAFT_ID_MISSING: DraftClose = { code: POLICY, reason: "Missing draftId" };
export const DOCUMENT_REPLACED: DraftClose = { code: POLICY, reason: "Document replaced" };

/** How an error ends a connection, by the codes of WebSocket itself: clients of this dialect know no others. */
export function draftCloseFor(error: PlexlineError): DraftClose {
  const words = POLICY_WORDS[error.code];
  if (words !== undefined) return { code: POLICY, reason: words };
  const reason = closeReason(error.code, error.message);
  const code = CLOSE_CODE_OF_ERROR[error.code];
  // The transport says this one without asking anybody.
  if (error.code === "MESSAGE_TOO_LARGE") return { code: code ?? POLICY, reason };
  if (code !== undefined && code < PRIVATE_MIN) return { code, reason };
  return { code: error.retry === "later" ? TRY_AGAIN_LATER : POLICY, reason };
}

/** The room asks for what is missing with messages that this protocol does not have: its client has to do it unasked. */
const SEND_STATE = "Send yjs-state-request, and what the answer lacks as yjs-state-response.";

const ERROR_WORDS: Partial<Readonly<Record<ErrorCode, string>>> = {
  UPDATE_GAP: `Something that your update builds on is missing on the server. ${SEND_STATE}`,
  STORAGE_UNAVAILABLE: `The server could not save your last changes. ${SEND_STATE}`,
  FORBIDDEN: "This document is read-only for you: your changes are not saved.",
  CLIENT_ID_TAKEN: "The update writes with a client id of another user. Create a new Y.Doc for each user.",
};

/** The text of an `error` message: a code of the protocol's table, a sentence, and what to do where something can be done. */
export function draftErrorText({ code, message }: PlexlineError): string {
  return `${code}: ${ERROR_WORDS[code] ?? message}`;
}

export const REPLACED = new PlexlineError("RESYNC", {
  message: "The document was replaced. Keep a copy of yours and load it afresh.",
});

export const TOO_LARGE = new PlexlineError("MESSAGE_TOO_LARGE", {
  message: "The document is larger than numbers in JSON should carry.",
  fix: "Open it with another client, or raise stateBytesMax.",
});

/** Whether it makes no sense to go on after a message was answered by it. */
export function endsDraft(error: PlexlineError): boolean {
  return error.retry === "new-token" || error.code === "REVOKED" || error.code === "SHUTTING_DOWN";
}
