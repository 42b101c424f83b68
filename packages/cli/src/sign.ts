import { createHmac } from "node:crypto";

/** Claims of a development token; DESIGN names the same for production ones. */
export interface TokenClaims {
  readonly sub: string;
  readonly name?: string;
  readonly tenant?: string;
  readonly role?: string;
  /** Seconds since 1970. */
  readonly exp: number;
}

/** Signs a JSON Web Token with HS256 (RFC 7515, RFC 7518 §3.2). */
export function signToken(claims: TokenClaims, secret: string, nowMs = Date.now()): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ iat: Math.floor(nowMs / 1000), ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

/** `90`, `15m`, `12h` or `7d` as seconds; undefined for anything else. */
export function parseDurationSeconds(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text.trim());
  if (!match) return undefined;
  const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 };
  return Number(match[1]) * (units[match[2] ?? ""] ?? 1);
}
