import { PlexlineError } from "@plexline/protocol";
import { type Clock, systemClock } from "../platform/clock.ts";
import type { Authenticator } from "./authenticator.ts";
import { type CompactToken, parseCompactToken } from "./compact-token.ts";
import { type JwksOptions, jwks } from "./jwks.ts";
import { type ClaimRules, principalFromClaims } from "./jwt-claims.ts";
import { isTenant } from "./principal-parser.ts";
import {
  fixedKeys,
  type KeySource,
  type PublicKeyOptions,
  publicKey,
  secretKey,
} from "./verification-key.ts";

/** What tokens are signed with: a shared secret (HS256), public keys, or a key set by URL. */
export type JwtKeys =
  | { readonly secret: string | Uint8Array }
  | { readonly publicKeys: readonly PublicKeyOptions[] }
  | JwksOptions;

/** What an issuer's tokens must say. */
export interface JwtScope {
  /** The one value of `iss` that is accepted. */
  readonly issuer?: string;
  /** The token's `aud` must contain one of these. */
  readonly audience?: string | readonly string[];
  /** The only tenant the issuer may speak for. Without it, it may name any. */
  readonly tenant?: string;
}

/** One issuer among several: its keys verify tokens with its own `iss` and no others. */
export type JwtIssuer = JwtKeys & JwtScope & { readonly issuer: string };

export type JwtOptions = ((JwtKeys & JwtScope) | { readonly issuers: readonly JwtIssuer[] }) & {
  /** Refuse tokens without `exp`. Default true. */
  readonly requireExpiry?: boolean;
  /** How far apart the clocks of issuer and server may be, in milliseconds. Default 5,000. */
  readonly leewayMs?: number;
  /** Accept secrets below 32 bytes: for tests and local development only. */
  readonly allowWeakSecret?: boolean;
  readonly clock?: Clock;
};

interface Trust {
  readonly issuer: string | undefined;
  readonly keys: KeySource;
  readonly rules: ClaimRules;
}

const PUBLIC_KEYS_MAX = 32;

/**
 * Authenticates by JSON Web Token. The configured keys decide which algorithms count: each key has one, and a token of
 * any other is refused. Throws at construction, with a fix, for weak secrets and keys that do not fit.
 *
 * @example
 * jwt({ secret: process.env.JWT_SECRET });
 * jwt({ jwksUrl: "https://id.example.com/.well-known/jwks.json", issuer: "https://id.example.com", audience: "plexline" });
 * jwt({ issuers: [{ issuer: "acme", tenant: "acme", publicKeys: [{ key: pem, algorithm: "ES256" }] }] });
 */
export function jwt(options: JwtOptions): Authenticator {
  const { clock = systemClock } = options;
  const sources = "issuers" in options ? options.issuers : [options];
  const trusts = sources.map((source) => createTrust(source, options));
  const names = new Set(trusts.map((trust) => trust.issuer));
  const nameless = "issuers" in options && (names.has(undefined) || names.has(""));
  if (trusts.length === 0 || nameless || names.size < trusts.length) {
    throw misconfigured("Issuers must be named, once each.", "Give every entry of issuers its own issuer.");
  }
  return {
    async authenticate({ token: text }) {
      if (text === undefined) throw new PlexlineError("TOKEN_MISSING");
      const token = parseCompactToken(text);
      const trust = findTrust(trusts, token);
      await verifySignature(token, trust.keys);
      return principalFromClaims(token.claims, trust.rules, clock.nowMs());
    },
  };
}

function createTrust(source: JwtKeys & JwtScope, options: JwtOptions): Trust {
  const { issuer, audience, tenant } = source;
  if (tenant !== undefined && !isTenant(tenant)) {
    throw misconfigured("An issuer's tenant is not a valid name.", "Use 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  const rules: ClaimRules = {
    requireExpiry: options.requireExpiry ?? true,
    leewayMs: options.leewayMs ?? 5_000,
    ...(audience === undefined ? {} : { audiences: typeof audience === "string" ? [audience] : audience }),
    ...(tenant === undefined ? {} : { tenant }),
  };
  return { issuer, keys: createKeys(source, options), rules };
}

function createKeys(source: JwtKeys, options: JwtOptions): KeySource {
  const { allowWeakSecret = false, clock = systemClock } = options;
  if ("secret" in source) return fixedKeys([secretKey(source.secret, { allowWeakSecret })]);
  if ("jwksUrl" in source) return jwks({ clock, ...source });
  if (source.publicKeys.length === 0 || source.publicKeys.length > PUBLIC_KEYS_MAX) {
    throw misconfigured(
      `There must be 1 to ${PUBLIC_KEYS_MAX} public keys.`,
      "List the issuer's current keys.",
    );
  }
  return fixedKeys(source.publicKeys.map(publicKey));
}

/** The `iss` claim is not verified yet: it only chooses whose keys the signature is then held against. */
function findTrust(trusts: readonly Trust[], token: CompactToken): Trust {
  const trust = trusts.find(({ issuer }) => issuer === undefined || issuer === token.claims.iss);
  if (trust === undefined)
    throw new PlexlineError("TOKEN_INVALID", { message: "The token's issuer is not known here." });
  return trust;
}

async function verifySignature(token: CompactToken, source: KeySource): Promise<void> {
  for (const key of await source.find(token.algorithm, token.kid)) {
    if (await key.verify(token)) return;
  }
  throw new PlexlineError("TOKEN_INVALID", {
    message: "The token's signature is not good for any key of its issuer.",
  });
}

function misconfigured(message: string, fix: string): PlexlineError {
  return new PlexlineError("INTERNAL", { message, fix });
}
