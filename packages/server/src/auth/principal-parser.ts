import { PlexlineError } from "@plexline/protocol";
import type { Operation } from "./operation.ts";
import { DEFAULT_TENANT, type Principal, type Scope } from "./principal.ts";

/** Longest principal id, in characters. */
export const PRINCIPAL_ID_LENGTH_MAX = 128;
const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;
const ROLE_LENGTH_MAX = 64;
const LABEL_LENGTH_MAX = 256;
// Control characters, line separators and lone surrogates: they forge log lines and make two ids look like one.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;
const OPERATIONS: readonly unknown[] = ["subscribe", "publish", "call", "presence"] satisfies Operation[];
const KINDS: readonly unknown[] = ["user", "service", "admin"] satisfies Principal["kind"][];

/** Whether `value` can name a principal: 1 to 128 printable characters. */
export function isPrincipalId(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value !== "" &&
    value.length <= PRINCIPAL_ID_LENGTH_MAX &&
    !UNPRINTABLE.test(value)
  );
}

/** Whether `value` can name a tenant: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
export function isTenant(value: unknown): value is string {
  return typeof value === "string" && TENANT.test(value);
}

/**
 * Turns what an application's own code returned into a principal. `id` is required; without more it is a user of the
 * tenant `default` with clearance 0. Throws TOKEN_INVALID, naming the field.
 *
 * @example
 * parsePrincipal({ id: "ada", role: "EDITOR" }); // { id: "ada", kind: "user", tenant: "default", role: "editor", … }
 */
export function parsePrincipal(value: unknown): Principal {
  if (!isObject(value)) throw refusal("The principal must be an object.");
  const { id, kind = "user", claims = {}, expiresAtMs } = value;
  if (!isPrincipalId(id))
    throw refusal("The principal's id must be a string of 1 to 128 printable characters.");
  if (!KINDS.includes(kind)) throw refusal("The principal's kind must be user, service or admin.");
  if (!isObject(claims)) throw refusal("The principal's claims must be an object.");
  if (expiresAtMs !== undefined && !isFiniteNumber(expiresAtMs)) {
    throw refusal("The principal's expiresAtMs must be a number.");
  }
  return Object.freeze({
    id,
    kind: kind as Principal["kind"],
    tenant: parseTenantClaim(value.tenant),
    clearance: parseClearance(value.clearance),
    ...parseRole(value.role),
    ...parseLabel("name", value.name),
    ...parseLabel("email", value.email),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...parseScope(value.scope),
    claims: Object.freeze(claims),
  });
}

/** The tenant a token or a function names; none at all means `default`. Throws TOKEN_INVALID. */
export function parseTenantClaim(value: unknown): string {
  if (value === undefined || value === null) return DEFAULT_TENANT;
  if (!isTenant(value)) throw refusal("The tenant must be 1 to 64 of the characters A-Z a-z 0-9 _ . -");
  return value;
}

/** A clearance level; none means 0. Throws TOKEN_INVALID. */
export function parseClearance(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (!isFiniteNumber(value)) throw refusal("The clearance level must be a number.");
  return value;
}

/** The role in lower case, as a spreadable part; none stays none. Throws TOKEN_INVALID. */
export function parseRole(value: unknown): { role?: string } {
  if (value === undefined || value === null || value === "") return {};
  if (typeof value !== "string" || value.length > ROLE_LENGTH_MAX || UNPRINTABLE.test(value)) {
    throw refusal("The role must be a string of at most 64 printable characters.");
  }
  return { role: value.toLowerCase() };
}

/** A name or email as a spreadable part. They decide nothing, so an unusable one is left out instead of refused. */
export function parseLabel<K extends "name" | "email">(key: K, value: unknown): { [P in K]?: string } {
  if (typeof value !== "string" || value === "" || value.length > LABEL_LENGTH_MAX || UNPRINTABLE.test(value))
    return {};
  return { [key]: value } as { [P in K]?: string };
}

/** A scope as a spreadable part; none stays none, and anything that is no scope is refused: it was to narrow something. */
function parseScope(value: unknown): { scope?: Scope } {
  if (value === undefined) return {};
  const { topic, operations } = isObject(value) ? value : {};
  const isScope =
    typeof topic === "string" &&
    Array.isArray(operations) &&
    operations.every((operation) => OPERATIONS.includes(operation));
  if (!isScope) throw refusal("The principal's scope must name a topic and operations.");
  return { scope: Object.freeze({ topic, operations: Object.freeze([...operations]) }) };
}

/** A plain JSON object, as opposed to an array, null or a scalar. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function refusal(message: string): PlexlineError {
  return new PlexlineError("TOKEN_INVALID", {
    message,
    fix: "Issue a token with the claims that the server expects.",
  });
}
