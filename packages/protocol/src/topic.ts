import { PlexlineError } from "./error.ts";
import { TOPIC_BYTES_MAX } from "./limits.ts";
import { isWellFormed, utf8Bytes } from "./utf8.ts";

/**
 * Whether a value is a topic: 1 to 255 UTF-8 bytes of well-formed Unicode without white space, control characters
 * and `*`, `>`, `{`, `}`. Two topics are the same only if their characters are: nothing is normalised.
 */
export function isTopic(value: unknown): value is string {
  return typeof value === "string" && isAddress(value, false);
}

/** Takes a topic from untrusted input; `field` names it in the error. Throws TOPIC_INVALID. */
export function parseTopic(value: unknown, field: string): string {
  if (isTopic(value)) return value;
  throw new PlexlineError("TOPIC_INVALID", {
    message: `${field} must be a topic: 1 to ${TOPIC_BYTES_MAX} UTF-8 bytes without white space, control characters, *, >, { and }.`,
  });
}

/** Takes a tenant from untrusted input: 1 to 64 of `A-Z a-z 0-9 _ . -`. Throws MALFORMED_MESSAGE. */
export function parseTenant(value: unknown, field: string): string {
  if (typeof value === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(value)) return value;
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `${field} must be a tenant: 1 to 64 of the characters A-Z a-z 0-9 _ . and -.`,
    fix: "Name tenants with letters, digits, underscores, dots and hyphens.",
  });
}

/** The characters and the size of topics; patterns also have the two wildcards. */
export function isAddress(text: string, wildcards: boolean): boolean {
  if (text.length === 0 || text.length > TOPIC_BYTES_MAX) return false;
  let ascii = true;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) {
      ascii = false;
      if (isWideSpaceOrControl(unit)) return false;
    } else if (unit <= 0x20 || unit === 0x7f || unit === 0x7b || unit === 0x7d) return false;
    else if (!wildcards && (unit === 0x2a || unit === 0x3e)) return false;
  }
  return ascii || (isWellFormed(text) && utf8Bytes(text) <= TOPIC_BYTES_MAX);
}

/** C1 controls and what ECMAScript calls white space, outside ASCII. */
function isWideSpaceOrControl(unit: number): boolean {
  if (unit <= 0xa0) return true;
  if (unit < 0x1680) return false;
  if (unit >= 0x2000 && unit <= 0x200a) return true;
  return (
    unit === 0x1680 ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000 ||
    unit === 0xfeff
  );
}
