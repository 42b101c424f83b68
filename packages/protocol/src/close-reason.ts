import { type ErrorCode, isErrorCode } from "./error-code.ts";
import { CLOSE_REASON_BYTES_MAX } from "./limits.ts";
import { cutToUtf8Bytes } from "./utf8.ts";

/**
 * The reason of a close: `CODE: message`, cut to the 123 UTF-8 bytes that a close frame has room for, between two
 * characters.
 *
 * @example
 * socket.close(4401, closeReason("TOKEN_EXPIRED", "The token has expired."));
 */
export function closeReason(code: ErrorCode, message: string): string {
  return cutToUtf8Bytes(`${code}: ${message}`, CLOSE_REASON_BYTES_MAX);
}

/** The error code that a close reason begins with; null for reasons of others: proxies, browsers, applications. */
export function parseCloseReason(text: string): ErrorCode | null {
  const end = text.indexOf(":");
  const code = end === -1 ? text : text.slice(0, end);
  return isErrorCode(code) ? code : null;
}
