import { PlexlineError } from "@plexline/protocol";
import { readJsonBytes } from "../json-bytes.ts";

/**
 * Reads bytes out of the `data` of a message [FB5]: base64, an array of numbers, or the object that JSON.stringify makes of a
 * Uint8Array or of a Buffer. Throws MALFORMED_MESSAGE for anything else.
 *
 * @example
 * bytesOf("AAE="); // Uint8Array [0, 1], and so are bytesOf([0, 1]) and bytesOf({ 0: 0, 1: 1 })
 */
export function bytesOf(data: unknown): Uint8Array {
  const read = readJsonBytes(data);
  if (read.bytes !== null) return read.bytes;
  if (read.form === null) return refuse("it is neither text, array nor object");
  return refuse(read.form === "base64" ? "its base64 cannot be read" : `it has no byte at ${read.at}`);
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The bytes in data cannot be read: ${why}.`,
    fix: "Send bytes as base64, as an array of numbers, or as JSON.stringify writes a Uint8Array.",
  });
}
