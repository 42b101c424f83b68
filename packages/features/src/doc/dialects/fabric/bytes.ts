import { PlexlineError } from "@plexline/protocol";
import { decodeBase64 } from "../../base64.ts";

/**
 * Reads bytes out of the `data` of a message [FB5]: base64, an array of numbers, or the object that JSON.stringify makes of a
 * Uint8Array or of a Buffer. Throws MALFORMED_MESSAGE for anything else.
 *
 * @example
 * bytesOf("AAE="); // Uint8Array [0, 1], and so are bytesOf([0, 1]) and bytesOf({ 0: 0, 1: 1 })
 */
export function bytesOf(data: unknown): Uint8Array {
  if (typeof data === "string") return decodeBase64(data) ?? refuse("its base64 cannot be read");
  if (Array.isArray(data)) return bytesOfList(data, data.length);
  if (typeof data !== "object" || data === null) return refuse("it is neither text, array nor object");
  if ("type" in data && data.type === "Buffer" && "data" in data && Array.isArray(data.data))
    return bytesOfList(data.data, data.data.length);
  // As many keys as bytes, and each index among them: there are no others.
  return bytesOfList(data as Record<string, unknown>, Object.keys(data).length);
}

function bytesOfList(list: Readonly<Record<number, unknown>>, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) {
    const value = list[index];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 255)
      return refuse(`it has no byte at ${index}`);
    bytes[index] = value;
  }
  return bytes;
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The bytes in data cannot be read: ${why}.`,
    fix: "Send bytes as base64, as an array of numbers, or as JSON.stringify writes a Uint8Array.",
  });
}
