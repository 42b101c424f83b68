/** Bytes that are being written; they grow as needed. */
export interface Writer {
  bytes: Uint8Array;
  /** How many are written. */
  length: number;
}

export function createWriter(bytesExpected = 64): Writer {
  return { bytes: new Uint8Array(bytesExpected), length: 0 };
}

/** Writes a lib0 varUint: seven bits a byte, the lowest first. */
export function writeUint(writer: Writer, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    writeByte(writer, (rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  writeByte(writer, rest);
}

export function writeBytes(writer: Writer, bytes: Uint8Array): void {
  reserve(writer, bytes.length);
  writer.bytes.set(bytes, writer.length);
  writer.length += bytes.length;
}

/** What has been written, as bytes of their own. */
export function writtenBytes(writer: Writer): Uint8Array {
  return writer.bytes.slice(0, writer.length);
}

export function writeByte(writer: Writer, byte: number): void {
  if (writer.length === writer.bytes.length) reserve(writer, 1);
  writer.bytes[writer.length++] = byte;
}

function reserve(writer: Writer, bytes: number): void {
  const needed = writer.length + bytes;
  if (needed <= writer.bytes.length) return;
  const larger = new Uint8Array(Math.max(needed, writer.bytes.length * 2));
  larger.set(writer.bytes.subarray(0, writer.length));
  writer.bytes = larger;
}
