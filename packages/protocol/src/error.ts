import { type ErrorCode, RETRY_ADVICE, type RetryAdvice } from "./error-code.ts";
import { errorText } from "./error-text.ts";

/** An error as it travels: what, why, and what to do about it. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix: string;
  readonly retryAfterMs?: number;
}

/**
 * The one error of Plexline. Anything thrown ends as this: it carries a code of the table, a sentence and a fix.
 *
 * @example
 * throw new PlexlineError("PAYLOAD_INVALID", { message: "events.moved.x must be a number." });
 */
export class PlexlineError extends Error {
  readonly code: ErrorCode;
  readonly fix: string;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    options: { message?: string; fix?: string; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(
      options.message ?? errorText(code).message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "PlexlineError";
    this.code = code;
    this.fix = options.fix ?? errorText(code).fix;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** What to do about it, from the table. */
  get retry(): RetryAdvice {
    return RETRY_ADVICE[this.code];
  }

  /** Where the code is described. */
  get docs(): string {
    return `PROTOCOL.md#${this.code.toLowerCase()}`;
  }

  /** The form that goes over the wire. */
  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      fix: this.fix,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }

  static fromBody(body: ErrorBody): PlexlineError {
    return new PlexlineError(body.code, body);
  }

  /** Turns whatever was thrown into a PlexlineError; foreign errors become `code`, without their text. */
  static from(reason: unknown, code: ErrorCode = "INTERNAL"): PlexlineError {
    return reason instanceof PlexlineError ? reason : new PlexlineError(code, { cause: reason });
  }
}
