import { type JsonLimits, parseJson } from "./json.ts";
import { JSON_DEPTH_MAX } from "./limits.ts";
import type { ClientMessage, ServerMessage } from "./message.ts";
import { parseClientMessage, parseServerMessage } from "./parse.ts";

const DEFAULT_LIMITS: JsonLimits = { depthMax: JSON_DEPTH_MAX };

/** The text of a client's message. */
export function encodeClientMessage(message: ClientMessage): string {
  return JSON.stringify(message);
}

/** Reads a client's message. Throws MALFORMED_MESSAGE, JSON_TOO_DEEP, UNKNOWN_MESSAGE or TOPIC_INVALID. */
export function decodeClientMessage(text: string, limits: JsonLimits = DEFAULT_LIMITS): ClientMessage {
  return parseClientMessage(parseJson(text, limits));
}

/** The text of a server's message. */
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}

/** Reads a server's message. Throws MALFORMED_MESSAGE, JSON_TOO_DEEP, UNKNOWN_MESSAGE or TOPIC_INVALID. */
export function decodeServerMessage(text: string, limits: JsonLimits = DEFAULT_LIMITS): ServerMessage {
  return parseServerMessage(parseJson(text, limits));
}
