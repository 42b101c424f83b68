import { sortedRanges } from "./id-ranges.ts";
import { expectEnd, type Reader, readCount, readerOf, readUint } from "./reader.ts";
import { refuse } from "./refuse.ts";
import type { IdRanges } from "./update-scan.ts";
import { type Writer, writeUint } from "./writer.ts";

// Yjs' delete set: client ids, each with its ranges as clock and length.

/** The least that a client id and a range take. */
const CLIENT_BYTES_MIN = 2;
const RANGE_BYTES_MIN = 2;

const NOTHING: IdRanges = new Map();

/** Reads a delete set. Its ranges may come in any order and overlap; what is returned is in order. */
export function readIdRanges(reader: Reader, clockMax: number): IdRanges {
  const count = readCount(reader, CLIENT_BYTES_MIN, "client ids of deletions");
  if (count === 0) return NOTHING;
  const byClient = new Map<number, readonly number[]>();
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const client = readUint(reader);
    if (byClient.has(client)) refuse(`the client id ${client} comes twice among the deletions`, at);
    byClient.set(client, readRanges(reader, clockMax));
  }
  return byClient;
}

function readRanges(reader: Reader, clockMax: number): readonly number[] {
  const count = readCount(reader, RANGE_BYTES_MIN, "deletions");
  if (count === 0) refuse("a client id has no deletions", reader.at - 1);
  const ranges: number[] = [];
  let inOrder = true;
  let last = -1;
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const start = readUint(reader);
    const length = readUint(reader);
    if (length === 0) refuse("a deletion has no length", at);
    if (start + length > clockMax) refuse(`a deletion goes beyond the clock ${clockMax}`, at);
    if (start <= last) inOrder = false;
    last = start + length;
    ranges.push(start, last);
  }
  return inOrder ? ranges : sortedRanges(ranges);
}

/** Decodes a delete set. Throws UPDATE_INVALID for bytes that are none. */
export function decodeIdRanges(bytes: Uint8Array, clockMax: number): IdRanges {
  const reader = readerOf(bytes);
  const ranges = readIdRanges(reader, clockMax);
  expectEnd(reader);
  return ranges;
}

/** Writes ranges as a delete set. */
export function writeIdRanges(writer: Writer, ranges: IdRanges): void {
  const clients = [...ranges.keys()].sort((a, b) => b - a);
  writeUint(writer, clients.length);
  for (const client of clients) {
    const own = ranges.get(client)!;
    writeUint(writer, client);
    writeUint(writer, own.length / 2);
    for (let at = 0; at < own.length; at += 2) {
      writeUint(writer, own[at]!);
      writeUint(writer, own[at + 1]! - own[at]!);
    }
  }
}
