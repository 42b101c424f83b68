import { type ErrorCode, PlexlineError } from "@plexline/protocol";

/** Statuses that differ from the usual ones. */
export type Statuses = Readonly<Partial<Record<ErrorCode, number>>>;

/** Status of each error that has one of its own; all others are faults of the server, 500. */
const STATUS: Statuses = {
  MALFORMED_MESSAGE: 400,
  JSON_TOO_DEEP: 400,
  PAYLOAD_INVALID: 400,
  TOPIC_INVALID: 400,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  FORBIDDEN: 403,
  REVOKED: 403,
  ORIGIN_FORBIDDEN: 403,
  HOST_FORBIDDEN: 403,
  PATH_UNKNOWN: 404,
  TOPIC_UNKNOWN: 404,
  STREAM_ABSENT: 404,
  OPERATION_UNSUPPORTED: 404,
  COMMAND_UNKNOWN: 404,
  UNKNOWN_MESSAGE: 404,
  STREAM_CLOSED: 409,
  INPUT_CLOSED: 409,
  RESYNC: 409,
  MESSAGE_TOO_LARGE: 413,
  UPDATE_INVALID: 422,
  UPDATE_GAP: 422,
  CLIENT_ID_TAKEN: 422,
  CLIENT_IDS_MAX: 422,
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
const RETRY_AFTER_SECONDS = 1;

/** A refusal that only HTTP has: its status and headers say more than a code does. */
export class HttpRefusal extends PlexlineError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    options: {
      readonly message: string;
      readonly fix: string;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ) {
    super(code, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/**
 * The response to a request that failed: status, headers and `{ error: { code, message, fix, docs } }`.
 *
 * @param own What is an endpoint's own: statuses, headers of all its answers, fields beside `error`.
 */
export function failureResponse(
  error: PlexlineError,
  own: {
    readonly statuses?: Statuses;
    readonly headers?: Readonly<Record<string, string>>;
    readonly fields?: object;
  } = {},
): Response {
  const status =
    error instanceof HttpRefusal ? error.status : (own.statuses?.[error.code] ?? STATUS[error.code] ?? 500);
  const headers: Record<string, string> = { ...own.headers, "Cache-Control": "no-store" };
  if (status === 401) {
    // RFC 6750: a request without a token is told the scheme and nothing else.
    headers["WWW-Authenticate"] = error.code === "TOKEN_MISSING" ? "Bearer" : 'Bearer error="invalid_token"';
  }
  if (LATER.has(status)) {
    const seconds = Math.ceil((error.retryAfterMs ?? 0) / 1_000);
    headers["Retry-After"] = String(Math.max(RETRY_AFTER_SECONDS, seconds));
  }
  if (error instanceof HttpRefusal) Object.assign(headers, error.headers);
  return Response.json(
    { error: { ...error.toBody(), docs: error.docs }, ...own.fields },
    { status, headers },
  );
}
