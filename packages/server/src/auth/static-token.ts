import { createHash, timingSafeEqual } from "node:crypto";
import { PlexlineError, TOKEN_BYTES_MAX } from "@plexline/protocol";
import type { Authenticator } from "./authenticator.ts";
import type { Principal } from "./principal.ts";

/** A key of a service or an administrator, and whom it stands for. */
export interface StaticToken {
  readonly token: string;
  readonly principal: Principal;
}

const TOKEN_LENGTH_MIN = 16;

/**
 * Authenticates services and administrators by keys from the configuration. Every key is compared, in constant time and
 * by digest, so the answer's time says nothing about how much of one was right.
 *
 * @example
 * staticTokens([{ token: process.env.ADMIN_TOKEN, principal: adminPrincipal() }]);
 */
export function staticTokens(
  tokens: readonly StaticToken[],
  options: { readonly allowWeakTokens?: boolean } = {},
): Authenticator {
  const known = tokens.map(({ token, principal }) => {
    const tooShort = token.length < TOKEN_LENGTH_MIN && options.allowWeakTokens !== true;
    if (token === "" || tooShort || token.length > TOKEN_BYTES_MAX) throw weakToken();
    return { digest: digestOf(token), principal };
  });
  return {
    async authenticate({ token }) {
      if (token === undefined) throw new PlexlineError("TOKEN_MISSING");
      if (token.length > TOKEN_BYTES_MAX) throw new PlexlineError("TOKEN_INVALID");
      const digest = digestOf(token);
      const matches = known.filter((entry) => timingSafeEqual(entry.digest, digest));
      if (matches[0] === undefined) throw new PlexlineError("TOKEN_INVALID");
      return matches[0].principal;
    },
  };
}

/** The administrator that `ADMIN_TOKEN` stands for. */
export function adminPrincipal(id = "admin"): Principal {
  return Object.freeze({
    id,
    kind: "admin",
    tenant: "default",
    clearance: Number.MAX_SAFE_INTEGER,
    claims: {},
  });
}

/** A backend service of one tenant. */
export function servicePrincipal(id: string, tenant: string): Principal {
  return Object.freeze({ id, kind: "service", tenant, clearance: Number.MAX_SAFE_INTEGER, claims: {} });
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function weakToken(): PlexlineError {
  return new PlexlineError("INTERNAL", {
    message: `A service or admin token must have ${TOKEN_LENGTH_MIN} to ${TOKEN_BYTES_MAX} characters.`,
    fix: "Set it to the output of: openssl rand -base64 36",
  });
}
