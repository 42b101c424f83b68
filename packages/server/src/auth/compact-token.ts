import { PlexlineError, TOKEN_BYTES_MAX } from "@plexline/protocol";
import { isObject } from "./principal-parser.ts";
import { ALGORITHMS, type Algorithm } from "./verification-key.ts";

/** A JSON Web Token taken apart. Nothing in it is true before its signature has been verified. */
export interface CompactToken {
  readonly text: string;
  readonly algorithm: Algorithm;
  readonly kid?: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What was signed: header and claims as they travel. */
  readonly signingInput: string;
  readonly signature: Buffer;
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const KID_LENGTH_MAX = 256;
/** Headers that bring a key or ask for an extension: whoever signs does not choose how the token is verified. */
const FORBIDDEN_HEADERS = ["jku", "x5u", "jwk", "crit"];
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Parses the three parts of a token. Throws TOKEN_INVALID for anything larger than `TOKEN_BYTES_MAX` (unread), for an
 * algorithm outside the closed list (so for `none` in any spelling), and for headers that name or carry keys.
 */
export function parseCompactToken(text: string): CompactToken {
  if (text.length > TOKEN_BYTES_MAX) throw refusal("The token is larger than 8 KiB.");
  const parts = text.split(".", 4);
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw refusal("The token is not a signed JSON Web Token.");
  }
  const { alg, kid, ...others } = decodeJson(header);
  if (!isAlgorithm(alg)) throw refusal("The token's algorithm is not accepted here.");
  if (kid !== undefined && (typeof kid !== "string" || kid.length > KID_LENGTH_MAX)) {
    throw refusal("The token's key id must be a short string.");
  }
  if (FORBIDDEN_HEADERS.some((name) => Object.hasOwn(others, name))) {
    throw refusal("The token's header must not carry jku, x5u, jwk or crit.");
  }
  return {
    text,
    algorithm: alg,
    ...(kid === undefined ? {} : { kid }),
    claims: Object.freeze(decodeJson(payload)),
    signingInput: `${header}.${payload}`,
    signature: decodeBytes(signature),
  };
}

function isAlgorithm(value: unknown): value is Algorithm {
  return typeof value === "string" && (ALGORITHMS as readonly string[]).includes(value);
}

function decodeBytes(part: string): Buffer {
  if (!BASE64URL.test(part)) throw refusal("The token is not base64url.");
  return Buffer.from(part, "base64url");
}

function decodeJson(part: string): Record<string, unknown> {
  const bytes = decodeBytes(part);
  let value: unknown;
  try {
    value = JSON.parse(strictUtf8.decode(bytes));
  } catch {
    throw refusal("The token does not contain JSON.");
  }
  if (!isObject(value)) throw refusal("The token's parts must be JSON objects.");
  return value;
}

function refusal(message: string): PlexlineError {
  return new PlexlineError("TOKEN_INVALID", { message });
}
