import { type Reader, readByte, readCount, readUint, skipBytes, skipInt } from "./reader.ts";
import { refuse } from "./refuse.ts";
import { skipString, skipUtf8 } from "./utf8.ts";

/** First bytes of values in lib0's encoding. */
export const ANY = {
  undefined: 127,
  integer: 125,
  float32: 124,
  float64: 123,
  bigint: 122,
  true: 120,
  string: 119,
  object: 118,
  array: 117,
  bytes: 116,
} as const;

/** Moves over one value, which may nest `depth` deep (0: no arrays and objects). */
export function skipAny(reader: Reader, depth: number): void {
  const at = reader.at;
  const type = readByte(reader);
  if (type === ANY.string) skipString(reader);
  else if (type === ANY.integer) skipInt(reader);
  else if (type === ANY.float32) skipBytes(reader, 4);
  else if (type === ANY.float64 || type === ANY.bigint) skipBytes(reader, 8);
  else if (type === ANY.object) skipObject(reader, depth);
  else if (type === ANY.array) skipArray(reader, depth);
  else if (type === ANY.bytes) skipBytes(reader, readUint(reader));
  else if (type < ANY.true || type > ANY.undefined) refuse("a value has an unknown type", at);
  // True, false, null and undefined are their type alone.
}

function skipArray(reader: Reader, depth: number): void {
  if (depth === 0) refuse("a value is nested too deeply", reader.at - 1);
  const count = readCount(reader, 1, "values");
  for (let index = 0; index < count; index++) skipAny(reader, depth - 1);
}

function skipObject(reader: Reader, depth: number): void {
  if (depth === 0) refuse("a value is nested too deeply", reader.at - 1);
  const count = readCount(reader, 2, "keys");
  for (let index = 0; index < count; index++) {
    skipKey(reader);
    skipAny(reader, depth - 1);
  }
}

const PROTO = "__proto__";

/** Moves over a key of an object. lib0 sets keys by assignment, so `__proto__` would change the object's prototype. */
export function skipKey(reader: Reader): void {
  const length = readUint(reader);
  const start = reader.at;
  skipUtf8(reader, length);
  if (isText(reader, start, PROTO)) refuse("an object has a key __proto__", start);
}

/** Whether what was read since `start` is this ASCII text. */
export function isText(reader: Reader, start: number, text: string): boolean {
  if (reader.at - start !== text.length) return false;
  for (let index = 0; index < text.length; index++)
    if (reader.bytes[start + index] !== text.charCodeAt(index)) return false;
  return true;
}
