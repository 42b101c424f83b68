import { PlexlineError } from "@plexline/protocol";
import { isPlainObject } from "../encoding/json-guard.ts";

export type Fields = Readonly<Record<string, unknown>>;

const ID_LENGTH_MAX = 128;
const TEXT_LENGTH_MAX = 1_024;
/** Control characters, and halves of characters, of which several are stored as the same bytes. */
const UNFIT_CHARACTER = /[\p{Cc}\p{Cs}]/u;

// Each function takes one field of an input from untrusted JSON, and throws PAYLOAD_INVALID with the field's name.

/** The fields of an input that is an object of this shape. */
export function fieldsOf(input: unknown, shape: string): Fields {
  if (!isPlainObject(input)) throw invalid(`input must be an object: ${shape}.`);
  return input;
}

/** A name that somebody has chosen. */
export function id(value: unknown, field: string): string {
  return text(value, field, ID_LENGTH_MAX);
}

/** Text that is stored and told as it is. */
export function text(value: unknown, field: string, lengthMax = TEXT_LENGTH_MAX): string {
  const isFit =
    typeof value === "string" && value !== "" && value.length <= lengthMax && !UNFIT_CHARACTER.test(value);
  if (isFit) return value;
  throw invalid(`${field} must be 1 to ${lengthMax} characters without control characters.`);
}

export function whole(value: unknown, field: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  // Adding 0 makes the 0 of a -0.
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
    return value + 0;
  throw invalid(`${field} must be a whole number from ${min} to ${max}.`);
}

export function boolean(value: unknown, field: string): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(`${field} must be true or false.`);
}

/** What a field is refused with. */
export function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message });
}
