import { PlexlineError, parseJson } from "@plexline/protocol";
import type { CombinedMessage } from "./module.ts";

/**
 * Largest message, in bytes: an update of 1 MiB as an array of numbers, with room for the rest. Rooms allow more to whoever
 * may be asked for a whole document, which is meant for binary messages: JSON is parsed in one go.
 */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024 + 64 * 1024;
const JSON_DEPTH_MAX = 32;
/** Longest name that an error repeats. */
const ADDRESS_MAX = 255;

/**
 * Reads what a client sent, as far as every message is alike.
 *
 * @throws PlexlineError MALFORMED_MESSAGE, JSON_TOO_DEEP or MESSAGE_TOO_LARGE.
 */
export function parseCombinedMessage(data: string | Uint8Array): CombinedMessage {
  if (data.length > MESSAGE_BYTES_MAX) {
    throw new PlexlineError("MESSAGE_TOO_LARGE", {
      message: `A message on this path has at most ${MESSAGE_BYTES_MAX} bytes.`,
      fix: "Send less at once; bytes are shortest as base64.",
    });
  }
  if (typeof data !== "string")
    refuse("The message is binary", "Send each message as text: one JSON object.");
  const value = parseJson(data, { depthMax: JSON_DEPTH_MAX });
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse("The message is no object");
  const message = value as Readonly<Record<string, unknown>>;
  if (typeof message.type !== "string") refuse("The message has no type, which must be a string");
  return message as CombinedMessage;
}

/**
 * A text of a message, by the name of its field.
 *
 * @throws PlexlineError MALFORMED_MESSAGE for anything but 1 to 255 characters.
 */
export function readName(message: CombinedMessage, field: string): string {
  const value = message[field];
  if (isName(value)) return value;
  return refuse(`${message.type}.${field} must be a string of 1 to ${ADDRESS_MAX} characters`);
}

/** Throws MALFORMED_MESSAGE: what is wrong with a message, and what to do about it. */
export function refuse(what: string, fix = "COMBINED.md lists the messages and their fields."): never {
  throw new PlexlineError("MALFORMED_MESSAGE", { message: `${what}.`, fix });
}

/** What an error about a message repeats of it, so that its sender can tell what it is about. */
export function addressOf(message: CombinedMessage, field: string): Readonly<Record<string, string>> {
  const value = message[field];
  return isName(value) ? { [field]: value } : {};
}

/** What a client is told of an error. `about` says what it concerns: `{ room: "plan" }`. */
export function encodeCombinedError(
  error: PlexlineError,
  about: Readonly<Record<string, string>> = {},
): string {
  return JSON.stringify({ type: "error", ...about, ...error.toBody() });
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= ADDRESS_MAX;
}
