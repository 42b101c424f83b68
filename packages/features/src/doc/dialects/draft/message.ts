import { type BinaryMessage, PlexlineError, parseJson } from "@plexline/protocol";
import { DOC_KIND } from "../../protocol.ts";
import { bytesFromData, bytesToNumbers } from "./bytes.ts";

// The messages of the draft dialect: JSON objects `{ type, data?, error? }` in text messages. DRAFT.md lists them.

/** What a client says. */
export type DraftMessage =
  | { readonly type: "update"; readonly update: Uint8Array }
  /** What the server lacks. */
  | { readonly type: "state"; readonly update: Uint8Array }
  | { readonly type: "state-request" }
  | { readonly type: "ping" }
  | { readonly type: "pong" }
  /** Of a type that clients do not send; the name may be anything. */
  | { readonly type: "unknown"; readonly name: string };

/** Messages are flat; this leaves room for what an app adds to its own. */
const JSON_DEPTH_MAX = 32;

/**
 * Reads a message of a client. A binary one is an update as it is.
 *
 * @throws PlexlineError MALFORMED_MESSAGE or JSON_TOO_DEEP; the message tells where, never what.
 */
export function decodeDraftMessage(message: string | Uint8Array): DraftMessage {
  if (typeof message !== "string") return { type: "update", update: message };
  const json = parseJson(message, { depthMax: JSON_DEPTH_MAX });
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return refuse('it must be an object, e.g. { type: "ping" }');
  const { type, data } = json as { readonly type?: unknown; readonly data?: unknown };
  if (typeof type !== "string") return refuse("type must be a string");
  switch (type) {
    case "yjs-update":
      return { type: "update", update: bytesFromData(data) };
    case "yjs-state-response":
      return { type: "state", update: bytesFromData(data) };
    case "yjs-state-request":
      return { type: "state-request" };
    case "ping":
    case "pong":
      return { type };
    default:
      return { type: "unknown", name: type };
  }
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The message could not be read: ${why}.`,
    fix: "Send one JSON object per text message; DRAFT.md lists them.",
  });
}

export const DRAFT_PONG = JSON.stringify({ type: "pong" });

export function encodeDraftError(error: string): string {
  return JSON.stringify({ type: "error", error });
}

/** The message for what a room sends; null if a client of this dialect has no use for it. */
export function encodeDraftBinary({ kind, payload }: BinaryMessage): string | null {
  switch (kind) {
    case DOC_KIND.update:
      return `{"type":"yjs-update","data":[${bytesToNumbers(payload)}]}`;
    case DOC_KIND.state:
      return `{"type":"yjs-state-response","data":[${bytesToNumbers(payload)}]}`;
    default:
      return null;
  }
}
