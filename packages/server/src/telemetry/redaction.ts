/** What stands in a log where a secret was. */
export const REDACTED = "[redacted]";

/** Longest string of a log line, in characters. */
export const LOG_STRING_LENGTH_MAX = 1024;
/** All strings of one line together, in characters: a thousand long fields must not make a megabyte. */
const LINE_LENGTH_MAX = 16 * 1024;
/** Values of one line, at any depth. */
const LINE_VALUES_MAX = 500;
/** Levels of nesting that are shown. What lies deeper is not looked at, so nothing in it can leak. */
const DEPTH_MAX = 4;
const KEY_LENGTH_MAX = 128;

const SECRET_KEYS = new Set(["authorization", "resume", "secwebsocketprotocol"]);
/** `accessToken`, `jwt_secret` and `Set-Cookie` end like this; `tokenSource` does not. */
const SECRET_KEY_ENDINGS = /(?:token|secret|password|ticket|cookies?)$/;

/** Whether a field, header or query parameter of this name holds a secret, however it is spelled. */
export function isSecretKey(key: string): boolean {
  const plain = key
    .slice(-KEY_LENGTH_MAX)
    .toLowerCase()
    .replace(/[-_\s]/g, "");
  return SECRET_KEYS.has(plain) || SECRET_KEY_ENDINGS.test(plain);
}

// Secrets inside running text: `?token=…`, the same percent-encoded in another parameter, the snippet of JSON that a
// parser quotes in its error, a bearer header or subprotocol, and anything shaped like a JWT or a ticket.
const ASSIGNED_SECRET =
  /(token|ticket|secret|password|authorization|cookie|resume)(=|%3D|\\?"\s{0,4}:\s{0,4}\\?")(?:(?!%26)[^&#\s"'<>\\])*/gi;
const BEARER = /\bbearer(?:[ .]|%20)[^\s,;"'&]+/gi;
const JWT_SHAPE = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;
// Of `auth/tickets.ts`.
const TICKET_SHAPE = /\bplt1\.[\w.-]+/g;

// Valid in JSON as they are, yet they break lines, steer 8-bit terminals or reverse what a person reads.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what is looked for
const CONTROL = /[\u0000-\u001f]/g;

/** Cuts a string, hides the secrets in it, and makes characters visible that a terminal or a reader would act upon. */
export function redactString(text: string, lengthMax: number = LOG_STRING_LENGTH_MAX): string {
  const cut = text.length > lengthMax ? text.slice(0, lengthMax) : text;
  const clean = cut
    .replace(ASSIGNED_SECRET, `$1$2${REDACTED}`)
    .replace(BEARER, `Bearer ${REDACTED}`)
    .replace(TICKET_SHAPE, REDACTED)
    .replace(JWT_SHAPE, REDACTED)
    .replace(UNPRINTABLE, visible);
  return cut === text ? clean : `${clean}…[${text.length - lengthMax} more]`;
}

/** The same for a line's message, which a pretty printer shows as it is: control characters become visible too. */
export function redactMessage(text: string): string {
  return redactString(text).replace(CONTROL, visible);
}

/**
 * Hides the values of secret query parameters, `token`, `ticket` and `access_token` among them.
 *
 * @example
 * redactUrl("/ws?token=eyJ…&draftId=7"); // "/ws?token=[redacted]&draftId=7"
 */
export function redactUrl(url: string): string {
  const start = url.indexOf("?");
  if (start < 0) return redactString(url);
  const query = url
    .slice(start + 1, start + 1 + LOG_STRING_LENGTH_MAX)
    .split("&")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const name = equals < 0 ? pair : pair.slice(0, equals);
      return equals >= 0 && isSecretKey(decoded(name)) ? `${name}=${REDACTED}` : pair;
    })
    .join("&");
  return redactString(`${url.slice(0, start)}?${query}`);
}

/** How fields become a line. */
export interface RedactOptions {
  /** Show the stacks of errors. */
  readonly stack: boolean;
}

/**
 * Turns fields into plain data that is safe to write: secrets hidden by key at any shown depth, strings cut, cycles
 * broken, errors as `{name, message, code}`. Never throws, whatever the values do.
 */
export function redactFields(
  fields: Readonly<Record<string, unknown>>,
  options: RedactOptions,
): Record<string, unknown> {
  const plain = new Redaction(options).value(fields, 0);
  return typeof plain === "object" && plain !== null ? (plain as Record<string, unknown>) : { fields: plain };
}

/** One walk over one line's values, with the budget of that line. */
class Redaction {
  readonly #options: RedactOptions;
  readonly #open = new Set<object>();
  #valuesLeft = LINE_VALUES_MAX;
  #lengthLeft = LINE_LENGTH_MAX;

  constructor(options: RedactOptions) {
    this.#options = options;
  }

  value(value: unknown, depth: number): unknown {
    if (--this.#valuesLeft < 0) return "[…]";
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
      case "undefined":
        return value;
      case "bigint":
        return this.#string(value.toString());
      case "object":
        return value === null ? null : this.#object(value, depth);
      default:
        return `[${typeof value}]`;
    }
  }

  #string(text: string): string {
    const plain = redactString(text, Math.min(LOG_STRING_LENGTH_MAX, this.#lengthLeft));
    this.#lengthLeft = Math.max(0, this.#lengthLeft - plain.length);
    return plain;
  }

  #object(value: object, depth: number): unknown {
    if (this.#open.has(value)) return "[cyclic]";
    this.#open.add(value);
    try {
      return this.#content(value, depth);
    } catch {
      // A getter, a proxy or a revoked object threw: the line matters more than the value.
      return "[unreadable]";
    } finally {
      this.#open.delete(value);
    }
  }

  #content(value: object, depth: number): unknown {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
    if (value instanceof URL) return redactUrl(value.href);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (depth > DEPTH_MAX) return "[deep]";
    if (value instanceof Error) return this.#error(value, depth);
    if (Array.isArray(value)) return this.#items(value, depth);
    if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
    return this.#members(value, Object.keys(value), depth);
  }

  #error(error: Error, depth: number): Record<string, unknown> {
    const shown = ["name", "message", "code", "cause", ...(this.#options.stack ? ["stack"] : [])];
    return this.#members(error, shown, depth);
  }

  #items(items: readonly unknown[], depth: number): unknown[] {
    const plain: unknown[] = [];
    for (let index = 0; index < items.length && this.#valuesLeft > 0; index++) {
      plain.push(this.value(items[index], depth + 1));
    }
    if (plain.length < items.length) plain.push(`[${items.length - plain.length} more]`);
    return plain;
  }

  #members(holder: object, keys: readonly string[], depth: number): Record<string, unknown> {
    // Without a prototype a key `__proto__` is a key like any other.
    const plain: Record<string, unknown> = Object.create(null);
    for (const key of keys) {
      if (this.#valuesLeft <= 0) break;
      const member = this.#member(holder, key, depth);
      if (member !== undefined) plain[safeKey(key)] = member;
    }
    return plain;
  }

  #member(holder: object, key: string, depth: number): unknown {
    try {
      const member = (holder as Record<string, unknown>)[key];
      if (member === undefined) return undefined;
      return isSecretKey(key) ? REDACTED : this.value(member, depth + 1);
    } catch {
      return "[unreadable]";
    }
  }
}

/** The logger writes keys as they are, so quotes and control characters must not reach it. */
function safeKey(key: string): string {
  return key.slice(0, KEY_LENGTH_MAX).replace(/["\\]/g, "_").replace(CONTROL, "_").replace(UNPRINTABLE, "_");
}

function visible(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
