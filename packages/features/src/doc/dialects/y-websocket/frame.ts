import { PlexlineError, readVarint, varintBytes, writeVarint } from "@plexline/protocol";
import { takeHeadroom } from "../../headroom.ts";

// The frames of y-websocket: one in each WebSocket message, without an address. Numbers are unsigned LEB128, and bytes
// and text stand behind their length. Y-WEBSOCKET.md lists them.

const TYPE = { sync: 0, awareness: 1, auth: 2, queryAwareness: 3 } as const;
const SYNC = { step1: 0, step2: 1, update: 2 } as const;
const PERMISSION_DENIED = 0;

/** What a client says. */
export type YWebsocketFrame =
  /** SyncStep1: what it has. */
  | { readonly type: "step1"; readonly stateVector: Uint8Array }
  /** SyncStep2: what we lack. */
  | { readonly type: "step2"; readonly update: Uint8Array }
  | { readonly type: "update"; readonly update: Uint8Array }
  | { readonly type: "awareness"; readonly awareness: Uint8Array }
  | { readonly type: "query-awareness" }
  /** Of a type that clients do not send, or that newer ones do. */
  | { readonly type: "unknown" };

/**
 * Reads a frame of a client; what it holds is a view into the message.
 *
 * @throws PlexlineError MALFORMED_MESSAGE for text, and for bytes that end too early or too late.
 */
export function decodeYWebsocketFrame(message: string | Uint8Array): YWebsocketFrame {
  if (typeof message === "string") return refuse("it is text, and y-websocket speaks in binary messages");
  const type = readVarint(message, 0);
  const at = varintBytes(type);
  switch (type) {
    case TYPE.sync:
      return decodeSync(message, at);
    case TYPE.awareness:
      return { type: "awareness", awareness: lastBytes(message, at) };
    case TYPE.queryAwareness:
      return { type: "query-awareness" };
    default:
      return { type: "unknown" };
  }
}

function decodeSync(message: Uint8Array, start: number): YWebsocketFrame {
  const step = readVarint(message, start);
  const at = start + varintBytes(step);
  switch (step) {
    case SYNC.step1:
      return { type: "step1", stateVector: lastBytes(message, at) };
    case SYNC.step2:
      return { type: "step2", update: lastBytes(message, at) };
    case SYNC.update:
      return { type: "update", update: lastBytes(message, at) };
    default:
      return { type: "unknown" };
  }
}

/** Bytes behind their length, which nothing follows. */
function lastBytes(message: Uint8Array, start: number): Uint8Array {
  const length = readVarint(message, start);
  const bytes = message.subarray(start + varintBytes(length));
  if (bytes.length !== length) refuse(`${length} bytes should follow, and ${bytes.length} do`);
  return bytes;
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `This is no y-websocket frame: ${why}.`,
    fix: "Send one frame of y-protocols in each binary message.",
  });
}

export function encodeStep1(stateVector: Uint8Array): Uint8Array {
  return frame([TYPE.sync, SYNC.step1], stateVector);
}

export function encodeStep2(update: Uint8Array): Uint8Array {
  return frame([TYPE.sync, SYNC.step2], update);
}

export function encodeUpdate(update: Uint8Array): Uint8Array {
  return frame([TYPE.sync, SYNC.update], update);
}

export function encodeAwareness(awareness: Uint8Array): Uint8Array {
  return frame([TYPE.awareness], awareness);
}

/** Tells a client that it may not do what it did; stock clients warn on their console. */
export function encodePermissionDenied(reason: string): Uint8Array {
  return frame([TYPE.auth, PERMISSION_DENIED], new TextEncoder().encode(reason));
}

/** The numbers of a head are below 128: one byte each. */
function frame(head: readonly number[], body: Uint8Array): Uint8Array {
  const bodyAt = head.length + varintBytes(body.length);
  const inPlace = takeHeadroom(body, bodyAt);
  const bytes = inPlace ?? new Uint8Array(bodyAt + body.length);
  bytes.set(head);
  writeVarint(bytes, head.length, body.length);
  if (inPlace === undefined) bytes.set(body, bodyAt);
  return bytes;
}
