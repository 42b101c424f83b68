import { type ErrorCode, PlexlineError } from "@plexline/protocol";

/** Status of each error that has one of its own; all others are faults of the server, 500. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  MALFORMED_MESSAGE: 400,
  JSON_TOO_DEEP: 400,
  PAYLOAD_INVALID: 400,
  UNKNOWN_MESSAGE: 400,
  TOPIC_INVALID: 400,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  FORBIDDEN: 403,
  REVOKED: 403,
  NOT_SUBSCRIBED: 403,
  TOPIC_UNKNOWN: 404,
  STREAM_ABSENT: 404,
  OPERATION_UNSUPPORTED: 404,
  COMMAND_UNKNOWN: 404,
  STREAM_CLOSED: 409,
  INPUT_CLOSED: 409,
  RESYNC: 410,
  MESSAGE_TOO_LARGE: 413,
  CONNECTIONS_MAX: 429,
  REQUESTS_MAX: 429,
  SUBSCRIPTIONS_MAX: 429,
  RATE_LIMITED: 429,
  CLIENT_CLOSED: 499,
  STORAGE_UNAVAILABLE: 503,
  OVERLOADED: 503,
  SHUTTING_DOWN: 503,
  SLOW_CONSUMER: 503,
  HANDLER_TIMEOUT: 504,
};
/** Statuses after which the same request may succeed later. */
const LATER: ReadonlySet<number> = new Set([429, 503]);

/** A refusal that only HTTP has. */
export class HttpRefusal extends PlexlineError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: ErrorCode, message: string, fix: string, headers = {}) {
    super(code, { message, fix });
    this.status = status;
    this.headers = headers;
  }
}

/** The response to a request that failed: `{ error: { code, message, fix, docs } }`, with what `more` adds [SE12]. */
export function failureResponse(error: PlexlineError, more: object = {}): Response {
  const status = error instanceof HttpRefusal ? error.status : (STATUS[error.code] ?? 500);
  const headers: Record<string, string> = { "Cache-Control": "no-store" };
  if (status === 401)
    // RFC 6750: a request without a token is told the scheme and nothing else.
    headers["WWW-Authenticate"] = error.code === "TOKEN_MISSING" ? "Bearer" : 'Bearer error="invalid_token"';
  if (LATER.has(status))
    headers["Retry-After"] = String(Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1_000)));
  if (error instanceof HttpRefusal) Object.assign(headers, error.headers);
  return Response.json({ error: { ...error.toBody(), docs: error.docs }, ...more }, { status, headers });
}
