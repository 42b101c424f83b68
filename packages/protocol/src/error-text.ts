import type { ErrorCode } from "./error-code.ts";

/** What an error says when whoever raised it said nothing more specific. */
export interface ErrorText {
  /** What happened, in a sentence. */
  readonly message: string;
  /** What the developer or user can do about it. */
  readonly fix: string;
}

/** The texts of errors that the client library raises. */
const CLIENT_TEXTS = {
  MALFORMED_MESSAGE: {
    message: "The message could not be read.",
    fix: "Send one JSON object per text message; PROTOCOL.md has its fields.",
  },
  MESSAGE_TOO_LARGE: {
    message: "The message is larger than this server accepts.",
    fix: "Send less at once, or raise limits.messageBytesMax on the server.",
  },
  TOKEN_MISSING: {
    message: "No token was given.",
    fix: "Give createClient a token function, or send a token with hello.",
  },
  TOPIC_INVALID: {
    message: "The topic is not a valid address.",
    fix: "Use 1 to 255 bytes without spaces, control characters, * or >.",
  },
  TOPIC_UNKNOWN: {
    message: "No feature of this server owns the topic.",
    fix: "Define it in createServer, or check the spelling.",
  },
  NOT_SUBSCRIBED: {
    message: "The session is not subscribed to the topic.",
    fix: "Subscribe first and wait for the reply.",
  },
  PAYLOAD_INVALID: {
    message: "The payload does not fit its schema.",
    fix: "See the field named in the message.",
  },
  SHUTTING_DOWN: {
    message: "This server is stopping.",
    fix: "Reconnect; another node answers.",
  },
  TIMEOUT: {
    message: "No reply arrived in time.",
    fix: "Try again with the same idempotency key.",
  },
  DISCONNECTED: {
    message: "The connection was lost before the reply arrived.",
    fix: "Try again; queued publishes and calls do so by themselves.",
  },
  QUEUE_FULL: {
    message: "Too much is waiting for the connection.",
    fix: "Wait until connected, or raise queue.entriesMax or queue.bytesMax.",
  },
  QUEUE_EXPIRED: {
    message: "The message waited too long for a connection.",
    fix: "Send it again, or raise queue.ageMaxMs.",
  },
  CLIENT_CLOSED: {
    message: "The client was closed by the application.",
    fix: "Create a new client.",
  },
} as const satisfies Partial<Record<ErrorCode, ErrorText>>;

/** The texts of all other errors: error-table.ts has them. */
export type ServerErrorTexts = Readonly<Record<Exclude<ErrorCode, keyof typeof CLIENT_TEXTS>, ErrorText>>;

/** The texts that this program has. */
const texts: Partial<Record<ErrorCode, ErrorText>> = { ...CLIENT_TEXTS };

/** The text of a code; where this program has none, a short one. */
export function errorText(code: ErrorCode): ErrorText {
  return texts[code] ?? { message: `The error is ${code}.`, fix: "See its code in PROTOCOL.md." };
}

/** For error-table.ts. */
export function addErrorTexts(more: ServerErrorTexts): void {
  Object.assign(texts, more);
}
