import type { BinaryMessage, ClientMessage, ServerMessage } from "@plexline/protocol";

/** Rows kept of each pane's wire. */
export const WIRE_ROWS_MAX = 200;
const LINE_LENGTH_MAX = 400;
const PRETTY_LENGTH_MAX = 16_384;
const SECRET_MASK = "•••";
/** What lets somebody act as the user must not end in a screenshot. */
const SECRET_FIELDS = new Set(["token", "resume", "resumeToken"]);

/** What a feature says of one of its binary messages. */
export type WireText = Pick<WireRow, "type" | "topic" | "line" | "pretty">;
export type DescribeBinary = (message: BinaryMessage) => WireText;

export type WireMessage = ClientMessage | ServerMessage | BinaryMessage;

/** One decoded message, as the wire log shows it. */
export interface WireRow {
  readonly id: number;
  readonly direction: "in" | "out";
  readonly type: string;
  /** Null when the message names no topic. */
  readonly topic: string | null;
  readonly atMs: number;
  /** One line of JSON, without `type` and `topic`. */
  readonly line: string;
  /** The whole message, indented; cut when it is very long. */
  readonly pretty: string;
}

export interface WireRows {
  readonly rows: readonly WireRow[];
  readonly nextId: number;
}

export const EMPTY_WIRE: WireRows = { rows: [], nextId: 1 };

/** Which rows to show: everything, everything but heartbeats, or one type. */
export type WireFilter = "all" | "no-heartbeat" | `type:${string}`;

export function appendWire(
  wire: WireRows,
  event: { readonly direction: "in" | "out"; readonly message: WireMessage; readonly atMs: number },
  describeBinary: DescribeBinary = describeBytes,
): WireRows {
  const { direction, message, atMs } = event;
  const text = "type" in message ? describeText(message) : describeBinary(message);
  return appendWireRow(wire, { direction, atMs, ...text });
}

/** Adds what was decoded elsewhere; long text is cut. */
export function appendWireRow(wire: WireRows, entry: Omit<WireRow, "id">): WireRows {
  const row: WireRow = {
    ...entry,
    id: wire.nextId,
    line: cut(entry.line, LINE_LENGTH_MAX),
    pretty: cut(entry.pretty, PRETTY_LENGTH_MAX),
  };
  return { rows: [...wire.rows, row].slice(-WIRE_ROWS_MAX), nextId: wire.nextId + 1 };
}

export function clearWire(wire: WireRows): WireRows {
  return { ...wire, rows: [] };
}

export function filterWire(rows: readonly WireRow[], filter: WireFilter): readonly WireRow[] {
  if (filter === "all") return rows;
  if (filter === "no-heartbeat") return rows.filter((row) => row.type !== "ping" && row.type !== "pong");
  return rows.filter((row) => `type:${row.type}` === filter);
}

/** The types that occur, by name. */
export function wireTypes(rows: readonly WireRow[]): readonly string[] {
  return [...new Set(rows.map((row) => row.type))].sort();
}

function describeBytes({ alias, kind, payload }: BinaryMessage): WireText {
  const line = `alias ${alias}, kind ${kind}, ${payload.byteLength} bytes`;
  return { type: "binary", topic: null, line, pretty: line };
}

function describeText(message: ClientMessage | ServerMessage): WireText {
  const { type, ...fields } = message;
  const topic = "topic" in fields && typeof fields.topic === "string" ? fields.topic : null;
  const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== "topic"));
  return {
    type,
    topic,
    line: Object.keys(rest).length === 0 ? "" : JSON.stringify(rest, mask),
    pretty: JSON.stringify(message, mask, 2),
  };
}

function mask(name: string, value: unknown): unknown {
  return SECRET_FIELDS.has(name) && typeof value === "string" ? SECRET_MASK : value;
}

function cut(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
}
