import { createHmac, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createTestClock } from "@plexline/testing";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import type { Authenticator } from "./authenticator.ts";
import { type JwtOptions, jwt } from "./jwt.ts";
import { DEFAULT_TENANT } from "./principal.ts";

const clock = createTestClock();
const nowS = clock.nowMs() / 1000;
const secret = "a secret of thirty-two bytes or more";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const rsaPem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
const request = {
  method: "GET",
  path: "/ws",
  query: new URLSearchParams(),
  headers: {},
  subprotocols: [],
  remoteAddress: "127.0.0.1",
  params: {},
};
const claims = { sub: "ada", exp: nowS + 60 };

function accept(authenticator: Authenticator, token: string) {
  return authenticator.authenticate({ token, source: "message", request });
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A token that is right but for what the test makes wrong. */
function hmacToken(body: object, header: object = { alg: "HS256" }, key: string | Buffer = secret): string {
  const input = `${part(header)}.${part(body)}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
}

function signed(
  alg: string,
  key: Parameters<SignJWT["sign"]>[0],
  body: Record<string, unknown> = claims,
  kid?: string,
) {
  return new SignJWT(body).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(key);
}

const hs = jwt({ secret, clock });
const refused = { code: "TOKEN_INVALID" };

describe("claims", () => {
  test("a token becomes a user with everything it says", async () => {
    const body = {
      userId: "ada",
      firmId: "acme",
      role: "OWNER",
      clearanceLevel: 3,
      email: "ada@example.com",
      name: "Ada",
      exp: nowS + 60,
      team: 7,
    };
    expect(await accept(hs, hmacToken(body))).toEqual({
      id: "ada",
      kind: "user",
      tenant: "acme",
      role: "owner",
      clearance: 3,
      email: "ada@example.com",
      name: "Ada",
      expiresAtMs: (nowS + 60) * 1000,
      claims: body,
    });
  });

  test("a token that names no tenant belongs to the default one, with clearance 0 and no role", async () => {
    const principal = await accept(hs, hmacToken({ ...claims, firmId: null }));
    expect(principal).toMatchObject({ tenant: DEFAULT_TENANT, clearance: 0 });
    expect(principal).not.toHaveProperty("role");
  });

  test("a token cannot make a service or an administrator", async () => {
    const body = { ...claims, kind: "admin", role: "admin" };
    expect(await accept(hs, hmacToken(body))).toMatchObject({ kind: "user", role: "admin" });
  });

  test.each([
    ["no subject", { sub: undefined }],
    ["an empty subject", { sub: "" }],
    ["a number as subject", { sub: 7 }],
    ["a subject with a line feed", { sub: "ada\nroot" }],
    ["a subject with a lone surrogate", { sub: "ada\ud800" }],
    ["a subject of 129 characters", { sub: "a".repeat(129) }],
    ["a tenant with a slash", { tenant: "acme/other" }],
    ["a tenant with a wildcard", { firmId: "*" }],
    ["an empty tenant", { tenant: "" }],
    ["a tenant of 65 characters", { tenant: "a".repeat(65) }],
    ["two tenants", { firmId: "acme", tenant: "other" }],
    ["a list of roles", { role: ["owner"] }],
    ["a clearance that is text", { clearanceLevel: "9" }],
  ])("%s is refused", async (_what, change) => {
    await expect(accept(hs, hmacToken({ ...claims, ...change }))).rejects.toMatchObject(refused);
  });
});

describe("time", () => {
  test("an expired token is told apart from a bad one", async () => {
    await expect(accept(hs, hmacToken({ ...claims, exp: nowS - 6 }))).rejects.toMatchObject({
      code: "TOKEN_EXPIRED",
    });
  });

  test("within the leeway an expired token counts, and its authority ends with the leeway", async () => {
    const principal = await accept(hs, hmacToken({ ...claims, exp: nowS - 3 }));
    expect(principal.expiresAtMs).toBe((nowS + 2) * 1000);
  });

  test("a token that is not valid yet is refused beyond the leeway only", async () => {
    await expect(accept(hs, hmacToken({ ...claims, nbf: nowS + 6 }))).rejects.toMatchObject(refused);
    expect(await accept(hs, hmacToken({ ...claims, nbf: nowS + 4 }))).toMatchObject({ id: "ada" });
  });

  test.each([undefined, null, "2099", 1e300])("exp %s is refused", async (exp) => {
    await expect(accept(hs, hmacToken({ sub: "ada", exp }))).rejects.toMatchObject(refused);
  });

  test("a token without exp counts where the configuration says so", async () => {
    const lasting = jwt({ secret, clock, requireExpiry: false });
    expect(await accept(lasting, hmacToken({ sub: "ada" }))).not.toHaveProperty("expiresAtMs");
  });
});

describe("keys and algorithms", () => {
  const pinned = jwt({
    clock,
    publicKeys: [
      { kid: "rsa", key: rsaPem, algorithm: "RS256" },
      { kid: "ec", key: ec.publicKey, algorithm: "ES256" },
      { key: ed.publicKey.export({ format: "jwk" }), algorithm: "EdDSA" },
    ],
  });

  test.each([
    ["RS256", rsa.privateKey, "rsa"],
    ["ES256", ec.privateKey, "ec"],
    ["EdDSA", ed.privateKey, "any"],
    ["RS256", rsa.privateKey, undefined],
  ])("%s verifies with its public key", async (alg, key, kid) => {
    expect(await accept(pinned, await signed(alg, key, claims, kid))).toMatchObject({ id: "ada" });
  });

  test("a token is refused when its key id names another key", async () => {
    await expect(accept(pinned, await signed("RS256", rsa.privateKey, claims, "ec"))).rejects.toMatchObject(
      refused,
    );
  });

  test("an algorithm that no configured key has is refused", async () => {
    await expect(accept(hs, await signed("RS256", rsa.privateKey))).rejects.toMatchObject(refused);
    await expect(accept(pinned, await signed("RS512", rsa.privateKey))).rejects.toMatchObject(refused);
    await expect(accept(pinned, await signed("PS256", rsa.privateKey))).rejects.toMatchObject(refused);
  });

  test.each([rsaPem, ` ${rsaPem}`, rsaPem.trim(), rsa.publicKey.export({ type: "spki", format: "der" })])(
    "a public key used as an HMAC secret is refused",
    async (key) => {
      await expect(
        accept(pinned, hmacToken(claims, { alg: "HS256", kid: "rsa" }, key)),
      ).rejects.toMatchObject(refused);
    },
  );

  test("an empty key signs nothing", async () => {
    await expect(accept(hs, hmacToken(claims, { alg: "HS256" }, ""))).rejects.toMatchObject(refused);
  });

  test.each([
    ["an empty secret", { secret: "", allowWeakSecret: true }],
    ["a short secret", { secret: "x".repeat(31) }],
    ["a public key as the secret", { secret: rsaPem }],
    ["a public key with spaces before it as the secret", { secret: `  ${rsaPem}` }],
    ["no public keys", { publicKeys: [] }],
    ["a key of another kind", { publicKeys: [{ key: ec.publicKey, algorithm: "RS256" }] }],
    ["HS256 with a public key", { publicKeys: [{ key: rsaPem, algorithm: "HS256" }] }],
    ["a private key", { publicKeys: [{ key: ec.privateKey, algorithm: "ES256" }] }],
    ["a nameless issuer", { issuers: [{ secret }] }],
    ["no issuers", { issuers: [] }],
    ["an issuer named twice", { issuers: [1, 2].map(() => ({ issuer: "a", secret })) }],
    ["a key set that is no http address", { jwksUrl: "file:///etc/passwd" }],
  ])("%s is refused at construction, with a fix", (_what, options) => {
    expect(() => jwt(options as JwtOptions)).toThrow(
      expect.objectContaining({ fix: expect.stringMatching(/./) }),
    );
  });

  test("a weak secret counts where the configuration says so", async () => {
    const weak = jwt({ secret: "dev", clock, allowWeakSecret: true });
    expect(await accept(weak, hmacToken(claims, { alg: "HS256" }, "dev"))).toMatchObject({ id: "ada" });
  });
});

describe("issuers", () => {
  const acme = { issuer: "https://acme", tenant: "acme", secret: "acme's own secret, thirty-two bytes." };
  const other = { issuer: "https://other", tenant: "other", secret: "other's own secret, thirty-two byte" };
  const both = jwt({ clock, issuers: [acme, other] });
  const token = (body: object, key: string) => hmacToken({ ...claims, ...body }, { alg: "HS256" }, key);

  test("an issuer's key verifies its own tokens, in its own tenant", async () => {
    expect(await accept(both, token({ iss: acme.issuer }, acme.secret))).toMatchObject({ tenant: "acme" });
    expect(await accept(both, token({ iss: other.issuer, tenant: "other" }, other.secret))).toMatchObject({
      tenant: "other",
    });
  });

  test.each([
    ["a key of one tenant with the issuer of another", { iss: other.issuer }],
    ["an issuer that speaks for another tenant", { iss: acme.issuer, tenant: "other" }],
    ["an issuer that speaks for another firm", { iss: acme.issuer, firmId: "other" }],
    ["an unknown issuer", { iss: "https://evil" }],
    ["no issuer", {}],
    ["a list of issuers", { iss: [acme.issuer] }],
  ])("%s is refused", async (_what, body) => {
    await expect(accept(both, token(body, acme.secret))).rejects.toMatchObject(refused);
  });

  test("issuer and audience are verified where they are configured", async () => {
    const scoped = jwt({ secret, clock, issuer: "me", audience: ["plexline", "other"] });
    expect(await accept(scoped, hmacToken({ ...claims, iss: "me", aud: ["x", "plexline"] }))).toMatchObject({
      id: "ada",
    });
    expect(await accept(scoped, hmacToken({ ...claims, iss: "me", aud: "other" }))).toMatchObject({
      id: "ada",
    });
    for (const bad of [
      { iss: "me" },
      { iss: "me", aud: "x" },
      { aud: "plexline" },
      { iss: "you", aud: "plexline" },
    ]) {
      await expect(accept(scoped, hmacToken({ ...claims, ...bad }))).rejects.toMatchObject(refused);
    }
  });
});

describe("attacks", () => {
  test.each(["none", "None", "nOnE", "NONE", "none ", "", " HS256", "hs256", "HS512", null, 1])(
    "alg %j is refused",
    async (alg) => {
      const unsigned = `${part({ alg })}.${part(claims)}.`;
      await expect(accept(hs, unsigned)).rejects.toMatchObject(refused);
      await expect(accept(hs, hmacToken(claims, { alg }))).rejects.toMatchObject(refused);
    },
  );

  test.each([
    "../../dev/null",
    "/dev/null",
    "' OR 1=1 --",
    "__proto__",
    "constructor",
    "x".repeat(300),
    7,
    null,
  ])("kid %j leads to no key", async (kid) => {
    const keyed = jwt({ clock, publicKeys: [{ kid: "known", key: ec.publicKey, algorithm: "ES256" }] });
    await expect(accept(keyed, hmacToken(claims, { alg: "HS256", kid }, ""))).rejects.toMatchObject(refused);
    const foreign = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const input = new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: kid as string });
    await expect(accept(keyed, await input.sign(foreign.privateKey))).rejects.toMatchObject(refused);
  });

  test("a header that brings its own key is refused, and nobody is asked for one", async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end(JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: "jwk" }), kid: "mine" }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const keyed = jwt({ clock, publicKeys: [{ key: rsaPem, algorithm: "RS256" }] });
    const jwk = ec.publicKey.export({ format: "jwk" });
    try {
      for (const header of [{ jku: url }, { x5u: url }, { jwk }, { kid: url }, { crit: ["exp"] }]) {
        const body = new SignJWT(claims).setProtectedHeader({
          alg: "ES256",
          ...header,
          ...("crit" in header ? { exp: 1 } : {}),
        });
        const token = await body.sign(ec.privateKey, { crit: { exp: true } });
        await expect(accept(keyed, token)).rejects.toMatchObject(refused);
        await expect(
          accept(hs, hmacToken(claims, { alg: "HS256", ...("kid" in header ? { jku: url } : header) })),
        ).rejects.toMatchObject(refused);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(requests).toBe(0);
  });

  test("a token above 8 KiB is refused unread", async () => {
    await expect(accept(hs, hmacToken({ ...claims, pad: "x".repeat(8 * 1024) }))).rejects.toMatchObject({
      ...refused,
      message: "The token is larger than 8 KiB.",
    });
  });

  test("a signature that is wrong, cut or missing is refused", async () => {
    const good = hmacToken(claims);
    const [header, , signature] = good.split(".");
    for (const bad of [
      good.slice(0, -2),
      `${header}.${part({ ...claims, sub: "root" })}.${signature}`,
      `${good}.x`,
      good.split(".").slice(0, 2).join("."),
      `${good}=`,
      "",
      "..",
      "a.b.c",
    ]) {
      await expect(accept(hs, bad)).rejects.toMatchObject(refused);
    }
  });

  test("no token at all is told apart", async () => {
    await expect(hs.authenticate({ request })).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  });
});
