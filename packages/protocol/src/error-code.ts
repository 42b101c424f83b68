/** What a client should do about an error. */
export type RetryAdvice =
  /** The same request will fail again: change it. */
  | "never"
  /** The same request may be sent again, after `retryAfterMs` if given. */
  | "later"
  /** Fetch a new token first. */
  | "new-token";

/** Every error code of the wire, in the order of PROTOCOL.md §9, with its advice. Texts are elsewhere: see error-text.ts. */
export const RETRY_ADVICE = {
  MALFORMED_MESSAGE: "never",
  UNKNOWN_MESSAGE: "never",
  MESSAGE_TOO_LARGE: "never",
  JSON_TOO_DEEP: "never",
  HELLO_REQUIRED: "never",
  HELLO_REPEATED: "never",
  HANDSHAKE_TIMEOUT: "later",
  HEARTBEAT_TIMEOUT: "later",
  TOKEN_MISSING: "new-token",
  TOKEN_INVALID: "new-token",
  TOKEN_EXPIRED: "new-token",
  FORBIDDEN: "never",
  REVOKED: "never",
  ORIGIN_FORBIDDEN: "never",
  HOST_FORBIDDEN: "never",
  PATH_UNKNOWN: "never",
  UPGRADE_REQUIRED: "never",
  TOPIC_INVALID: "never",
  TOPIC_UNKNOWN: "never",
  NOT_SUBSCRIBED: "never",
  SUBSCRIPTIONS_MAX: "never",
  CONNECTIONS_MAX: "later",
  REQUESTS_MAX: "later",
  RATE_LIMITED: "later",
  EVENT_UNKNOWN: "never",
  COMMAND_UNKNOWN: "never",
  PAYLOAD_INVALID: "never",
  PRESENCE_INVALID: "never",
  OPERATION_UNSUPPORTED: "never",
  UPDATE_INVALID: "never",
  UPDATE_GAP: "later",
  CLIENT_ID_TAKEN: "never",
  CLIENT_IDS_MAX: "never",
  STREAM_ABSENT: "never",
  STREAM_CLOSED: "never",
  INPUT_CLOSED: "never",
  STORAGE_UNAVAILABLE: "later",
  HANDLER_FAILED: "later",
  HANDLER_TIMEOUT: "later",
  OVERLOADED: "later",
  SHUTTING_DOWN: "later",
  SLOW_CONSUMER: "later",
  RESYNC: "later",
  INTERNAL: "later",
  // Raised by the client itself, never sent:
  TIMEOUT: "later",
  DISCONNECTED: "later",
  QUEUE_FULL: "later",
  QUEUE_EXPIRED: "later",
  CLIENT_CLOSED: "never",
} as const satisfies Record<string, RetryAdvice>;

export type ErrorCode = keyof typeof RETRY_ADVICE;

/** Whether a text is an error code that this version knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(RETRY_ADVICE, text);
}
