import type { Direction, Frame } from "../../../editing/frame-log.ts";
import {
  readAwareness,
  readBytes,
  readStateVector,
  readUpdate,
  type Said,
} from "../../../editing/yjs-text.ts";
import type { WireText } from "../../../session/wire-rows.ts";
import type { Message, MessageBytes, PlainDialect } from "./plain-dialect.ts";

const READERS = {
  update: readUpdate,
  "state-vector": readStateVector,
  awareness: readAwareness,
} as const satisfies Record<MessageBytes["is"], (bytes: Uint8Array) => Said>;

/** The pane has one document, and one user. */
const UNTOLD = new Set(["type", "documentId", "clientID", "room", "data", "update", "stateVector"]);

/** Reads one JSON message; null when it is none. */
export function parseMessage(frame: Frame): Message | null {
  if (typeof frame !== "string") return null;
  try {
    const value: unknown = JSON.parse(frame);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Message) : null;
  } catch {
    return null;
  }
}

/** What a JSON message says, for the wire log: the bytes in it are read, and the text is kept as it travelled. */
export function jsonText(
  dialect: Pick<PlainDialect, "bytesOf">,
): (frame: Frame, direction: Direction) => WireText {
  return (frame, direction) => {
    const message = parseMessage(frame);
    const text = String(frame);
    if (!message) return { type: "unreadable", topic: null, line: text, pretty: text };
    const read = dialect.bytesOf(message, direction).map(({ is, bytes }) => ({
      is,
      bytes: bytes.length,
      ...readBytes(bytes, READERS[is]),
    }));
    const rest = Object.fromEntries(Object.entries(message).filter(([name]) => !UNTOLD.has(name)));
    const words = [
      ...read.map(({ line }) => line),
      Object.keys(rest).length === 0 ? "" : JSON.stringify(rest),
      read.length === 0 ? "" : `${read.reduce((sum, { bytes }) => sum + bytes, 0)} B`,
    ];
    const decoded = read.map(({ is, bytes, fields }) => ({ is, bytes, ...fields }));
    return {
      type: String(message.type),
      topic: null,
      line: words.filter((word) => word !== "").join(" · "),
      pretty: [text, ...decoded.map((each) => JSON.stringify(each, null, 2))].join("\n\n"),
    };
  };
}
