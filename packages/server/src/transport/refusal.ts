import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** What the body of a refused upgrade says; `retryAfterMs` also becomes the Retry-After header. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly retryAfterMs?: number | undefined;
}

/** Answers an upgrade with an HTTP error instead, and closes. */
export function refuseUpgrade(stream: Duplex, status: 400 | 403 | 404 | 503, refusal: Refusal): void {
  const { code, message, fix, retryAfterMs } = refusal;
  const body = JSON.stringify({ code, message, fix, retryAfterMs });
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterMs === undefined ? [] : [`Retry-After: ${Math.max(1, Math.ceil(retryAfterMs / 1000))}`]),
  ];
  stream.on("error", () => stream.destroy());
  stream.once("finish", () => stream.destroy());
  stream.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
