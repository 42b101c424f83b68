import type { Position } from "@plexline/protocol";
import type { NewEntry, Segment } from "./storage.ts";

/** What the embedded store keeps of one log besides its entries. */
export interface LogRecord {
  /** How often the log has been reset. */
  readonly generation: number;
  readonly head: number;
  readonly floor: number;
}

const EMPTY_LOG: LogRecord = { generation: 0, head: 0, floor: 0 };

export function encodeLogRecord(record: LogRecord): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32BE(record.generation, 0);
  bytes.writeDoubleBE(record.head, 4);
  bytes.writeDoubleBE(record.floor, 12);
  return bytes;
}

/** Reads a log's record; a log that was never written has none and is empty. */
export function decodeLogRecord(bytes: Uint8Array | undefined): LogRecord {
  if (bytes === undefined) return EMPTY_LOG;
  const view = viewOf(bytes);
  return { generation: view.getUint32(0), head: view.getFloat64(4), floor: view.getFloat64(12) };
}

/** A number followed by bytes: an entry with its time, a value with its version. */
function encodeNumbered(number: number, data: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(8 + data.length);
  bytes.writeDoubleBE(number, 0);
  bytes.set(data, 8);
  return bytes;
}

export function encodeEntry(entry: NewEntry): Uint8Array {
  return encodeNumbered(entry.atMs, entry.data);
}

export function decodeEntry(bytes: Uint8Array): NewEntry {
  return { atMs: viewOf(bytes).getFloat64(0), data: dataOf(bytes) };
}

export function encodeValue(version: number, value: Uint8Array): Uint8Array {
  return encodeNumbered(version, value);
}

export function decodeValue(bytes: Uint8Array): { version: number; value: Uint8Array } {
  return { version: viewOf(bytes).getFloat64(0), value: dataOf(bytes) };
}

/** What the embedded store keeps of one snapshot besides its chunks. */
export interface SnapshotRecord {
  readonly position: Position;
  readonly bytes: number;
  readonly chunks: number;
  readonly segments?: readonly Segment[];
}

/** A segment of a log: its name as others know it, and its number in the keys of its chunks. */
export interface SegmentRecord extends Segment {
  readonly id: number;
}

export function encodeSegmentRecords(records: readonly SegmentRecord[]): Uint8Array {
  return Buffer.from(JSON.stringify(records));
}

/** Reads which segments a log has; one that never had any has no record. */
export function decodeSegmentRecords(bytes: Uint8Array | undefined): readonly SegmentRecord[] {
  return bytes === undefined ? [] : (JSON.parse(Buffer.from(bytes).toString()) as SegmentRecord[]);
}

export function encodeSnapshotRecord(record: SnapshotRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

export function decodeSnapshotRecord(bytes: Uint8Array): SnapshotRecord {
  return JSON.parse(Buffer.from(bytes).toString()) as SnapshotRecord;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function dataOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + 8, bytes.length - 8);
}
