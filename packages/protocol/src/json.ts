import { PlexlineError } from "./error.ts";
import { locateJsonError } from "./json-error.ts";

/** How much JSON is accepted. */
export interface JsonLimits {
  /** Deepest nesting of objects and arrays. `[1]` has depth 1. */
  readonly depthMax: number;
}

/**
 * Parses untrusted JSON. The depth is measured before anything is built. Throws JSON_TOO_DEEP, and MALFORMED_MESSAGE
 * for text that is no JSON (the message tells where, never what: the text may hold secrets) and for objects with
 * the keys `__proto__`, `constructor` and `prototype`, which turn into attacks where code copies keys.
 */
export function parseJson(text: string, limits: JsonLimits): unknown {
  const suspicious = scan(text, limits.depthMax) || text.includes("\\u");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const at = locateJsonError(text);
    const where = at < text.length ? `see character ${at + 1} of ${text.length}` : "it ends too early";
    throw new PlexlineError("MALFORMED_MESSAGE", { message: `The text is not valid JSON: ${where}.` });
  }
  if (suspicious) refuseForbiddenKeys(value);
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Refuses text that is too deep, and tells whether a string in it is a forbidden key as it stands. A key written
 * with \u escapes is not seen here.
 */
function scan(text: string, depthMax: number): boolean {
  let depth = 0;
  let suspicious = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      const end = endOfString(text, at);
      if (end === -1) return false; // JSON.parse refuses it.
      suspicious ||= isForbiddenKey(text, at + 1, end);
      at = end;
    } else if (unit === 0x5b || unit === 0x7b) {
      depth += 1;
      if (depth > depthMax) throw new PlexlineError("JSON_TOO_DEEP");
    } else if (unit === 0x5d || unit === 0x7d) depth -= 1;
  }
  return suspicious;
}

/** Index of the quote that ends the string begun at `start`, or -1. Each run of backslashes is looked at once. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

const FORBIDDEN_KEYS: readonly string[] = ["__proto__", "constructor", "prototype"];

function isForbiddenKey(text: string, start: number, end: number): boolean {
  // They have 9 or 11 characters: most strings need no more than this look.
  if (end - start !== 9 && end - start !== 11) return false;
  return FORBIDDEN_KEYS.includes(text.slice(start, end));
}

/** Recursion is bounded by the depth that was measured before. */
function refuseForbiddenKeys(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) refuseForbiddenKeys(item);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.includes(key)) {
      throw new PlexlineError("MALFORMED_MESSAGE", {
        message: `An object of the message has the key ${key}.`,
        fix: "Do not use __proto__, constructor and prototype as keys.",
      });
    }
    refuseForbiddenKeys(item);
  }
}
