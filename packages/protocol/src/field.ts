import { type ErrorBody, PlexlineError } from "./error.ts";
import { type ErrorCode, isErrorCode } from "./error-code.ts";
import { TOKEN_BYTES_MAX } from "./limits.ts";
import { isWellFormed, utf8Bytes } from "./utf8.ts";

/** Takes one field from untrusted input, or throws an error that names it by its path: `publish.key`. */
export type FieldReader<T> = (value: unknown, path: string) => T;

/** Fields of an object, as they were found. */
export type Fields = Readonly<Record<string, unknown>>;

/** Throws MALFORMED_MESSAGE: `publish.key must be …`. */
export function refuseField(path: string, rule: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", { message: `${path} ${rule}.` });
}

/** Any value that is there. */
export function readPresent(value: unknown, path: string): unknown {
  return value === undefined ? refuseField(path, "is missing") : value;
}

export function readBoolean(value: unknown, path: string): boolean {
  return typeof value === "boolean" ? value : refuseField(path, "must be true or false");
}

export function readString(value: unknown, path: string): string {
  return typeof value === "string" ? value : refuseField(path, "must be a string");
}

/** An object that is no array. */
export function readObject(value: unknown, path: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  return refuseField(path, "must be an object");
}

/** Counts, offsets, refs, times: 0 to 2^53-1. */
export function readInteger(value: unknown, path: string): number {
  // Adding 0 makes the 0 of a -0.
  if (Number.isSafeInteger(value) && (value as number) >= 0) return (value as number) + 0;
  return refuseField(path, "must be an integer of 0 to 9007199254740991");
}

/** Names and keys: 1 to `lengthMax` characters of well-formed text without control characters. */
export function readText(lengthMax: number): FieldReader<string> {
  return (value, path) => {
    if (typeof value !== "string" || value.length === 0 || value.length > lengthMax) {
      return refuseField(path, `must be a string of 1 to ${lengthMax} characters`);
    }
    for (let at = 0; at < value.length; at++) {
      const unit = value.charCodeAt(at);
      if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f))
        return refuseField(path, "must not have control characters");
    }
    return isWellFormed(value) ? value : refuseField(path, "must not have lone surrogates");
  };
}

/** A token is refused by its size before anybody looks into it. */
export function readToken(value: unknown, path: string): string {
  // The length in characters is checked first: it is free, and bytes are never fewer.
  if (typeof value === "string" && value.length > 0 && value.length <= TOKEN_BYTES_MAX) {
    if (utf8Bytes(value) <= TOKEN_BYTES_MAX) return value;
  }
  return refuseField(path, `must be a string of 1 to ${TOKEN_BYTES_MAX} bytes`);
}

/** One of a few words. */
export function readWord<const W extends string>(...words: readonly W[]): FieldReader<W> {
  return (value, path) =>
    words.includes(value as W) ? (value as W) : refuseField(path, `must be one of ${words.join(", ")}`);
}

export function readArray<T>(readItem: FieldReader<T>): FieldReader<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return refuseField(path, "must be an array");
    return value.map((item: unknown, index) => readItem(item, `${path}[${index}]`));
  };
}

/** An object whose keys are free and whose values are alike. */
export function readRecord<T>(readItem: FieldReader<T>): FieldReader<Readonly<Record<string, T>>> {
  return (value, path) => {
    const record: Record<string, T> = {};
    for (const [key, item] of Object.entries(readObject(value, path))) {
      if (key === "__proto__") return refuseField(path, "must not have the key __proto__");
      record[key] = readItem(item, `${path}.${key}`);
    }
    return record;
  };
}

export function readNullable<T>(readValue: FieldReader<T>): FieldReader<T | null> {
  return (value, path) => (value === null ? null : readValue(value, path));
}

/** A field that may be absent. */
export interface OptionalField<T> {
  readonly read: FieldReader<T>;
}

/** Marks a field that may be absent. */
export function optional<T>(read: FieldReader<T>): OptionalField<T> {
  return { read };
}

/** A rule for every field of `M` but its `type`: the compiler refuses one that is forgotten, or optional where it must not be. */
export type FieldRules<M> = {
  readonly [K in Exclude<keyof M, "type">]-?: Record<never, never> extends Pick<M, K>
    ? OptionalField<Exclude<M[K], undefined>>
    : FieldReader<M[K]>;
};

/**
 * A reader of objects with known fields; others are ignored. The rules become a list once, so that reading
 * allocates nothing but the result.
 */
export function readFields<M extends object>(rules: FieldRules<M>, type?: string): FieldReader<M> {
  const entries = Object.entries<FieldReader<unknown> | OptionalField<unknown>>(rules).map(
    ([name, rule]) => ({
      name,
      suffix: `.${name}`,
      // Messages have a fixed path, which need not be put together each time.
      path: type === undefined ? undefined : `${type}.${name}`,
      read: typeof rule === "function" ? rule : rule.read,
      optional: typeof rule !== "function",
    }),
  );
  return (value, path) => {
    const fields = readObject(value, path);
    const result: Record<string, unknown> = type === undefined ? {} : { type };
    for (const entry of entries) {
      const field = fields[entry.name];
      if (field === undefined && entry.optional) continue;
      result[entry.name] = entry.read(field, entry.path ?? path + entry.suffix);
    }
    return result as M;
  };
}

/** Codes of newer versions than ours count as INTERNAL, so that they still have advice. */
function readErrorCode(value: unknown, path: string): ErrorCode {
  const code = readString(value, path);
  return isErrorCode(code) ? code : "INTERNAL";
}

/** `error` of replies and messages. */
export const readErrorBody: FieldReader<ErrorBody> = readFields<ErrorBody>({
  code: readErrorCode,
  message: readString,
  fix: readString,
  retryAfterMs: optional(readInteger),
});
