import { PlexlineError, utf8Bytes } from "@plexline/protocol";

/** Keys that turn into attacks where code copies keys; the wire refuses them too, but not every value comes by the wire. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** Nesting of a value: with what is around it in a message that is 32, the most that the wire takes by default. */
const DEPTH_MAX = 28;
/** A UTF-16 unit takes at most this many bytes of JSON: `\u0000`. */
const UNIT_BYTES_MAX = 6;
const NUMBER_BYTES_MAX = 26;

/**
 * Checks that a value is JSON through and through, of at most `bytesMax` bytes. Throws PAYLOAD_INVALID or JSON_TOO_DEEP with
 * the field's name, or MESSAGE_TOO_LARGE with the setting's.
 */
export function assertJson(value: unknown, field: string, bytesMax: number, setting: string): void {
  // The exact size takes a pass of its own, which what is surely small is spared.
  if (bytesAtMost(value, field, DEPTH_MAX) <= bytesMax) return;
  if (utf8Bytes(JSON.stringify(value)) <= bytesMax) return;
  throw new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `${field} has more than ${bytesMax} bytes of JSON.`,
    fix: `Send less at once, or raise ${setting} in the stream's definition.`,
  });
}

/** No fewer bytes than a value has as JSON. The depth is checked on the way down, so that the recursion is bounded. */
function bytesAtMost(value: unknown, field: string, depthLeft: number): number {
  if (typeof value === "string") return value.length * UNIT_BYTES_MAX + 2;
  if (value === null || typeof value === "boolean") return 5;
  if (typeof value === "number" && Number.isFinite(value)) return NUMBER_BYTES_MAX;
  const isArray = Array.isArray(value);
  if (!isArray && !isPlainObject(value)) throw invalid(`${field} holds something that is no JSON.`);
  if (depthLeft === 0)
    throw new PlexlineError("JSON_TOO_DEEP", { message: `${field} is nested too deeply.` });
  let bytes = 2;
  if (isArray) {
    // By index: a hole of a sparse array is seen as the undefined that it reads as.
    for (let index = 0; index < value.length; index += 1)
      bytes += bytesAtMost(value[index], field, depthLeft - 1) + 1;
    return bytes;
  }
  for (const key of Object.keys(value)) {
    if (FORBIDDEN_KEYS.has(key)) throw invalid(`${field} has an object with the key ${key}.`);
    bytes += key.length * UNIT_BYTES_MAX + 4 + bytesAtMost(value[key], field, depthLeft - 1);
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
