import { encodeBase64 } from "../../../encoding/base64.ts";
import { type BytesForm, readJsonBytes } from "../json-bytes.ts";
import { refuse } from "./message.ts";

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
  const read = readJsonBytes(value);
  if (read.bytes !== null) return read;
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
