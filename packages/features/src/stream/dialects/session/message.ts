import { PlexlineError, parseJson } from "@plexline/protocol";
import type { ToldEvent } from "../../run/run-event.ts";
import { idOf, ORDER_TYPES, type OrderMessage } from "../run/order.ts";
import type { ReaderWords } from "../run/reader.ts";
import type { Done } from "../run/writer.ts";

/** A message as clients send it: its type, and fields that nobody has looked at. */
export interface SessionMessage extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

/** Begins all types of these messages. */
export const PREFIX = "agent:";
export const SUBSCRIBE = "agent:subscribe";
export const UNSUBSCRIBE = "agent:unsubscribe";
export const MESSAGE_TYPES: readonly string[] = [
  SUBSCRIBE,
  UNSUBSCRIBE,
  ...ORDER_TYPES.map((type) => PREFIX + type),
];

/** Largest message: a chunk of 1 MiB, and room for the rest. */
export const MESSAGE_BYTES_MAX = 1024 * 1024 + 4 * 1024;
/** Nesting of a message, as in the native protocol. */
export const DEPTH_MAX = 32;
const SESSION_ID_LENGTH_MAX = 255;
/** Whose `id` is a field of the event, so that only `key` says which message it is. */
const HAS_ID: ReadonlySet<string> = new Set(["tool", "input-request"]);

/**
 * Reads the text of a message, as far as all are alike.
 *
 * @throws PlexlineError MALFORMED_MESSAGE or JSON_TOO_DEEP.
 */
export function parseSessionMessage(text: string | Uint8Array): SessionMessage {
  if (typeof text !== "string") throw malformed("Messages are text: one JSON object each.");
  return asMessage(parseJson(text, { depthMax: DEPTH_MAX }));
}

/** @throws PlexlineError MALFORMED_MESSAGE */
export function asMessage(value: unknown): SessionMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("A message is an object.");
  if (!("type" in value) || typeof value.type !== "string")
    throw malformed("A message has a type, which is text.");
  return value as SessionMessage;
}

/**
 * The run that a message is about.
 *
 * @throws PlexlineError MALFORMED_MESSAGE
 */
export function sessionIdOf(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= SESSION_ID_LENGTH_MAX) return value;
  throw malformed(`sessionId must be text of 1 to ${SESSION_ID_LENGTH_MAX} characters.`);
}

/** What a message asks of its run. Throws a PlexlineError. */
export function orderMessageOf(message: SessionMessage): OrderMessage {
  const { type: prefixed, sessionId: _, cursor: _cursor, key, ...rest } = message;
  const type = prefixed.startsWith(PREFIX) ? prefixed.slice(PREFIX.length) : "";
  if (HAS_ID.has(type)) return { type, fields: rest, ...idOf(key) };
  const { id, ...fields } = rest;
  return { type, fields, ...idOf(key ?? id) };
}

/** An event as its readers are told it: its fields, with the run and the cursor [SE4]. */
export function encodeEvent(sessionId: string, { type, data, cursor }: ToldEvent): string {
  return JSON.stringify({ ...data, type: PREFIX + type, sessionId, cursor });
}

/** What is one reader's own. */
export function wordsFor(sessionId: string): ReaderWords {
  const encode = (type: string, fields: object) =>
    JSON.stringify({ ...fields, type: PREFIX + type, sessionId });
  return {
    connected: (connected) => encode("connected", connected),
    snapshot: (cursor, state) => encode("snapshot", { ...(state ?? { omitted: true }), cursor }),
    gap: (reason) => encode("gap", { reason }),
    event: (told) => encodeEvent(sessionId, told),
  };
}

export function encodeAck(sessionId: string, done: Done): string {
  return JSON.stringify({ type: "agent:ack", sessionId, ...done });
}

/** `id`: of the message that it answers. */
export function encodeError(error: PlexlineError, sessionId: string | undefined, id?: string): string {
  return JSON.stringify({
    type: "error",
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(id === undefined ? {} : { id }),
    ...error.toBody(),
  });
}

function malformed(message: string): PlexlineError {
  return new PlexlineError("MALFORMED_MESSAGE", {
    message,
    fix: "SESSION.md lists the messages and their fields.",
  });
}
