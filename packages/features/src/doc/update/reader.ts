import { refuse } from "./refuse.ts";

/** A place in bytes. Every read is checked against their end; lib0 reads zeros and `undefined` there instead. */
export interface Reader {
  readonly bytes: Uint8Array;
  /** Index of the next byte. */
  at: number;
  /** Index after the last byte. */
  readonly end: number;
}

export function readerOf(bytes: Uint8Array): Reader {
  return { bytes, at: 0, end: bytes.length };
}

/** Throws UPDATE_INVALID unless all bytes have been read. */
export function expectEnd(reader: Reader): void {
  if (reader.at !== reader.end) refuse(`${reader.end - reader.at} bytes follow its end`, reader.at);
}

export function readByte(reader: Reader): number {
  if (reader.at >= reader.end) return refuse("it ends too early", reader.at);
  return reader.bytes[reader.at++]!;
}

/** Moves over `count` bytes. */
export function skipBytes(reader: Reader, count: number): void {
  if (count > reader.end - reader.at) refuse("it ends too early", reader.end);
  reader.at += count;
}

/** Reads a lib0 varUint of 0 to 2^53-1: seven bits a byte, the lowest first. */
export function readUint(reader: Reader): number {
  const { bytes, at, end } = reader;
  if (at < end && bytes[at]! < 0x80) return bytes[reader.at++]!;
  return readLongUint(reader, 0, 1);
}

/** Reads a lib0 varInt, whose first byte holds a sign and six bits. Its value is of no interest here. */
export function skipInt(reader: Reader): void {
  const first = readByte(reader);
  if (first >= 0x80) readLongUint(reader, first & 0x3f, 64);
}

/** Reads a count of things that take at least `bytesEach` bytes, so that looping over it costs no more than its bytes. */
export function readCount(reader: Reader, bytesEach: number, things: string): number {
  const at = reader.at;
  const count = readUint(reader);
  if (count * bytesEach > reader.end - reader.at)
    refuse(`it declares ${count} ${things} but is too short`, at);
  return count;
}

// Past 2^53 lib0 rounds, and after many bytes of zeros it computes NaN; both end here.
function readLongUint(reader: Reader, low: number, factor: number): number {
  const { bytes, at, end } = reader;
  let value = low;
  let unit = factor;
  for (let next = at; next < end && next < at + 8; next++) {
    const byte = bytes[next]!;
    value += (byte & 0x7f) * unit;
    unit *= 128;
    if (value > Number.MAX_SAFE_INTEGER) break;
    if (byte < 0x80) {
      reader.at = next + 1;
      return value;
    }
    if (next + 1 === end) refuse("it ends too early", end);
  }
  return refuse(at < end ? "a number is larger than 2^53-1" : "it ends too early", at);
}
