import type { Principal, Scope } from "./principal.ts";
import { isObject, isPrincipalId, parsePrincipal } from "./principal-parser.ts";

/** What a ticket says. */
export interface TicketBody {
  /** Whom it stands for, with scope and end. */
  readonly principal: Principal & { readonly scope: Scope; readonly expiresAtMs: number };
  /** In milliseconds since 1970. */
  readonly issuedAtMs: number;
}

/** Most bytes of claims, as JSON, that a ticket carries: it has to fit into a URL. */
export const TICKET_CLAIMS_BYTES_MAX = 1_024;

/** What tickets allow: to receive the topic, and the commands of those who only read. */
const READING = Object.freeze(["subscribe", "call"] as const);

/** Whom a ticket for a topic stands for, and whether it has all claims of the token. */
export function ticketPrincipal(
  principal: Principal,
  topic: string,
  expiresAtMs: number,
): { readonly principal: TicketBody["principal"]; readonly hasAllClaims: boolean } {
  const claims = claimsThatFit(principal.claims);
  const scope: Scope = { topic, operations: READING };
  const narrowed = parsePrincipal({
    ...principal,
    claims: claims ?? neededClaims(principal),
    expiresAtMs,
    scope,
  });
  return { principal: narrowed as TicketBody["principal"], hasAllClaims: claims !== null };
}

/** Short names: every byte of it is a byte of a URL. */
export function encodeTicketBody({ principal, issuedAtMs }: TicketBody): Buffer {
  const { id, kind, tenant, role, clearance, name, email, claims, scope, expiresAtMs } = principal;
  const fields = { u: id, k: kind, t: tenant, r: role, c: clearance, n: name, e: email, m: claims };
  return Buffer.from(JSON.stringify({ o: scope.topic, a: issuedAtMs, x: expiresAtMs, ...fields }));
}

/** Reads what `encodeTicketBody` wrote: only after the signature was found good. Throws if it is anything else. */
export function decodeTicketBody(bytes: Uint8Array): TicketBody {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (!isObject(value)) throw new TypeError("A ticket's body is an object.");
  const { o: topic, a: issuedAtMs, x: expiresAtMs, ...fields } = value;
  if (typeof issuedAtMs !== "number" || typeof expiresAtMs !== "number")
    throw new TypeError("A ticket has a beginning and an end.");
  const { u: id, k: kind, t: tenant, r: role, c: clearance, n: name, e: email, m: claims } = fields;
  const scope = { topic, operations: READING };
  const input = { id, kind, tenant, role, clearance, name, email, claims, expiresAtMs, scope };
  return { principal: parsePrincipal(input) as TicketBody["principal"], issuedAtMs };
}

/** The claims as JSON will give them back; null when they are too large, or not JSON at all. */
function claimsThatFit(claims: Principal["claims"]): Principal["claims"] | null {
  try {
    const text = JSON.stringify(claims);
    return Buffer.byteLength(text) <= TICKET_CLAIMS_BYTES_MAX ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** What revocations go by; the policy has the principal's own fields. */
function neededClaims({ claims: { iat, jti } }: Principal): Principal["claims"] {
  return {
    ...(typeof iat === "number" ? { iat } : {}),
    ...(isPrincipalId(jti) ? { jti } : {}),
  };
}
