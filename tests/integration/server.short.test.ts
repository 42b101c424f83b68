import { createClient } from "@plexline/client";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { signToken } from "../../packages/cli/src/sign.ts";
import { startCli, temporaryDirectory } from "./cli-fixture.ts";

const SECRET = "a secret for tests that is long enough to be taken";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function tokenFor(user: string, claims: { role?: string; tenant?: string } = {}): string {
  return signToken({ sub: user, exp: Math.floor(Date.now() / 1000) + 600, ...claims }, SECRET);
}

async function startDev(options: { data?: string; port?: number } = {}) {
  let { data } = options;
  if (!data) {
    const directory = await temporaryDirectory();
    cleanups.push(directory.remove);
    data = directory.path;
  }
  const server = await startCli({ data, port: options.port ?? 0, env: { JWT_SECRET: SECRET } });
  cleanups.push(() => server.stop());
  return { ...server, data };
}

function connect(url: string, user: string) {
  const client = createClient({
    url: `${url.replace("http", "ws")}/ws`,
    token: () => tokenFor(user),
    WebSocket: WebSocket as never,
  });
  cleanups.push(() => client.close());
  return client;
}

describe("a server started by the command", () => {
  test("[R3] a client that was away while the server was killed gets what it missed, once and in order", async () => {
    const first = await startDev();
    const [writer, reader] = [connect(first.url, "ada"), connect(first.url, "bob")];
    const room = reader.topic("room:short");
    const seen: unknown[] = [];
    room.on("push", ({ payload }) => seen.push(payload));
    room.subscribe();
    await room.whenSubscribed();
    await writer.topic("room:short").publish("message", 1);
    await expect.poll(() => seen).toEqual([1]);

    reader.disconnect();
    await writer.topic("room:short").publish("message", 2);
    await first.stop("SIGKILL");
    await startDev({ data: first.data, port: first.port });
    await writer.topic("room:short").publish("message", 3);
    reader.connect();
    await writer.topic("room:short").publish("message", 4);
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual([1, 2, 3, 4]);
  });

  test("[H3] a token arrives by hello, by subprotocol, by Authorization and by cookie, and is never echoed", async () => {
    const { url } = await startDev();
    const socketUrl = `${url.replace("http", "ws")}/ws`;
    const token = tokenFor("ada");
    const ways = [
      { hello: { token }, protocols: ["plexline.v1"], headers: {} },
      { hello: {}, protocols: ["plexline.v1", `bearer.${token}`], headers: {} },
      { hello: {}, protocols: ["plexline.v1"], headers: { Authorization: `Bearer ${token}` } },
      { hello: {}, protocols: ["plexline.v1"], headers: { Cookie: `plexline_token=${token}`, Origin: url } },
    ];
    for (const { hello, protocols, headers } of ways) {
      const socket = new WebSocket(socketUrl, protocols, { headers });
      cleanups.push(() => socket.terminate());
      socket.on("open", () => socket.send(JSON.stringify({ type: "hello", ...hello })));
      const [data] = await new Promise<[Buffer]>((resolve, reject) => {
        socket.once("message", (...message) => resolve(message as never));
        socket.once("close", (code, reason) => reject(new Error(`${code} ${reason}`)));
      });
      expect(JSON.parse(data.toString())).toMatchObject({ type: "welcome", user: "ada", tenant: "default" });
      expect(socket.protocol).toBe("plexline.v1");
    }
  });

  test("a query token and a foreign page's cookie do not count on the native path", async () => {
    const { url } = await startDev();
    const socketUrl = `${url.replace("http", "ws")}/ws`;
    const token = tokenFor("ada");
    const byQuery = new WebSocket(`${socketUrl}?token=${token}`, ["plexline.v1"]);
    byQuery.on("open", () => byQuery.send('{"type":"hello"}'));
    const code = await new Promise((resolve) => byQuery.once("close", resolve));
    expect(code).toBe(4401);

    const foreign = new WebSocket(socketUrl, ["plexline.v1"], {
      headers: { Cookie: `plexline_token=${token}`, Origin: "https://evil.example" },
    });
    const status = await new Promise((resolve) => {
      foreign.once("unexpected-response", (_request, response) => resolve(response.statusCode));
      foreign.on("error", () => {});
    });
    expect(status).toBe(403);
  });

  test("SIGTERM says goodbye with 1012 and exits with 0; a second server on the data is refused with its pid", async () => {
    const server = await startDev();
    const client = connect(server.url, "ada");
    await expect.poll(() => client.status.state).toBe("connected");
    await expect(startCli({ data: server.data, env: { JWT_SECRET: SECRET } })).rejects.toThrow(
      new RegExp(`${server.process.pid}`),
    );
    const states: string[] = [];
    client.on("status", ({ state }) => states.push(state));
    expect(await server.stop("SIGTERM")).toBe(0);
    await expect.poll(() => states).toContain("disconnected");
  });

  test("health, readiness and metrics answer, and no log line holds a token", async () => {
    const server = await startDev();
    const client = connect(server.url, "ada");
    await expect.poll(() => client.status.state).toBe("connected");
    expect(await (await fetch(`${server.url}/healthz`)).text()).toBe("ok");
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, ((await ready.json()) as { ready: boolean }).ready]).toEqual([200, true]);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain(
      'plexline_connections{protocol="native"} 1',
    );
    expect(await (await fetch(`${server.url}/api/health`)).json()).toMatchObject({
      status: "ok",
      websocket: { connections: 1 },
      activeConnections: 1,
      activeUsers: 1,
    });
    expect(server.log()).toContain("ws.connect");
    expect(server.log()).not.toContain("eyJ");
  });
});
