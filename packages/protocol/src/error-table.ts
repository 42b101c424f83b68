import { type ErrorCode, RETRY_ADVICE, type RetryAdvice } from "./error-code.ts";
import { addErrorTexts, type ErrorText, errorText, type ServerErrorTexts } from "./error-text.ts";

// Texts of errors that only servers raise would be a tenth of a browser's client, and reach it over the wire anyway.
// So nothing that clients use imports this file. index.ts exports it, and thereby every program that loads the package
// as it is has these texts before any of its own code runs. Bundlers leave the file out of what does not use it
// (`sideEffects: false`); a bundled server does, by ERROR_CODES.

const SERVER_TEXTS: ServerErrorTexts = {
  UNKNOWN_MESSAGE: {
    message: "The message type is not known.",
    fix: "Use a type that PROTOCOL.md lists, or update the client or the server.",
  },
  JSON_TOO_DEEP: {
    message: "The JSON is nested too deeply.",
    fix: "Flatten the payload, or raise limits.jsonDepthMax on the server.",
  },
  HELLO_REQUIRED: {
    message: "The first message must be hello.",
    fix: "Send hello and wait for welcome.",
  },
  HELLO_REPEATED: {
    message: "hello was already answered on this connection.",
    fix: "Send hello once per connection; use refresh for a new token.",
  },
  HANDSHAKE_TIMEOUT: {
    message: "The client did not authenticate in time.",
    fix: "Send hello right after the connection opens.",
  },
  HEARTBEAT_TIMEOUT: {
    message: "Nothing was received from the client for too long.",
    fix: "Answer ping with pong; check proxies on the way.",
  },
  TOKEN_INVALID: {
    message: "The token was refused.",
    fix: "Check its key, algorithm, issuer and audience.",
  },
  TOKEN_EXPIRED: {
    message: "The token has expired.",
    fix: "Return a fresh token from the token function.",
  },
  FORBIDDEN: {
    message: "This is not allowed, or the topic does not exist.",
    fix: "Ask an admin for access to the topic.",
  },
  REVOKED: {
    message: "Access was taken away.",
    fix: "Ask an admin for access to the topic.",
  },
  ORIGIN_FORBIDDEN: {
    message: "Pages of this origin may not connect.",
    fix: "Add the origin to ALLOWED_ORIGINS on the server.",
  },
  HOST_FORBIDDEN: {
    message: "This host name is not served here.",
    fix: "Add the name to allowedHosts on the server.",
  },
  PATH_UNKNOWN: {
    message: "Nothing is served at this path.",
    fix: "Check the path of the URL; the native protocol is at /ws by default.",
  },
  UPGRADE_REQUIRED: {
    message: "This path speaks WebSocket, and the request was plain HTTP.",
    fix: "Connect with a WebSocket client; behind a proxy, let it pass on the headers Upgrade and Connection.",
  },
  SUBSCRIPTIONS_MAX: {
    message: "The session has too many subscriptions.",
    fix: "Unsubscribe from some, or raise limits.subscriptionsMax.",
  },
  CONNECTIONS_MAX: {
    message: "This user has too many connections.",
    fix: "Close other tabs or devices, or raise limits.connectionsPerUserMax.",
  },
  REQUESTS_MAX: {
    message: "Too many requests of this connection are unanswered.",
    fix: "Wait for replies before sending more, or raise limits.requestsInFlightMax.",
  },
  RATE_LIMITED: {
    message: "Messages arrive faster than this server accepts.",
    fix: "Send fewer messages, or raise limits.messagesPerSecondMax.",
  },
  EVENT_UNKNOWN: {
    message: "The topic has no event of this name.",
    fix: "Define it in createServer, or check the spelling.",
  },
  COMMAND_UNKNOWN: {
    message: "The topic has no command of this name.",
    fix: "Define it in createServer, or check the spelling.",
  },
  PRESENCE_INVALID: {
    message: "The presence state does not fit, or is too large.",
    fix: "See the field named in the message; keep presence small.",
  },
  OPERATION_UNSUPPORTED: {
    message: "The topic's feature does not do this.",
    fix: "Use a topic of another feature, or another operation.",
  },
  UPDATE_INVALID: {
    message: "The document update is not valid.",
    fix: "Send updates as Yjs makes them (format V1); see the reason in the message.",
  },
  UPDATE_GAP: {
    message: "Something that the update builds on is missing in the document.",
    fix: "Answer the server's sync-request; clients do so by themselves.",
  },
  CLIENT_ID_TAKEN: {
    message: "The update writes with a client id of another user.",
    fix: "Create a new Y.Doc for each user.",
  },
  CLIENT_IDS_MAX: {
    message: "The update brings more new client ids than this server accepts.",
    fix: "Reuse one Y.Doc per page, or raise the document's newClientsMax.",
  },
  STREAM_ABSENT: {
    message: "There is no such stream.",
    fix: "Create it, or append to it; one that has expired or was deleted is gone.",
  },
  STREAM_CLOSED: {
    message: "The stream is closed.",
    fix: "Begin another stream; this one can only be read.",
  },
  INPUT_CLOSED: {
    message: "The input request has been answered, or its time is over.",
    fix: "Read the stream for what came of it.",
  },
  STORAGE_UNAVAILABLE: {
    message: "The server cannot write to its storage now; nothing was published.",
    fix: "Try again; on the server, see /readyz and the log.",
  },
  HANDLER_FAILED: {
    message: "The application's handler failed.",
    fix: "See the server's log for the error.",
  },
  HANDLER_TIMEOUT: {
    message: "The application's handler did not answer in time.",
    fix: "Make the handler faster, or raise limits.handlerTimeoutMs.",
  },
  OVERLOADED: {
    message: "The server is too busy.",
    fix: "Try again later; on the server, see /metrics.",
  },
  SLOW_CONSUMER: {
    message: "The connection does not read fast enough.",
    fix: "Reconnect and recover; subscribe to less, or raise limits.outboxBytesMax.",
  },
  RESYNC: {
    message: "The server lost track of what this connection has.",
    fix: "Reconnect; the client recovers from its positions.",
  },
  INTERNAL: {
    message: "Something went wrong in the server.",
    fix: "See the server's log for the error.",
  },
};
addErrorTexts(SERVER_TEXTS);

export interface ErrorCodeEntry extends ErrorText {
  readonly retry: RetryAdvice;
}

/** Every error code with its advice and texts. PROTOCOL.md §9 lists the same; a test holds the two together. */
export const ERROR_CODES = Object.fromEntries(
  Object.entries(RETRY_ADVICE).map(([code, retry]) => [code, { retry, ...errorText(code as ErrorCode) }]),
) as Readonly<Record<ErrorCode, ErrorCodeEntry>>;
