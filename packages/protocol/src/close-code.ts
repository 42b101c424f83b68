import type { ErrorCode } from "./error-code.ts";

/** What a client does after a close. */
export type CloseAdvice =
  /** Reconnect with back-off. */
  | "reconnect"
  /** Fetch a new token, then reconnect. */
  | "new-token"
  /** Stop: reconnecting will end the same way. */
  | "stop";

export interface CloseCodeEntry {
  readonly advice: CloseAdvice;
  readonly meaning: string;
}

/**
 * Every close code that Plexline sends. 4400–4499 are permanent for stock y-websocket clients, so what should be
 * retried by them is 45xx, 1012 or 1013. PROTOCOL.md §10 lists the same; a test holds the two together.
 */
export const CLOSE_CODES = {
  1000: { advice: "stop", meaning: "The application closed the connection." },
  1001: { advice: "reconnect", meaning: "The page or the server goes away." },
  1002: { advice: "stop", meaning: "The peer broke the WebSocket protocol." },
  1003: { advice: "stop", meaning: "This kind of message is not accepted here." },
  1007: { advice: "stop", meaning: "Text was not valid UTF-8." },
  1008: { advice: "stop", meaning: "The request breaks a policy of this path." },
  1009: { advice: "stop", meaning: "A message was too large (dialects that name this code)." },
  1011: { advice: "reconnect", meaning: "The server failed." },
  1012: { advice: "reconnect", meaning: "The server restarts." },
  1013: { advice: "reconnect", meaning: "The server is overloaded." },
  4400: { advice: "stop", meaning: "A message could not be read." },
  4401: { advice: "new-token", meaning: "The token is missing, bad or expired." },
  4403: { advice: "stop", meaning: "Not allowed, or access was taken away." },
  4409: { advice: "stop", meaning: "Too many connections of this user, or replaced by another." },
  4413: { advice: "stop", meaning: "A message was too large." },
  4508: { advice: "reconnect", meaning: "No hello in time, or no sign of life." },
  4510: { advice: "reconnect", meaning: "The connection must start afresh and recover." },
  4529: { advice: "reconnect", meaning: "Too many messages for too long." },
  4590: { advice: "reconnect", meaning: "The connection did not read fast enough." },
} as const satisfies Record<number, CloseCodeEntry>;

export type CloseCode = keyof typeof CLOSE_CODES;

/** Which close code ends a connection for an error, when the error ends it. */
export const CLOSE_CODE_OF_ERROR: Partial<Record<ErrorCode, CloseCode>> = {
  MALFORMED_MESSAGE: 4400,
  UNKNOWN_MESSAGE: 4400,
  JSON_TOO_DEEP: 4400,
  HELLO_REQUIRED: 4400,
  HELLO_REPEATED: 4400,
  MESSAGE_TOO_LARGE: 4413,
  TOKEN_MISSING: 4401,
  TOKEN_INVALID: 4401,
  TOKEN_EXPIRED: 4401,
  FORBIDDEN: 4403,
  REVOKED: 4403,
  CONNECTIONS_MAX: 4409,
  HANDSHAKE_TIMEOUT: 4508,
  HEARTBEAT_TIMEOUT: 4508,
  RESYNC: 4510,
  RATE_LIMITED: 4529,
  SLOW_CONSUMER: 4590,
  OVERLOADED: 1013,
  SHUTTING_DOWN: 1012,
  INTERNAL: 1011,
  HANDLER_FAILED: 1011,
  HANDLER_TIMEOUT: 1011,
};

/** What to do after a close with any code; unknown codes (1005, 1006 among them) mean the network: reconnect. */
export function closeAdvice(code: number): CloseAdvice {
  if (Object.hasOwn(CLOSE_CODES, code)) return CLOSE_CODES[code as CloseCode].advice;
  return code >= 4400 && code < 4500 ? "stop" : "reconnect";
}
