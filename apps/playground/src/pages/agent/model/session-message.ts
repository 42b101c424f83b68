import type { RunState } from "@plexline/features/client";
import { parseCursor } from "@plexline/features/stream";
import type { Told } from "./reading.ts";

const PREFIX = "agent:";
/** What the stream itself logs, by the name that these messages have for it. */
const OWN_EVENTS: Readonly<Record<string, string>> = {
  request: "request",
  outcome: "outcome",
  "input-request": "ask",
  producer: "producer",
  close: "close",
};

/** Reads a message as `/api/ws` and `/api/stream` tell it; null for what says nothing of the run. */
export function toldBy(message: { readonly type: string; readonly [field: string]: unknown }): Told | null {
  const { type: prefixed, sessionId: _, cursor, ...fields } = message;
  const position = typeof cursor === "string" ? parseCursor(cursor) : null;
  if (position === null || !prefixed.startsWith(PREFIX)) return null;
  const type = prefixed.slice(PREFIX.length);
  if (type === "snapshot") {
    // The server's own, made by the same fold.
    const state = fields.omitted === true ? null : (fields as unknown as RunState);
    return { kind: "snapshot", state, position };
  }
  const own = OWN_EVENTS[type];
  if (own !== undefined) return { kind: "event", event: { event: own, payload: fields }, position };
  const payload = type === "chunk" ? fields.value : { type, ...fields };
  return { kind: "event", event: { event: "chunk", payload }, position };
}
