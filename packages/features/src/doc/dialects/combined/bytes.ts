import { decodeBase64, encodeBase64 } from "../../base64.ts";
import { refuse } from "./message.ts";

/** How bytes stand in JSON. */
export type BytesForm =
  | "base64"
  /** `[1,2]`, of `Array.from(bytes)`. */
  | "numbers"
  /** `{"0":1,"1":2}`, which is what `JSON.stringify` makes of a `Uint8Array`. */
  | "object"
  /** `{"type":"Buffer","data":[1,2]}`, which is what it makes of a `Buffer`. */
  | "buffer";

/**
 * Most bytes that are sent as numbers. They take up to 14 characters each, and what takes the server long to write takes
 * it from everybody.
 */
export const NUMBERS_BYTES_MAX = 1024 * 1024;

/**
 * Bytes of a message, in whichever form they are.
 *
 * @param path The field, for the error: `yjs:update.update`.
 * @throws PlexlineError MALFORMED_MESSAGE for anything else.
 */
export function readBytes(
  value: unknown,
  path: string,
): { readonly bytes: Uint8Array; readonly form: BytesForm } {
  if (typeof value === "string") {
    const bytes = decodeBase64(value);
    if (bytes) return { bytes, form: "base64" };
  } else if (Array.isArray(value)) {
    const bytes = bytesOf(value, value.length);
    if (bytes) return { bytes, form: "numbers" };
  } else if (typeof value === "object" && value !== null) {
    const fields = value as Readonly<Record<string, unknown>>;
    const { type, data } = fields;
    if (type === "Buffer" && Array.isArray(data)) {
      const bytes = bytesOf(data, data.length);
      if (bytes) return { bytes, form: "buffer" };
    } else {
      const bytes = bytesOf(fields, Object.keys(fields).length);
      if (bytes) return { bytes, form: "object" };
    }
  }
  return refuse(
    `${path} holds no bytes`,
    "Send a Uint8Array as JSON.stringify writes it, an array of numbers of 0 to 255, or base64.",
  );
}

/** Bytes as JSON text. */
export function bytesToJson(bytes: Uint8Array, form: BytesForm): string {
  switch (form) {
    case "base64":
      return `"${encodeBase64(bytes)}"`;
    case "numbers":
      return `[${bytes.join(",")}]`;
    case "object":
      // Of a Buffer it would be the other form.
      return JSON.stringify(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    case "buffer":
      return `{"type":"Buffer","data":[${bytes.join(",")}]}`;
  }
}

/** The values under 0 to `length` - 1; null if one of them is no byte. */
function bytesOf(values: Readonly<Record<number, unknown>>, length: number): Uint8Array | null {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    const value = values[at];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 255) return null;
    bytes[at] = value;
  }
  return bytes;
}
