import { decodeBase64 } from "../../encoding/base64.ts";

/** How bytes stand in JSON. */
export type BytesForm =
  /** Or base64url, with or without its padding. */
  | "base64"
  /** `[1,2]`, of `Array.from(bytes)`. */
  | "numbers"
  /** `{"0":1,"1":2}`, which is what `JSON.stringify` makes of a `Uint8Array`. */
  | "object"
  /** `{"type":"Buffer","data":[1,2]}`, which is what it makes of a `Buffer`. */
  | "buffer";

/** What was read, or why it could not be. */
export type JsonBytes =
  | { readonly bytes: Uint8Array; readonly form: BytesForm }
  /** `form`: what it began as; null if it is neither text nor object. `at`: the first index without a byte, 0 in text. */
  | { readonly bytes: null; readonly form: BytesForm | null; readonly at: number };

/**
 * Reads bytes that a client wrote into JSON, in whichever form. Takes no longer than the value was long as text. What is to be
 * said of a value that holds none is the dialect's affair.
 *
 * @example
 * readJsonBytes("AAE="); // { bytes: Uint8Array [0, 1], form: "base64" }
 * readJsonBytes({ 0: 0, 1: 256 }); // { bytes: null, form: "object", at: 1 }
 */
export function readJsonBytes(value: unknown): JsonBytes {
  if (typeof value === "string") {
    const bytes = decodeBase64(value);
    return bytes === null ? { bytes, form: "base64", at: 0 } : { bytes, form: "base64" };
  }
  if (Array.isArray(value)) return readList(value, value.length, "numbers");
  if (typeof value !== "object" || value === null) return { bytes: null, form: null, at: 0 };
  const fields = value as Readonly<Record<string, unknown>>;
  const { type, data } = fields;
  if (type === "Buffer" && Array.isArray(data)) return readList(data, data.length, "buffer");
  // As many keys as bytes, and each index among them: there are no others.
  return readList(fields, Object.keys(fields).length, "object");
}

function readList(values: Readonly<Record<number, unknown>>, length: number, form: BytesForm): JsonBytes {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    const value = values[at];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 255)
      return { bytes: null, form, at };
    bytes[at] = value;
  }
  return { bytes, form };
}
