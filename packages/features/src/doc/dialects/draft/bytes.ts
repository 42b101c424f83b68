import { PlexlineError } from "@plexline/protocol";
import { decodeBase64 } from "../../base64.ts";

const COMMA = 0x2c;
const ZERO = 0x30;
/** The longest number of a byte, with its comma. */
const NUMBER_CHARS_MAX = 4;
const ascii = new TextDecoder();

/** The numbers of bytes as JSON has them between the brackets of an array: `1,2,255`. */
export function bytesToNumbers(bytes: Uint8Array): string {
  const text = new Uint8Array(bytes.length * NUMBER_CHARS_MAX);
  let at = 0;
  for (const byte of bytes) {
    if (at > 0) text[at++] = COMMA;
    if (byte >= 100) text[at++] = ZERO + Math.floor(byte / 100);
    if (byte >= 10) text[at++] = ZERO + (Math.floor(byte / 10) % 10);
    text[at++] = ZERO + (byte % 10);
  }
  return ascii.decode(text.subarray(0, at));
}

/**
 * The bytes that a client wrote into JSON: as an array of numbers, or as a base64 string.
 *
 * @throws PlexlineError MALFORMED_MESSAGE for anything else; the message tells where, never what.
 */
export function bytesFromData(data: unknown): Uint8Array {
  if (typeof data === "string") return decodeBase64(data) ?? refuse("data is a string, and not base64");
  if (!Array.isArray(data)) return refuse("data must be an array of the update's bytes as numbers");
  return bytesFromNumbers(data);
}

function bytesFromNumbers(numbers: readonly unknown[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length);
  for (let at = 0; at < numbers.length; at += 1) {
    const byte = numbers[at];
    if (!Number.isInteger(byte) || (byte as number) < 0 || (byte as number) > 255)
      refuse(`data[${at}] must be a whole number from 0 to 255`);
    bytes[at] = byte as number;
  }
  return bytes;
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The message could not be read: ${why}.`,
    fix: "Send data: Array.from(update).",
  });
}
