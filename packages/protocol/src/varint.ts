import { PlexlineError } from "./error.ts";
import { BINARY_NUMBER_MAX } from "./limits.ts";

// Unsigned LEB128 of 0 to 2^31-1: seven bits per byte, the lowest first, the high bit set on all but the last. Only
// the shortest form is accepted, so a number has one form and its length follows from its value.

/** How many bytes a number takes: 1 to 5. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Writes a number and returns the index after it. Throws MALFORMED_MESSAGE for what is not 0 to 2^31-1. */
export function writeVarint(target: Uint8Array, start: number, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > BINARY_NUMBER_MAX)
    refuse("is not an integer of 0 to 2147483647");
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Reads a number at an index; the next thing begins `varintBytes` of it later. Throws MALFORMED_MESSAGE. */
export function readVarint(source: Uint8Array, start: number): number {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = source[start + index];
    if (byte === undefined) return refuse("is cut off");
    if (index === 4 && byte > 0x07) break;
    value |= (byte & 0x7f) << (7 * index);
    if (byte >= 0x80) continue;
    if (byte === 0 && index > 0) return refuse("is not in its shortest form");
    return value;
  }
  return refuse("is larger than 2147483647");
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `A number of the binary message ${why}.`,
    fix: "Alias and kind are unsigned LEB128 in the shortest form.",
  });
}
