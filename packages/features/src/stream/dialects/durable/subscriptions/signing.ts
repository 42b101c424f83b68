import { encodeBase64Url } from "../../../../encoding/base64.ts";

/** The public half of the key that webhooks are signed with, as a JWK. */
export interface PublicKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly kid: string;
  readonly use: "sig";
  readonly alg: "EdDSA";
  readonly x: string;
}

/** Signs webhooks. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The value of `Webhook-Signature` for a body [DS30]. */
  sign(body: string, nowMs: number): Promise<string>;
}

const ALGORITHM = "Ed25519";
const KID_LENGTH = 22;
const encoder = new TextEncoder();

/** Makes a signer with this private key, as a JWK, or with a new one. */
export async function createSigner(privateKey?: JsonWebKey): Promise<Signer> {
  const jwk = privateKey ?? (await newKey());
  const key = await crypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["sign"]);
  const x = jwk.x ?? "";
  // The thumbprint of RFC 7638: the members that make the key, in this order.
  const thumbprint = JSON.stringify({ crv: ALGORITHM, kty: "OKP", x });
  const kid = `ds_${(await sha256(thumbprint)).slice(0, KID_LENGTH)}`;
  return {
    publicKey: { kty: "OKP", crv: ALGORITHM, kid, use: "sig", alg: "EdDSA", x },
    async sign(body, nowMs) {
      const seconds = Math.floor(nowMs / 1_000);
      const signature = await crypto.subtle.sign(ALGORITHM, key, encoder.encode(`${seconds}.${body}`));
      return `t=${seconds},kid=${kid},ed25519=${encodeBase64Url(new Uint8Array(signature))}`;
    },
  };
}

/** SHA-256 of a text, as base64url. */
export async function sha256(text: string): Promise<string> {
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))));
}

/** A secret of 256 bits. */
export function newSecret(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

async function newKey(): Promise<JsonWebKey> {
  const pair = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
  return crypto.subtle.exportKey("jwk", pair.privateKey);
}
