import { PlexlineError, parseJson } from "@plexline/protocol";
import type { ToldEvent } from "../../run/run-event.ts";
import { idOf, type OrderMessage } from "../run/order.ts";
import type { ReaderWords } from "../run/reader.ts";
import type { RenderEvent } from "../run/rendering.ts";
import type { Done } from "../run/writer.ts";

/** Largest message: a chunk of 1 MiB, and room for the rest. */
export const MESSAGE_BYTES_MAX = 1024 * 1024 + 4 * 1024;
/** Longest type, in characters. */
const TYPE_LENGTH_MAX = 64;
/** Nesting of a message, as in the native protocol. */
const DEPTH_MAX = 32;

/** What is told of a message that its sender may not send [AG8]. */
export const DENIED = JSON.stringify({ type: "error", message: "Access denied" });
export const PONG = JSON.stringify({ type: "pong" });

/**
 * Reads a message of a client [AG6].
 *
 * @throws PlexlineError MALFORMED_MESSAGE, JSON_TOO_DEEP or PAYLOAD_INVALID.
 */
export function parseAgentMessage(message: string | Uint8Array): OrderMessage {
  if (typeof message !== "string") return refuse("Messages are text.");
  const value = parseJson(message, { depthMax: DEPTH_MAX });
  if (!isObject(value)) return refuse("The message must be an object.");
  const { type, data = {}, id } = value;
  if (typeof type !== "string" || type.length > TYPE_LENGTH_MAX)
    return refuse(`type must be text of at most ${TYPE_LENGTH_MAX} characters.`);
  // What a steering client has to say need not be an object.
  if (type === "steer") return { type, fields: { data }, ...idOf(id) };
  if (!isObject(data)) return refuse("data must be an object.");
  return { type, fields: data, ...idOf(id) };
}

/** What the readers of a run are told: `{ type, cursor, data }`. */
export const renderAgentEvent: RenderEvent = ({ type, cursor, data }: ToldEvent) =>
  JSON.stringify({ type, cursor, data });

/** What is one reader's own. */
export function wordsFor(runId: string): ReaderWords {
  return {
    connected: ({ cursor, status, closed }) =>
      JSON.stringify({ type: "connected", cursor, data: { runId, status, closed } }),
    snapshot: (cursor, data) => JSON.stringify({ type: "snapshot", cursor, data }),
    gap: (reason) => JSON.stringify({ type: "gap", data: { reason } }),
    event: (told) => renderAgentEvent(told) as string,
  };
}

/** The first message for those who may not read the run. */
export function encodeStranger(runId: string): string {
  return JSON.stringify({ type: "connected", cursor: null, data: { runId, status: null, closed: false } });
}

export function encodeAck(done: Done): string {
  return JSON.stringify({ type: "ack", ...done });
}

export function encodeAgentError(error: PlexlineError, id: string | undefined): string {
  return JSON.stringify({ type: "error", ...(id === undefined ? {} : { id }), ...error.toBody() });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(message: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message,
    fix: 'Send {"type", "data", "id"} as one JSON object per text message.',
  });
}
