import { type Reader, readUint, skipBytes } from "./reader.ts";
import { refuse } from "./refuse.ts";

/** Moves over a lib0 varString: its length in bytes, then UTF-8. */
export function skipString(reader: Reader): void {
  skipUtf8(reader, readUint(reader));
}

/**
 * Moves over so many bytes of UTF-8 and returns their length in UTF-16 units, which is what Yjs counts. Throws
 * UPDATE_INVALID for what a strict decoder refuses: Yjs decodes strictly.
 */
export function skipUtf8(reader: Reader, length: number): number {
  const start = reader.at;
  skipBytes(reader, length);
  const { bytes, at: end } = reader;
  let at = start;
  while (at < end && bytes[at]! < 0x80) at += 1;
  return at === end ? length : at - start + countUnits(bytes, at, end);
}

/**
 * Finds the first character of valid UTF-8 that begins at or after so many UTF-16 units. `isSplit`: the units end in the
 * middle of the one before it, which has two.
 */
export function afterUnits(
  bytes: Uint8Array,
  start: number,
  units: number,
): { at: number; isSplit: boolean } {
  let at = start;
  let left = units;
  while (left > 0) {
    const first = bytes[at]!;
    at += first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    left -= first < 0xf0 ? 1 : 2;
  }
  return { at, isSplit: left < 0 };
}

function countUnits(bytes: Uint8Array, start: number, end: number): number {
  let units = 0;
  let at = start;
  while (at < end) {
    const length = characterBytes(bytes, at, end);
    units += length === 4 ? 2 : 1;
    at += length;
  }
  return units;
}

// The second byte of a character has a narrower range after some first bytes: nothing longer than it need be, no
// surrogates, nothing above U+10FFFF.
function characterBytes(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return refuse("a string is not UTF-8", at);
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1]!;
  if (second < lowest || second > highest) return refuse("a string is not UTF-8", at);
  for (let next = at + 2; next < at + length; next++)
    if ((bytes[next]! & 0xc0) !== 0x80) return refuse("a string is not UTF-8", at);
  return length;
}
