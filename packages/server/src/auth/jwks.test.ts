import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createTestClock } from "@plexline/testing";
import { SignJWT } from "jose";
import { afterEach, expect, test } from "vitest";
import { jwt } from "./jwt.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Pair {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function pair(kid: string): Pair {
  return { kid, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
}

function keySet(...pairs: Pair[]): string {
  return JSON.stringify({
    keys: pairs.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: "jwk" }),
      kid,
      alg: "ES256",
      use: "sig",
    })),
  });
}

/** A key server on a free port, whose answer a test replaces. */
async function startKeyServer(first: string) {
  const state = { answer: (response: ServerResponse) => void response.end(first), requests: 0 };
  const server = createServer((_request, response) => {
    state.requests += 1;
    state.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const serve = (body: string) => {
    state.answer = (response) => void response.end(body);
  };
  return { state, serve, jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` };
}

async function setUp(...pairs: Pair[]) {
  const clock = createTestClock();
  const server = await startKeyServer(keySet(...pairs));
  const authenticator = jwt({ jwksUrl: server.jwksUrl, clock });
  const request = {
    method: "GET",
    path: "/",
    query: new URLSearchParams(),
    headers: {},
    subprotocols: [],
    remoteAddress: "",
    params: {},
  };
  const signIn = async ({ kid, privateKey }: Pair) => {
    const token = await new SignJWT({ sub: "ada", exp: clock.nowMs() / 1000 + 3600 })
      .setProtectedHeader({ alg: "ES256", kid })
      .sign(privateKey);
    return (await authenticator.authenticate({ token, request })).id;
  };
  return { clock, signIn, authenticator, request, ...server };
}

const refused = { code: "TOKEN_INVALID" };

test("keys are fetched when first needed, once for everybody who waits", async () => {
  const key = pair("1");
  const { state, signIn } = await setUp(key);
  expect(state.requests).toBe(0);
  expect(await Promise.all([signIn(key), signIn(key), signIn(key)])).toEqual(["ada", "ada", "ada"]);
  expect(state.requests).toBe(1);
});

test("a rotated key is found once the cooldown is over, and unknown ids cause one request per cooldown", async () => {
  const [old, next, unknown] = [pair("1"), pair("2"), pair("3")];
  const { clock, state, serve, signIn } = await setUp(old);
  await signIn(old);
  serve(keySet(old, next));
  await expect(signIn(next)).rejects.toMatchObject(refused);
  expect(state.requests).toBe(1);
  clock.advance(30_000);
  expect(await signIn(next)).toBe("ada");
  for (let i = 0; i < 5; i += 1) await expect(signIn(unknown)).rejects.toMatchObject(refused);
  expect(state.requests).toBe(2);
  clock.advance(30_000);
  await expect(signIn(unknown)).rejects.toMatchObject(refused);
  expect(state.requests).toBe(3);
});

test("a removed key stops working after the age of the cache", async () => {
  const [old, next] = [pair("1"), pair("2")];
  const { clock, serve, signIn } = await setUp(old);
  await signIn(old);
  serve(keySet(next));
  clock.advance(599_999);
  expect(await signIn(old)).toBe("ada");
  clock.advance(1);
  await expect(signIn(old)).rejects.toMatchObject(refused);
});

test("a removed key stops working at once when an unknown id caused a request", async () => {
  const [old, next] = [pair("1"), pair("2")];
  const { clock, serve, signIn } = await setUp(old);
  await signIn(old);
  serve(keySet(next));
  clock.advance(30_000);
  expect(await signIn(next)).toBe("ada");
  await expect(signIn(old)).rejects.toMatchObject(refused);
});

test("an emptied key set ends all keys", async () => {
  const key = pair("1");
  const { clock, serve, signIn } = await setUp(key);
  await signIn(key);
  serve(keySet());
  clock.advance(600_000);
  await expect(signIn(key)).rejects.toMatchObject(refused);
});

test("known keys go on counting while the server fails, but not for ever", async () => {
  const key = pair("1");
  const { clock, state, signIn } = await setUp(key);
  await signIn(key);
  state.answer = (response) => void response.writeHead(500).end();
  clock.advance(600_000);
  expect(await signIn(key)).toBe("ada");
  expect(await signIn(key)).toBe("ada");
  expect(state.requests).toBe(2);
  clock.advance(86_400_000);
  await expect(signIn(key)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining("no keys"),
  });
});

test("a server that fails at first is asked again after a second", async () => {
  const key = pair("1");
  const { clock, state, serve, signIn } = await setUp(key);
  state.answer = (response) => void response.writeHead(503).end();
  await expect(signIn(key)).rejects.toMatchObject(refused);
  await expect(signIn(key)).rejects.toMatchObject(refused);
  expect(state.requests).toBe(1);
  serve(keySet(key));
  clock.advance(1_000);
  expect(await signIn(key)).toBe("ada");
});

test("a redirect is not followed", async () => {
  const key = pair("1");
  const target = await startKeyServer(keySet(key));
  const { state, signIn } = await setUp(key);
  state.answer = (response) => void response.writeHead(302, { location: target.jwksUrl }).end();
  await expect(signIn(key)).rejects.toMatchObject(refused);
  expect(target.state.requests).toBe(0);
});

test("an answer above a megabyte is refused", async () => {
  const key = pair("1");
  const { serve, signIn } = await setUp(key);
  serve(keySet(key) + " ".repeat(1_000_001));
  await expect(signIn(key)).rejects.toMatchObject(refused);
});

test("an answer that does not come is given up after five seconds", async () => {
  const key = pair("1");
  const { clock, state, signIn } = await setUp(key);
  const asked = new Promise<void>((resolve) => {
    state.answer = () => {
      resolve();
      return undefined;
    };
  });
  const signedIn = signIn(key);
  const settled = expect(signedIn).rejects.toMatchObject(refused);
  await asked;
  clock.advance(5_000);
  await settled;
  expect(clock.pendingTimers).toBe(0);
});

test("symmetric keys, keys for encryption and keys of other algorithms are passed over", async () => {
  const key = pair("1");
  const { serve, signIn, authenticator, request } = await setUp(key);
  const jwk = { ...key.publicKey.export({ format: "jwk" }), kid: "1" };
  serve(
    JSON.stringify({
      keys: [
        { kty: "oct", k: "", kid: "empty" },
        { kty: "oct", k: Buffer.from("guess").toString("base64url"), kid: "oct", alg: "HS256" },
        { ...jwk, use: "enc" },
        { ...jwk, alg: "ES512" },
        { ...jwk, alg: "HS256" },
        null,
        "key",
      ],
    }),
  );
  await expect(signIn(key)).rejects.toMatchObject(refused);
  const forged = await new SignJWT({ sub: "root", exp: 9e9 })
    .setProtectedHeader({ alg: "HS256", kid: "oct" })
    .sign(Buffer.from("guess"));
  await expect(authenticator.authenticate({ token: forged, request })).rejects.toMatchObject(refused);
});
