import { PlexlineError } from "@plexline/protocol";
import { readJsonBytes } from "../json-bytes.ts";

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
  if (typeof data !== "string" && !Array.isArray(data))
    return refuse("data must be an array of the update's bytes as numbers");
  const read = readJsonBytes(data);
  if (read.bytes !== null) return read.bytes;
  if (read.form === "base64") return refuse("data is a string, and not base64");
  return refuse(`data[${read.at}] must be a whole number from 0 to 255`);
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The message could not be read: ${why}.`,
    fix: "Send data: Array.from(update).",
  });
}
