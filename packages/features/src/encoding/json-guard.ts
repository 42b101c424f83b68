import { PlexlineError } from "@plexline/protocol";

/** Keys that turn into attacks where code copies keys; the wire refuses them too, but not every value comes by the wire. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** A UTF-16 unit takes at most this many bytes of JSON: `\u0000`. */
const UNIT_BYTES_MAX = 6;
const NUMBER_BYTES_MAX = 26;

/** What a value is checked for. */
export interface JsonDepth {
  /** How deep arrays and objects may nest. */
  readonly depthMax: number;
  /** What to do about a value that nests deeper. */
  readonly fix?: string;
}

/**
 * Checks that a value of untrusted origin is JSON through and through. Returns a number of bytes that it surely does not exceed as
 * JSON, which spares what is small a pass for its exact size.
 *
 * @param field Name of the value in what is said of it.
 * @throws PlexlineError PAYLOAD_INVALID or JSON_TOO_DEEP.
 */
export function guardJson(value: unknown, field: string, depth: JsonDepth): number {
  return bytesAtMost(value, field, depth, depth.depthMax);
}

/** The depth is checked on the way down, so that the recursion is bounded. */
function bytesAtMost(value: unknown, field: string, depth: JsonDepth, depthLeft: number): number {
  if (typeof value === "string") return value.length * UNIT_BYTES_MAX + 2;
  if (value === null || typeof value === "boolean") return 5;
  if (typeof value === "number" && Number.isFinite(value)) return NUMBER_BYTES_MAX;
  const isArray = Array.isArray(value);
  if (!isArray && !isPlainObject(value)) throw invalid(`${field} holds something that is no JSON.`);
  if (depthLeft === 0) throw tooDeep(field, depth);
  let bytes = 2;
  if (isArray) {
    // By index: a hole of a sparse array is seen as the undefined that it reads as.
    for (let index = 0; index < value.length; index += 1)
      bytes += bytesAtMost(value[index], field, depth, depthLeft - 1) + 1;
    return bytes;
  }
  for (const key of Object.keys(value)) {
    if (FORBIDDEN_KEYS.has(key)) throw invalid(`${field} has an object with the key ${key}.`);
    bytes += key.length * UNIT_BYTES_MAX + 4 + bytesAtMost(value[key], field, depth, depthLeft - 1);
  }
  return bytes;
}

/** An object as JSON.parse makes it. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message });
}

function tooDeep(field: string, { fix }: JsonDepth): PlexlineError {
  return new PlexlineError("JSON_TOO_DEEP", {
    message: `${field} is nested too deeply.`,
    ...(fix === undefined ? {} : { fix }),
  });
}
