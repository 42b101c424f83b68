import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { noAuth } from "./anonymous.ts";
import { authenticateWith, type PrincipalInput } from "./authenticate-with.ts";
import type { Credentials } from "./authenticator.ts";
import { firstOf } from "./first-of.ts";
import { adminPrincipal, servicePrincipal, staticTokens } from "./static-token.ts";

const request = {
  method: "GET",
  path: "/",
  query: new URLSearchParams(),
  headers: {},
  subprotocols: [],
  remoteAddress: "",
  params: {},
};
const withToken = (token: string): Credentials => ({ token, source: "message", request });
const failing = (code: "TOKEN_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED" | "STORAGE_UNAVAILABLE") =>
  authenticateWith(() => {
    throw new PlexlineError(code);
  });

describe("a function", () => {
  test("what it returns is completed and its role is put in lower case", async () => {
    const authenticator = authenticateWith(({ token }) => ({ id: `${token}`, role: "EDITOR" }));
    expect(await authenticator.authenticate(withToken("ada"))).toEqual({
      id: "ada",
      kind: "user",
      tenant: "default",
      role: "editor",
      clearance: 0,
      claims: {},
    });
  });

  test.each([
    null,
    undefined,
    "ada",
    {},
    { id: "" },
    { id: "a", tenant: "a b" },
    { id: "a", kind: "root" },
    { id: "a", clearance: Number.NaN },
    { id: "a", expiresAtMs: "soon" },
    { id: "a", claims: [] },
  ])("%j is no principal", async (value) => {
    const authenticator = authenticateWith(() => value as PrincipalInput);
    await expect(authenticator.authenticate(withToken("t"))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("what it throws counts as a bad token and its text stays inside", async () => {
    const authenticator = authenticateWith(() => Promise.reject(new Error("password=hunter2")));
    const error: unknown = await authenticator
      .authenticate(withToken("t"))
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "TOKEN_INVALID" });
    expect(JSON.stringify((error as PlexlineError).toBody())).not.toContain("hunter2");
  });
});

describe("service and admin keys", () => {
  const keys = staticTokens([
    { token: "an admin token that is long", principal: adminPrincipal() },
    { token: "a service token that is long", principal: servicePrincipal("worker", "acme") },
  ]);

  test("each key stands for its principal", async () => {
    expect(await keys.authenticate(withToken("an admin token that is long"))).toMatchObject({
      kind: "admin",
    });
    expect(await keys.authenticate(withToken("a service token that is long"))).toMatchObject({
      kind: "service",
      tenant: "acme",
    });
  });

  test.each(["", "an admin token that is lon", "an admin token that is long ", "x".repeat(9_000)])(
    "%j is refused",
    async (token) => {
      await expect(keys.authenticate(withToken(token))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    },
  );

  test("weak keys are refused at construction", () => {
    const principal = adminPrincipal();
    expect(() => staticTokens([{ token: "", principal }], { allowWeakTokens: true })).toThrow(PlexlineError);
    expect(() => staticTokens([{ token: "short", principal }])).toThrow(PlexlineError);
    expect(() => staticTokens([{ token: "short", principal }], { allowWeakTokens: true })).not.toThrow();
  });
});

describe("several in turn", () => {
  const ada = authenticateWith(() => ({ id: "ada" }));

  test("the first that knows the credentials decides", async () => {
    const some = firstOf([failing("TOKEN_MISSING"), failing("TOKEN_INVALID"), ada, failing("TOKEN_EXPIRED")]);
    expect(await some.authenticate(withToken("t"))).toMatchObject({ id: "ada" });
  });

  test.each(["TOKEN_EXPIRED", "STORAGE_UNAVAILABLE"] as const)("%s ends it", async (code) => {
    await expect(firstOf([failing(code), ada]).authenticate(withToken("t"))).rejects.toMatchObject({ code });
  });

  test("a bad token is told rather than a missing one", async () => {
    const none = firstOf([failing("TOKEN_INVALID"), failing("TOKEN_MISSING")]);
    await expect(none.authenticate(withToken("t"))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    await expect(firstOf([]).authenticate({ request })).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  });
});

test("without authentication everybody is an owner of the default tenant, under the name they claim or a fresh one", async () => {
  const open = noAuth();
  const [first, second] = [await open.authenticate({ request }), await open.authenticate({ request })];
  expect(first).toMatchObject({ id: "anonymous-1", kind: "user", tenant: "default", role: "owner" });
  expect(second.id).toBe("anonymous-2");
  const token = `e30.${Buffer.from(JSON.stringify({ sub: "ada" })).toString("base64url")}.unchecked`;
  expect(await open.authenticate({ request, token, source: "message" })).toMatchObject({ id: "ada" });
  expect(await open.authenticate({ request, token: "x", source: "message" })).toMatchObject({
    id: "anonymous-3",
  });
});
