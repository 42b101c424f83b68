import { PlexlineError } from "./error.ts";
import { PATTERN_TOKENS_MAX, TOPIC_BYTES_MAX } from "./limits.ts";
import { isAddress } from "./topic.ts";

/**
 * Takes a pattern from untrusted input. A pattern is a topic in which whole tokens may be wildcards: `*` stands for
 * exactly one token, a final `>` for one or more. Tokens are what stands between `.` and `:` and may be empty;
 * 1 to 16 of them, at most 255 UTF-8 bytes. Throws TOPIC_INVALID.
 *
 * @example
 * parsePattern("blob.*.done", "capability.pattern");
 */
export function parsePattern(value: unknown, field: string): string {
  if (typeof value === "string" && isAddress(value, true) && hasWholeWildcards(value)) return value;
  throw new PlexlineError("TOPIC_INVALID", {
    message:
      `${field} must be a pattern: 1 to ${PATTERN_TOKENS_MAX} tokens, at most ${TOPIC_BYTES_MAX} UTF-8 bytes, ` +
      "with * and > only as whole tokens and > only as the last.",
    fix: "Write patterns like blob.*.done or doc:>.",
  });
}

/**
 * Whether a topic matches a pattern that `parsePattern` accepted. The separators must be equal too: `blob.*` does
 * not match `blob:7`. Takes time in proportion to the topic and allocates nothing.
 */
export function patternMatches(pattern: string, topic: string): boolean {
  let at = 0;
  for (let index = 0; index < pattern.length; index++) {
    const unit = pattern.charCodeAt(index);
    if (unit === GREATER) return true;
    if (unit === ASTERISK) {
      while (at < topic.length && !isSeparator(topic.charCodeAt(at))) at++;
    } else {
      // Beyond the end charCodeAt is NaN, which equals nothing.
      if (topic.charCodeAt(at) !== unit) return false;
      at++;
    }
  }
  return at === topic.length;
}

const ASTERISK = 0x2a;
const GREATER = 0x3e;

function isSeparator(unit: number): boolean {
  return unit === 0x2e || unit === 0x3a;
}

function hasWholeWildcards(pattern: string): boolean {
  const tokens = pattern.split(/[.:]/);
  if (tokens.length > PATTERN_TOKENS_MAX) return false;
  return tokens.every((token, index) => {
    if (token === "*") return true;
    if (token === ">") return index === tokens.length - 1;
    return !token.includes("*") && !token.includes(">");
  });
}
