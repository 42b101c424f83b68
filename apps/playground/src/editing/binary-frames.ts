import type { Decoder } from "lib0/decoding";
import { createDecoder, hasContent, readVarString, readVarUint, readVarUint8Array } from "lib0/decoding";
import type { WireText } from "../session/wire-rows.ts";
import type { Frame } from "./frame-log.ts";
import { readAwareness, readBytes, readStateVector, readUpdate, type Said } from "./yjs-text.ts";

/** One frame of y-websocket or Hocuspocus, without its address. */
export type SyncFrame =
  | { readonly type: "sync-step-1" | "sync-step-2" | "update" | "awareness"; readonly bytes: Uint8Array }
  | { readonly type: "denied" | "let-in" | "stateless"; readonly text: string }
  | { readonly type: "sync-status"; readonly saved: boolean }
  | { readonly type: "token" | "query-awareness" | "close" | "ping" | "pong" | "unknown" };

const SYNC_TYPES = ["sync-step-1", "sync-step-2", "update"] as const;
const PING = 9;
const PONG = 10;

/** Reads a frame of y-websocket; `unknown` when it cannot be read. */
export function readYWebsocketFrame(frame: Frame): SyncFrame {
  return readSafely(frame, (decoder) => readBody(decoder));
}

/** Reads a frame of Hocuspocus, which has the name of a document in front of most frames. */
export function readHocuspocusFrame(frame: Frame): SyncFrame {
  if (typeof frame !== "string" && frame.length === 1) {
    if (frame[0] === PING) return { type: "ping" };
    if (frame[0] === PONG) return { type: "pong" };
  }
  return readSafely(frame, (decoder) => {
    readVarString(decoder);
    return readBody(decoder);
  });
}

function readSafely(frame: Frame, read: (decoder: Decoder) => SyncFrame): SyncFrame {
  if (typeof frame === "string") return { type: "unknown" };
  try {
    return read(createDecoder(frame));
  } catch {
    return { type: "unknown" };
  }
}

function readBody(decoder: Decoder): SyncFrame {
  switch (readVarUint(decoder)) {
    case 0: {
      const type = SYNC_TYPES[readVarUint(decoder)];
      return type ? { type, bytes: readVarUint8Array(decoder) } : { type: "unknown" };
    }
    case 1:
      return { type: "awareness", bytes: readVarUint8Array(decoder) };
    case 2:
      return readAuth(decoder);
    case 3:
      return { type: "query-awareness" };
    case 5:
      return { type: "stateless", text: readVarString(decoder) };
    case 7:
      return { type: "close" };
    case 8:
      return { type: "sync-status", saved: readVarUint(decoder) === 1 };
    default:
      return { type: "unknown" };
  }
}

/** In y-websocket `2 0` is a refusal with its reason; in Hocuspocus it is a token, which is nobody's business. */
function readAuth(decoder: Decoder): SyncFrame {
  const kind = readVarUint(decoder);
  if (kind === 0) {
    const text = hasContent(decoder) ? readVarString(decoder) : "";
    return text === "" || hasContent(decoder) ? { type: "token" } : { type: "denied", text };
  }
  return { type: kind === 1 ? "denied" : "let-in", text: readVarString(decoder) };
}

/** What a frame says, for the wire log. */
export function frameText(read: (frame: Frame) => SyncFrame): (frame: Frame) => WireText {
  return (frame) => {
    const parsed = read(frame);
    const { line, fields } = saidOf(parsed);
    const size = `${frame.length} B`;
    return {
      type: parsed.type,
      topic: null,
      line: [line, size].filter((part) => part !== "").join(" · "),
      pretty: JSON.stringify({ frame: parsed.type, bytes: frame.length, ...fields }, null, 2),
    };
  };
}

function saidOf(frame: SyncFrame): Said {
  switch (frame.type) {
    case "sync-step-1":
      return readBytes(frame.bytes, readStateVector);
    case "sync-step-2":
    case "update":
      return readBytes(frame.bytes, readUpdate);
    case "awareness":
      return readBytes(frame.bytes, readAwareness);
    case "denied":
    case "let-in":
    case "stateless":
      return { line: frame.text, fields: { text: frame.text } };
    case "sync-status":
      return { line: frame.saved ? "saved" : "refused", fields: { saved: frame.saved } };
    case "token":
      return { line: "•••", fields: {} };
    default:
      return { line: "", fields: {} };
  }
}
