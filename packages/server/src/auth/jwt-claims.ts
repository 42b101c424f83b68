import { PlexlineError } from "@plexline/protocol";
import type { Principal } from "./principal.ts";
import {
  isPrincipalId,
  parseClearance,
  parseLabel,
  parseRole,
  parseTenantClaim,
} from "./principal-parser.ts";

type Claims = Readonly<Record<string, unknown>>;

/** What is asked of a token's claims once its signature is known to be good. */
export interface ClaimRules {
  /** The token must be meant for one of these. */
  readonly audiences?: readonly string[];
  /** The only tenant that this issuer may speak for. */
  readonly tenant?: string;
  readonly requireExpiry: boolean;
  /** How far apart the clocks of issuer and server may be, in milliseconds. */
  readonly leewayMs: number;
}

/**
 * Turns the claims of a verified token into a user: `sub` or `userId`, `firmId` or `tenant`, `role`, `clearanceLevel`,
 * `email`, `name`, `exp`. Throws TOKEN_INVALID or TOKEN_EXPIRED.
 */
export function principalFromClaims(claims: Claims, rules: ClaimRules, nowMs: number): Principal {
  checkNotBefore(claims, rules, nowMs);
  checkAudience(claims, rules);
  const expiresAtMs = parseExpiry(claims, rules, nowMs);
  const id = claims.sub ?? claims.userId;
  if (!isPrincipalId(id))
    throw refusal("The token needs sub or userId, a string of 1 to 128 printable characters.");
  return Object.freeze({
    id,
    kind: "user",
    tenant: tenantOf(claims, rules),
    clearance: parseClearance(claims.clearanceLevel),
    ...parseRole(claims.role),
    ...parseLabel("name", claims.name),
    ...parseLabel("email", claims.email),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    claims,
  });
}

function tenantOf(claims: Claims, rules: ClaimRules): string {
  const named = claims.firmId ?? claims.tenant;
  if (claims.tenant !== undefined && claims.tenant !== null && claims.tenant !== named) {
    throw refusal("The token's firmId and tenant name different tenants.");
  }
  if (rules.tenant === undefined) return parseTenantClaim(named);
  if (named !== undefined && named !== null && named !== rules.tenant) {
    throw refusal("The token's issuer may not speak for this tenant.");
  }
  return rules.tenant;
}

function parseExpiry(claims: Claims, rules: ClaimRules, nowMs: number): number | undefined {
  const endMs = parseTime(claims, "exp");
  if (endMs === undefined) {
    if (rules.requireExpiry) throw refusal("The token never expires; exp is required.");
    return undefined;
  }
  if (nowMs < endMs) return endMs;
  // Only a clock that disagrees brings a token here that is accepted: its authority then ends with the leeway.
  if (nowMs < endMs + rules.leewayMs) return endMs + rules.leewayMs;
  throw new PlexlineError("TOKEN_EXPIRED");
}

function checkNotBefore(claims: Claims, rules: ClaimRules, nowMs: number): void {
  const startMs = parseTime(claims, "nbf");
  if (startMs !== undefined && nowMs + rules.leewayMs < startMs) throw refusal("The token is not valid yet.");
}

function checkAudience(claims: Claims, rules: ClaimRules): void {
  if (rules.audiences === undefined) return;
  const given: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!rules.audiences.some((audience) => given.includes(audience))) {
    throw refusal("The token is meant for another audience.");
  }
}

function parseTime(claims: Claims, name: "exp" | "nbf"): number | undefined {
  const seconds = claims[name];
  if (seconds === undefined) return undefined;
  if (typeof seconds !== "number" || !Number.isSafeInteger(Math.trunc(seconds * 1000))) {
    throw refusal(`The token's ${name} must be a number of seconds since 1970.`);
  }
  return Math.trunc(seconds * 1000);
}

function refusal(message: string): PlexlineError {
  return new PlexlineError("TOKEN_INVALID", { message });
}
