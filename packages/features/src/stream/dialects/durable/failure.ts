import type { ErrorCode, PlexlineError } from "@plexline/protocol";
import { HttpRefusal, failureResponse as responseOf } from "../../../http/failure.ts";
import { EVERY_ANSWER } from "./header.ts";

/** Code of a refusal that only HTTP has. */
const CODE: Readonly<Record<number, ErrorCode>> = {
  400: "PAYLOAD_INVALID",
  404: "STREAM_ABSENT",
  405: "OPERATION_UNSUPPORTED",
  409: "PAYLOAD_INVALID",
  410: "RESYNC",
  413: "MESSAGE_TOO_LARGE",
};

/** A refusal to throw, whose status and headers say more than a code does. */
export function refuse(
  status: number,
  message: string,
  fix: string,
  headers: Readonly<Record<string, string>> = {},
): HttpRefusal {
  return new HttpRefusal(status, CODE[status] ?? "PAYLOAD_INVALID", { message, fix, headers });
}

/** The response to a request that failed: status, headers and `{ error: { code, message, fix, docs } }` [DS4]. */
export function failureResponse(error: PlexlineError): Response {
  return responseOf(error, { headers: EVERY_ANSWER });
}
