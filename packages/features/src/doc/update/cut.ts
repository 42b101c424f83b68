import { skipAny } from "./any.ts";
import type { Boundary } from "./boundary.ts";
import { REF } from "./content.ts";
import { type Reader, readByte, readerOf, readUint, skipBytes } from "./reader.ts";
import { HAS_ORIGIN, HAS_PARENT_KEY, HAS_RIGHT_ORIGIN, REF_BITS } from "./struct.ts";
import { afterUnits, skipString } from "./utf8.ts";
import { type Writer, writeByte, writeBytes, writeUint } from "./writer.ts";

/** U+FFFD, which Yjs puts in for half a character on either side of a cut. */
const REPLACEMENT = Uint8Array.of(0xef, 0xbf, 0xbd);

/**
 * Writes the rest of a struct from a clock inside of it on, as Yjs does: behind its own beginning, before what it was before,
 * and where that is, so that nothing is said of its parent. The struct has been scanned. Skips are not cut.
 *
 * @param start Where the struct begins.
 * @returns Where it ends in the update's bytes.
 */
export function writeRest(
  writer: Writer,
  update: Uint8Array,
  client: number,
  start: Boundary,
  clock: number,
): number {
  const reader = readerOf(update);
  reader.at = start.at;
  const info = readByte(reader);
  if (info === REF.gc) writeByte(writer, info);
  else {
    writeByte(writer, info | HAS_ORIGIN);
    writeUint(writer, client);
    writeUint(writer, clock - 1);
    copyRightOrigin(writer, reader, info);
  }
  writeContent(writer, reader, info & REF_BITS, clock - start.clock);
  return reader.at;
}

/** Moves to an item's content, and writes what it stands before. */
function copyRightOrigin(writer: Writer, reader: Reader, info: number): void {
  if ((info & HAS_ORIGIN) !== 0) skipId(reader);
  if ((info & HAS_RIGHT_ORIGIN) !== 0) {
    const begin = reader.at;
    skipId(reader);
    writeBytes(writer, reader.bytes.subarray(begin, reader.at));
  }
  if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) !== 0) return;
  if (readUint(reader) === 1) skipString(reader);
  else skipId(reader);
  if ((info & HAS_PARENT_KEY) !== 0) skipString(reader);
}

function skipId(reader: Reader): void {
  readUint(reader);
  readUint(reader);
}

/** Moves over content and writes it without its first clocks. What is not here has a length of one, and no middle. */
function writeContent(writer: Writer, reader: Reader, ref: number, offset: number): void {
  if (ref === REF.string) writeText(writer, reader, offset);
  else if (ref === REF.any) writeValues(writer, reader, offset, skipValue);
  else if (ref === REF.json) writeValues(writer, reader, offset, skipString);
  else writeUint(writer, readUint(reader) - offset);
}

function writeText(writer: Writer, reader: Reader, offset: number): void {
  const length = readUint(reader);
  const end = reader.at + length;
  const { at, isSplit } = afterUnits(reader.bytes, reader.at, offset);
  writeUint(writer, end - at + (isSplit ? REPLACEMENT.length : 0));
  if (isSplit) writeBytes(writer, REPLACEMENT);
  skipBytes(reader, length);
  writeBytes(writer, reader.bytes.subarray(at, end));
}

function writeValues(writer: Writer, reader: Reader, offset: number, skip: (reader: Reader) => void): void {
  const count = readUint(reader);
  for (let index = 0; index < offset; index++) skip(reader);
  const begin = reader.at;
  for (let index = offset; index < count; index++) skip(reader);
  writeUint(writer, count - offset);
  writeBytes(writer, reader.bytes.subarray(begin, reader.at));
}

/** How deep values nest was limited when they were scanned. */
function skipValue(reader: Reader): void {
  skipAny(reader, Number.POSITIVE_INFINITY);
}
