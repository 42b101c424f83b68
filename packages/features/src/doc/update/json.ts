import type { Reader } from "./reader.ts";
import { refuse } from "./refuse.ts";

// Moves over JSON text without making its values. What it accepts is what JSON.parse accepts, but for the depth and for
// keys named __proto__, which Yjs sets by assignment when it holds an update back. The text is known to be UTF-8.

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const UNDERSCORE = 0x5f;
const ARRAY_BEGIN = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT_BEGIN = 0x7b;
const OBJECT_END = 0x7d;

/** Moves over one JSON text that ends at `end`; its value may nest `depth` deep (0: no arrays and objects). */
export function skipJson(reader: Reader, end: number, depth: number): void {
  skipValue(reader, end, depth);
  if (next(reader, end) !== -1) refuse("JSON goes on after its end", reader.at);
}

function skipValue(reader: Reader, end: number, depth: number): void {
  const first = next(reader, end);
  if (first === QUOTE) skipText(reader, end);
  else if (first === OBJECT_BEGIN) skipMembers(reader, end, depth);
  else if (first === ARRAY_BEGIN) skipElements(reader, end, depth);
  else if (first === 0x74) skipWord(reader, end, "true");
  else if (first === 0x66) skipWord(reader, end, "false");
  else if (first === 0x6e) skipWord(reader, end, "null");
  else skipNumber(reader, end);
}

function skipElements(reader: Reader, end: number, depth: number): void {
  if (depth === 0) refuse("a value is nested too deeply", reader.at);
  reader.at += 1;
  if (next(reader, end) === ARRAY_END) {
    reader.at += 1;
    return;
  }
  do skipValue(reader, end, depth - 1);
  while (!closes(reader, end, ARRAY_END));
}

function skipMembers(reader: Reader, end: number, depth: number): void {
  if (depth === 0) refuse("a value is nested too deeply", reader.at);
  reader.at += 1;
  if (next(reader, end) === OBJECT_END) {
    reader.at += 1;
    return;
  }
  do {
    skipMemberKey(reader, end);
    if (next(reader, end) !== COLON) refuse("JSON does not parse", reader.at);
    reader.at += 1;
    skipValue(reader, end, depth - 1);
  } while (!closes(reader, end, OBJECT_END));
}

/** After an element or member: moves over a comma (false) or the closing bracket (true). */
function closes(reader: Reader, end: number, bracket: number): boolean {
  const byte = next(reader, end);
  if (byte !== COMMA && byte !== bracket) refuse("JSON does not parse", reader.at);
  reader.at += 1;
  return byte === bracket;
}

function skipMemberKey(reader: Reader, end: number): void {
  if (next(reader, end) !== QUOTE) refuse("JSON does not parse", reader.at);
  const start = reader.at;
  skipText(reader, end);
  // `__proto__` takes 9 characters, of which each may be written as an escape of six.
  const first = reader.bytes[start + 1];
  const length = reader.at - start - 2;
  if (length < 9 || length > 54 || (first !== UNDERSCORE && first !== BACKSLASH)) return;
  const key: unknown = JSON.parse(String.fromCharCode(...reader.bytes.subarray(start, reader.at)));
  if (key === "__proto__") refuse("an object has a key __proto__", start);
}

function skipText(reader: Reader, end: number): void {
  const { bytes } = reader;
  for (let at = reader.at + 1; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      reader.at = at + 1;
      return;
    }
    if (byte < SPACE) refuse("JSON does not parse", at);
    if (byte === BACKSLASH) at += escapeBytes(bytes, at, end) - 1;
  }
  refuse("JSON does not parse", end);
}

const ESCAPES = '"\\/bfnrt';

function escapeBytes(bytes: Uint8Array, at: number, end: number): number {
  const letter = at + 1 < end ? String.fromCharCode(bytes[at + 1]!) : "";
  if (letter === "u" && at + 6 <= end) {
    let digits = 0;
    while (digits < 4 && isHex(bytes[at + 2 + digits]!)) digits += 1;
    if (digits === 4) return 6;
  } else if (letter !== "" && ESCAPES.includes(letter)) return 2;
  return refuse("JSON does not parse", at);
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function skipNumber(reader: Reader, end: number): void {
  if (peek(reader, end) === MINUS) reader.at += 1;
  if (peek(reader, end) === 0x30) reader.at += 1;
  else skipDigits(reader, end);
  if (peek(reader, end) === POINT) {
    reader.at += 1;
    skipDigits(reader, end);
  }
  if ((peek(reader, end) | 0x20) !== 0x65) return;
  reader.at += 1;
  const sign = peek(reader, end);
  if (sign === MINUS || sign === 0x2b) reader.at += 1;
  skipDigits(reader, end);
}

function skipDigits(reader: Reader, end: number): void {
  if (!isDigit(peek(reader, end))) refuse("JSON does not parse", reader.at);
  while (isDigit(peek(reader, end))) reader.at += 1;
}

function skipWord(reader: Reader, end: number, word: string): void {
  for (let index = 0; index < word.length; index++)
    if (reader.at + index >= end || reader.bytes[reader.at + index] !== word.charCodeAt(index))
      refuse("JSON does not parse", reader.at);
  reader.at += word.length;
}

/** The byte at the reader, or -1 at the end of the text. */
function peek(reader: Reader, end: number): number {
  return reader.at < end ? reader.bytes[reader.at]! : -1;
}

/** Moves over white space and returns the byte after it. */
function next(reader: Reader, end: number): number {
  for (;;) {
    const byte = peek(reader, end);
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    reader.at += 1;
  }
}
