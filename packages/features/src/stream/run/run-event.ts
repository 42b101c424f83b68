import type { PushMessage } from "@plexline/protocol";
import { formatCursor } from "../cursor.ts";
import { STREAM_EVENT } from "../protocol.ts";

/** An event of a run as every wire tells it [RN5]: a chunk, or what the stream itself has logged. */
export interface ToldEvent {
  /** The chunk's own, or one of `OWN_TYPES`. */
  readonly type: string;
  /** Its other fields. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly cursor: string;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly atMs?: number;
}

/** What the stream's own events are told as. */
const TYPE_OF_EVENT: Readonly<Record<string, string>> = {
  [STREAM_EVENT.request]: "request",
  [STREAM_EVENT.outcome]: "outcome",
  [STREAM_EVENT.ask]: "input-request",
  [STREAM_EVENT.producer]: "producer",
  [STREAM_EVENT.close]: "close",
};

/** Types that are the server's to tell: a chunk that has one of them is told as `chunk`, so that it passes for nothing else. */
export const OWN_TYPES: ReadonlySet<string> = new Set([
  ...Object.values(TYPE_OF_EVENT),
  "chunk",
  "connected",
  "snapshot",
  "gap",
  "ack",
  "pong",
  "transport-policy",
]);
/** Fields that messages without a `data` of their own have beside the event's. */
const OWN_FIELDS = ["cursor", "sessionId", "topic"];

/**
 * What a push of a run is told as; null if it is none of the log.
 *
 * @param epoch That of the log that it is of.
 * @example
 * toRunEvent({ type: "push", topic: "run:7", event: "chunk", payload: { type: "partial", content: "a" }, offset: 3 }, "k3x");
 * // { type: "partial", data: { content: "a" }, cursor: "0000000000000003_k3x" }
 */
export function toRunEvent({ event, payload, offset, atMs }: PushMessage, epoch: string): ToldEvent | null {
  if (offset === undefined) return null;
  const at = { cursor: formatCursor({ epoch, offset }), ...(atMs === undefined ? {} : { atMs }) };
  if (event === STREAM_EVENT.chunk) return { ...chunkOf(payload), ...at };
  const type = TYPE_OF_EVENT[event];
  return type === undefined ? null : { type, data: isObject(payload) ? payload : {}, ...at };
}

/** A chunk by its type; one that has none, or one that is not its own, as the value that it is. */
function chunkOf(value: unknown): Pick<ToldEvent, "type" | "data"> {
  if (!isObject(value)) return { type: "chunk", data: { value } };
  const { type, ...data } = value;
  const isOwn = typeof type === "string" && !OWN_TYPES.has(type);
  if (!isOwn || OWN_FIELDS.some((field) => Object.hasOwn(data, field)))
    return { type: "chunk", data: { value } };
  return { type, data };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
