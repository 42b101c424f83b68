import { createClient } from "@plexline/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { signToken } from "../../packages/cli/src/sign.ts";
import { type CliServer, startCli, temporaryDirectory } from "./cli-fixture.ts";

const SECRET = "a secret for tests that is long enough to be taken";
const ADMIN_TOKEN = "an admin token that is long enough too";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let server: CliServer;
beforeEach(async () => {
  const data = await temporaryDirectory();
  cleanups.push(data.remove);
  server = await startCli({ command: "start", data: data.path, env: { JWT_SECRET: SECRET, ADMIN_TOKEN } });
  cleanups.push(() => server.stop());
});

function connect(user: string) {
  const client = createClient({
    url: `${server.url.replace("http", "ws")}/ws`,
    token: () => signToken({ sub: user, exp: Math.floor(Date.now() / 1000) + 600 }, SECRET),
    WebSocket: WebSocket as never,
  });
  cleanups.push(() => client.close());
  return client;
}

function admin(method: string, path: string, body?: unknown, token = ADMIN_TOKEN): Promise<Response> {
  return fetch(`${server.url}/api/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const record = {
  topic: "room:7",
  tenant: "default",
  clearance: 0,
  owner: "ada",
  editors: [],
  viewers: ["bob"],
  openToTenant: false,
};

describe("the admin API", () => {
  test("a topic without a record is forbidden, and looks like one that is somebody else's", async () => {
    await admin("PUT", "/records/room%3A8", { ...record, topic: "room:8", owner: "eve", viewers: [] });
    const client = connect("ada");
    const refusals = [];
    for (const topic of ["room:absent", "room:8"]) {
      const room = client.topic(topic);
      room.subscribe();
      refusals.push(await room.whenSubscribed().catch(({ code, message, fix }) => ({ code, message, fix })));
    }
    expect(refusals[0]).toMatchObject({ code: "FORBIDDEN" });
    expect(refusals[0]).toEqual(refusals[1]);
  });

  test("a record decides who may publish and who may watch, and a change reaches live sessions", async () => {
    expect((await admin("PUT", "/records/room%3A7", record)).status).toBe(200);
    const [ada, bob] = [connect("ada").topic("room:7"), connect("bob").topic("room:7")];
    const seen: unknown[] = [];
    bob.on("push", ({ payload }) => seen.push(payload));
    for (const room of [ada, bob]) room.subscribe();
    expect((await ada.whenSubscribed()).role).toBe("controller");
    expect((await bob.whenSubscribed()).role).toBe("viewer");
    await ada.publish("message", 1);
    await expect(bob.publish("message", 2)).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect.poll(() => seen).toEqual([1]);

    await admin("PUT", "/records/room%3A7", { ...record, viewers: [] });
    await expect
      .poll(() => bob.status)
      .toMatchObject({ state: "unsubscribed", error: { code: "REVOKED", fix: expect.any(String) } });
    await ada.publish("message", 3);
    await ada.publish("message", 4);
    expect(seen).toEqual([1]);
  });

  test("a revoked user's session ends at once, and its token opens no other", async () => {
    await admin("PUT", "/records/room%3A7", record);
    const client = connect("bob");
    await expect.poll(() => client.status.state).toBe("connected");
    expect((await admin("POST", "/revocations", { tenant: "default", id: "bob" })).ok).toBe(true);
    await expect
      .poll(() => client.status)
      .toMatchObject({ state: "failed", reason: { code: "REVOKED", message: expect.any(String) } });
  });

  test("a wrong token, a cookie and a broken body are refused with a code, a reason and a fix", async () => {
    const refusals = [
      await admin("GET", "/records", undefined, "another token that is long enough"),
      await fetch(`${server.url}/api/admin/records`, {
        headers: { Cookie: `plexline_token=${ADMIN_TOKEN}` },
      }),
      await admin("PUT", "/records/room%3A7", { ...record, viewers: "bob" }),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([401, 401, 400]);
    for (const refusal of refusals) {
      expect(await refusal.json()).toMatchObject({
        error: { code: expect.any(String), message: expect.any(String), fix: expect.any(String) },
      });
    }
  });
});

describe("plexline start", () => {
  test.each([
    { name: "no key", env: {}, says: "JWT_SECRET" },
    { name: "a weak secret", env: { JWT_SECRET: "short" }, says: "32 bytes" },
    { name: "open origins", env: { JWT_SECRET: SECRET, ALLOWED_ORIGINS: "*" }, says: "ALLOWED_ORIGINS" },
    {
      name: "a store it does not have",
      env: { JWT_SECRET: SECRET, DATABASE_URL: "postgres://x" },
      says: "DATABASE_URL",
    },
  ])("refuses $name and says how to mend it", async ({ env, says }) => {
    const data = await temporaryDirectory();
    cleanups.push(data.remove);
    const clean = { JWT_SECRET: "", JWKS_URL: "", ALLOWED_ORIGINS: "", DATABASE_URL: "", ...env };
    await expect(startCli({ command: "start", data: data.path, env: clean })).rejects.toThrow(says);
  });
});
