import { jwt } from "@plexline/server";
import { expect, test } from "vitest";
import { parseDurationSeconds, signToken } from "./sign.ts";

const SECRET = "a secret for tests that is long enough to be taken";
const request = {
  method: "GET",
  path: "/ws",
  query: new URLSearchParams(),
  headers: {},
  subprotocols: [],
  remoteAddress: "127.0.0.1",
  params: {},
};

test("a signed token is one that the server takes, with all its claims", async () => {
  const exp = Math.floor(Date.now() / 1000) + 60;
  const token = signToken({ sub: "ada", name: "Ada", tenant: "acme", role: "VIEWER", exp }, SECRET);
  expect(await jwt({ secret: SECRET }).authenticate({ token, request })).toMatchObject({
    id: "ada",
    name: "Ada",
    tenant: "acme",
    role: "viewer",
    expiresAtMs: exp * 1000,
  });
});

test("a token of another secret is refused", async () => {
  const token = signToken({ sub: "ada", exp: Math.floor(Date.now() / 1000) + 60 }, `${SECRET}!`);
  await expect(jwt({ secret: SECRET }).authenticate({ token, request })).rejects.toMatchObject({
    code: "TOKEN_INVALID",
  });
});

test.each([
  ["90", 90],
  ["90s", 90],
  ["15m", 900],
  ["12h", 43_200],
  ["7d", 604_800],
  ["", undefined],
  ["1w", undefined],
  ["-1s", undefined],
  ["1.5h", undefined],
])("the duration %j is %s seconds", (text, seconds) => {
  expect(parseDurationSeconds(text)).toBe(seconds);
});
