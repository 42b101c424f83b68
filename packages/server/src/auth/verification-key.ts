import type { JsonWebKey } from "node:crypto";
import { createHmac, createPublicKey, createSecretKey, KeyObject, timingSafeEqual } from "node:crypto";
import { PlexlineError } from "@plexline/protocol";
import { compactVerify } from "jose";
import type { CompactToken } from "./compact-token.ts";

/** The signature algorithms there are; `none` is not among them and cannot be configured. */
export const ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
/** Algorithms whose verification key is public. */
export type PublicAlgorithm = Exclude<Algorithm, "HS256">;

/** One key with the one algorithm it is good for. */
export interface VerificationKey {
  readonly algorithm: Algorithm;
  readonly kid?: string;
  verify(token: CompactToken): boolean | Promise<boolean>;
}

/** Where keys are found. A `kid` only selects among keys that are trusted already; it never leads anywhere. */
export interface KeySource {
  find(
    algorithm: Algorithm,
    kid: string | undefined,
  ): readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
}

/** A public key of an issuer: PEM (SPKI or certificate), a JWK, or node's own object. */
export interface PublicKeyOptions {
  /** Key id, for tokens that name one. A key without one is tried for every token of its algorithm. */
  readonly kid?: string;
  readonly key: string | JsonWebKey | KeyObject;
  readonly algorithm: PublicAlgorithm;
}

/** Shortest secret for HS256, in bytes: the size of its digest (RFC 7518 §3.2). */
export const SECRET_BYTES_MIN = 32;
const RSA_BITS_MIN = 2048;

/** Makes a key of a shared secret. Refuses an empty one, a PEM, and one below 32 bytes unless `allowWeakSecret`. */
export function secretKey(
  secret: string | Uint8Array,
  options: { allowWeakSecret?: boolean } = {},
): VerificationKey {
  const bytes = Buffer.from(secret);
  if (bytes.includes("-----BEGIN")) {
    throw misconfigured(
      "A PEM key was given as the secret.",
      "Pass it under publicKeys, with its algorithm.",
    );
  }
  if (bytes.length === 0 || (bytes.length < SECRET_BYTES_MIN && options.allowWeakSecret !== true)) {
    throw misconfigured(
      `The token secret is shorter than ${SECRET_BYTES_MIN} bytes.`,
      "Set JWT_SECRET to the output of: openssl rand -base64 48",
    );
  }
  const key = createSecretKey(bytes);
  return {
    algorithm: "HS256",
    verify(token) {
      const expected = createHmac("sha256", key).update(token.signingInput).digest();
      return token.signature.length === expected.length && timingSafeEqual(token.signature, expected);
    },
  };
}

/** Makes a verification key of a public key. Refuses a private one, and one that does not fit its algorithm. */
export function publicKey(options: PublicKeyOptions): VerificationKey {
  const { algorithm, kid } = options;
  const key = importPublicKey(options.key);
  if (!fits(key, algorithm)) {
    throw misconfigured(
      "The public key does not fit its algorithm.",
      "Use RSA of 2048 bits or more for RS256, P-256 for ES256, Ed25519 for EdDSA.",
    );
  }
  return {
    algorithm,
    ...(kid === undefined ? {} : { kid }),
    async verify(token) {
      try {
        await compactVerify(token.text, key, { algorithms: [algorithm] });
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** The keys of a configuration: they change with it only. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  return { find: (algorithm, kid) => selectKeys(keys, algorithm, kid) };
}

/** The keys a token may have been signed with. */
export function selectKeys(
  keys: readonly VerificationKey[],
  algorithm: Algorithm,
  kid: string | undefined,
): readonly VerificationKey[] {
  return keys.filter(
    (key) => key.algorithm === algorithm && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
}

function importPublicKey(key: PublicKeyOptions["key"]): KeyObject {
  const isPrivate =
    key instanceof KeyObject
      ? key.type !== "public"
      : typeof key === "string"
        ? key.includes("PRIVATE KEY")
        : key.d !== undefined || key.kty === "oct";
  if (isPrivate) {
    throw misconfigured("A private or secret key was given as a public key.", "Pass the public half only.");
  }
  if (key instanceof KeyObject) return key;
  try {
    return typeof key === "string" ? createPublicKey(key) : createPublicKey({ key, format: "jwk" });
  } catch (cause) {
    throw misconfigured("The public key could not be read.", "Pass SPKI as PEM, or a JWK.", cause);
  }
}

function fits(key: KeyObject, algorithm: PublicAlgorithm): boolean {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (algorithm === "RS256") return key.asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS_MIN;
  if (algorithm === "ES256") return key.asymmetricKeyType === "ec" && namedCurve === "prime256v1";
  return algorithm === "EdDSA" && key.asymmetricKeyType === "ed25519";
}

function misconfigured(message: string, fix: string, cause?: unknown): PlexlineError {
  return new PlexlineError("INTERNAL", { message, fix, cause });
}
