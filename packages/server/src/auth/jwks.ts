import type { JsonWebKey } from "node:crypto";
import { PlexlineError } from "@plexline/protocol";
import { type Clock, systemClock } from "../platform/clock.ts";
import { type Logger, silentLogger } from "../telemetry/log.ts";
import { fetchJson } from "./fetch-json.ts";
import { isObject } from "./principal-parser.ts";
import {
  type KeySource,
  type PublicAlgorithm,
  publicKey,
  selectKeys,
  type VerificationKey,
} from "./verification-key.ts";

/** A key set that an identity provider publishes at a URL. */
export interface JwksOptions {
  /** The operator's URL; the only one that is ever asked. */
  readonly jwksUrl: string;
  /** Algorithms accepted from it. Default: RS256, ES256 and EdDSA. */
  readonly algorithms?: readonly PublicAlgorithm[];
  /** How long keys count before they are asked for again, in milliseconds; a removed key ends then. Default 10 minutes. */
  readonly ageMaxMs?: number;
  /** Shortest time between two requests caused by unknown key ids or failures. Default 30 s. */
  readonly cooldownMs?: number;
  /** How long known keys go on counting while the server cannot be reached. Default 24 hours. */
  readonly staleMaxMs?: number;
  /** Longest wait for an answer. Default 5 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}

const KEYS_MAX = 32;
const RESPONSE_BYTES_MAX = 1_000_000;
/** With no key at all nobody gets in, so the next request is not put off for long. */
const FIRST_RETRY_MS = 1_000;

/** Keys by URL: fetched when first needed, kept, fetched again when old or when a token names an unknown key. */
export function jwks(options: JwksOptions): KeySource {
  const { ageMaxMs = 600_000, cooldownMs = 30_000, staleMaxMs = 86_400_000, timeoutMs = 5_000 } = options;
  const { clock = systemClock, log = silentLogger, algorithms = ["RS256", "ES256", "EdDSA"] } = options;
  const url = parseUrl(options.jwksUrl);
  let keys: readonly VerificationKey[] | undefined;
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let attemptedAtMs = Number.NEGATIVE_INFINITY;
  let inFlight: Promise<void> | undefined;

  const ageMs = () => clock.monotonicMs() - fetchedAtMs;
  const mayFetch = () => {
    const waitMs = keys === undefined ? Math.min(FIRST_RETRY_MS, cooldownMs) : cooldownMs;
    return inFlight !== undefined || clock.monotonicMs() - attemptedAtMs >= waitMs;
  };

  async function fetchKeys(): Promise<void> {
    attemptedAtMs = clock.monotonicMs();
    try {
      keys = parseKeySet(
        await fetchJson(url, { timeoutMs, bytesMax: RESPONSE_BYTES_MAX, clock }),
        algorithms,
      );
      fetchedAtMs = clock.monotonicMs();
    } catch (error) {
      log.warn({ action: "auth.jwks", host: url.host, error }, "The key set could not be fetched.");
    } finally {
      inFlight = undefined;
    }
  }

  function refresh(): Promise<void> {
    inFlight ??= fetchKeys();
    return inFlight;
  }

  return {
    async find(algorithm, kid) {
      if (ageMs() >= ageMaxMs && mayFetch()) await refresh();
      if (ageMs() >= staleMaxMs) keys = undefined;
      const found = selectKeys(keys ?? [], algorithm, kid);
      if (found.length > 0) return found;
      if (keys !== undefined && kid !== undefined && mayFetch()) await refresh();
      if (keys === undefined) throw unavailable();
      return selectKeys(keys, algorithm, kid);
    },
  };
}

/** Reads a key set; keys for other purposes, of other algorithms or unreadable ones are passed over. */
function parseKeySet(value: unknown, algorithms: readonly PublicAlgorithm[]): readonly VerificationKey[] {
  const list = isObject(value) ? value.keys : undefined;
  if (!Array.isArray(list)) throw new TypeError("The answer is not a key set.");
  return list.slice(0, KEYS_MAX).flatMap((entry: unknown) => {
    const key = parseKey(entry, algorithms);
    return key === undefined ? [] : [key];
  });
}

function parseKey(value: unknown, algorithms: readonly PublicAlgorithm[]): VerificationKey | undefined {
  if (!isObject(value) || (value.use !== undefined && value.use !== "sig")) return undefined;
  const algorithm = algorithmOf(value);
  if (algorithm === undefined || !algorithms.includes(algorithm)) return undefined;
  try {
    const kid = typeof value.kid === "string" ? { kid: value.kid } : {};
    return publicKey({ ...kid, key: value as JsonWebKey, algorithm });
  } catch {
    return undefined;
  }
}

function algorithmOf(key: Record<string, unknown>): PublicAlgorithm | undefined {
  const algorithm =
    key.kty === "RSA" ? "RS256" : key.kty === "EC" ? "ES256" : key.kty === "OKP" ? "EdDSA" : undefined;
  return key.alg === undefined || key.alg === algorithm ? algorithm : undefined;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !["https:", "http:"].includes(url.protocol) ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw new PlexlineError("INTERNAL", {
      message: "The key set's URL is not a plain http or https URL.",
      fix: "Set JWKS_URL to the address that your identity provider documents.",
    });
  }
  return url;
}

function unavailable(): PlexlineError {
  return new PlexlineError("TOKEN_INVALID", {
    message: "The token could not be checked: the server has no keys.",
    fix: "On the server, check that JWKS_URL can be reached, and see the log.",
  });
}
