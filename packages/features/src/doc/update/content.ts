import { ANY, isText, skipAny } from "./any.ts";
import { skipJson } from "./json.ts";
import { type Reader, readByte, readCount, readUint, skipBytes } from "./reader.ts";
import { refuse } from "./refuse.ts";
import type { ScanLimits } from "./update-scan.ts";
import { skipString, skipUtf8 } from "./utf8.ts";

/** Kinds of structs and of an item's content: the low five bits of a struct's first byte. */
export const REF = {
  gc: 0,
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  doc: 9,
  skip: 10,
} as const;

/** Moves over the content of an item and returns its length in clocks. */
export function skipContent(reader: Reader, ref: number, limits: ScanLimits): number {
  switch (ref) {
    case REF.deleted:
      return readFiller(reader, limits);
    case REF.json:
      return skipJsonValues(reader, limits);
    case REF.binary:
      skipBytes(reader, readUint(reader));
      return 1;
    case REF.string:
      return skipText(reader);
    case REF.embed:
      skipJsonString(reader, limits, false);
      return 1;
    case REF.format:
      skipString(reader);
      skipJsonString(reader, limits, false);
      return 1;
    case REF.type:
      skipType(reader);
      return 1;
    case REF.any:
      return skipValues(reader, limits);
    case REF.doc:
      skipSubdocument(reader, limits);
      return 1;
    default:
      return refuse(`a struct has the unknown content ${ref}`, reader.at);
  }
}

/** Reads the length of a filler, in clocks. */
export function readFiller(reader: Reader, limits: ScanLimits): number {
  const at = reader.at;
  const length = readUint(reader);
  if (length === 0) refuse("a struct has no length", at);
  if (length > limits.fillerMax) refuse(`a filler covers more than ${limits.fillerMax} clocks`, at);
  return length;
}

function skipText(reader: Reader): number {
  const at = reader.at;
  const length = skipUtf8(reader, readUint(reader));
  if (length === 0) refuse("a struct has no length", at);
  return length;
}

function skipValues(reader: Reader, limits: ScanLimits): number {
  const count = readLength(reader);
  for (let index = 0; index < count; index++) skipAny(reader, limits.depthMax);
  return count;
}

function skipJsonValues(reader: Reader, limits: ScanLimits): number {
  const count = readLength(reader);
  for (let index = 0; index < count; index++) skipJsonString(reader, limits, true);
  return count;
}

function readLength(reader: Reader): number {
  const at = reader.at;
  const count = readCount(reader, 1, "values");
  if (count === 0) refuse("a struct has no length", at);
  return count;
}

// JSON values of arrays and maps may be undefined, which Yjs writes as that word.
function skipJsonString(reader: Reader, limits: ScanLimits, orUndefined: boolean): void {
  const length = readUint(reader);
  const start = reader.at;
  skipUtf8(reader, length);
  if (orUndefined && isText(reader, start, "undefined")) return;
  const end = reader.at;
  reader.at = start;
  skipJson(reader, end, limits.depthMax);
}

/** Shared types: array, map, text, XML element, XML fragment, XML hook, XML text. Elements and hooks have a name. */
const TYPES = 7;
const XML_ELEMENT = 3;
const XML_HOOK = 5;

function skipType(reader: Reader): void {
  const at = reader.at;
  const type = readUint(reader);
  if (type >= TYPES) refuse(`the shared type ${type} is unknown`, at);
  if (type === XML_ELEMENT || type === XML_HOOK) skipString(reader);
}

/** Options that Yjs never writes and that break a subdocument: its name is written before them, and a function cannot be. */
const OPTIONS_REFUSED = ["guid", "gcFilter"] as const;

function skipSubdocument(reader: Reader, limits: ScanLimits): void {
  skipString(reader);
  const at = reader.at;
  if (readByte(reader) !== ANY.object) refuse("the options of a subdocument are not an object", at);
  const options = reader.at;
  reader.at = at;
  skipAny(reader, limits.depthMax);
  const end = reader.at;
  reader.at = options;
  skipOptions(reader, limits);
  reader.at = end;
}

function skipOptions(reader: Reader, limits: ScanLimits): void {
  const count = readUint(reader);
  for (let index = 0; index < count; index++) {
    const length = readUint(reader);
    const start = reader.at;
    reader.at += length;
    for (const name of OPTIONS_REFUSED)
      if (isText(reader, start, name)) refuse(`a subdocument has the option ${name}`, start);
    skipAny(reader, limits.depthMax);
  }
}
