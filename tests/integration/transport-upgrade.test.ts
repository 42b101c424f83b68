import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { silentLogger } from "../../packages/server/src/telemetry/log.ts";
import { createHttpServer } from "../../packages/server/src/transport/http-server.ts";
import {
  createRecorder,
  rawConnect,
  rawUpgrade,
  startTransport,
  until,
  upgradeText,
} from "./transport-fixture.ts";

const NATIVE = { "Sec-WebSocket-Protocol": "plexline.v1" };

async function answerOf(port: number, path: string, headers: Record<string, string | string[]> = {}) {
  const client = rawConnect(port, upgradeText(path, headers));
  const head = await client.head;
  const status = Number(head.split(" ")[1]);
  if (status === 101) {
    client.socket.destroy();
    return { status, head, body: null };
  }
  const text = (await client.ended).toString("utf8");
  return {
    status,
    head,
    body: JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) as Record<string, unknown>,
  };
}

describe("what is refused before the upgrade", () => {
  const allowed = new Set(["https://app.com", undefined]);
  const origin = {
    check: ({ headers }: { headers: Readonly<Record<string, string | undefined>> }) => {
      if (headers.host !== "127.0.0.1") return "HOST_FORBIDDEN" as const;
      return allowed.has(headers.origin) ? ("ok" as const) : ("ORIGIN_FORBIDDEN" as const);
    },
  };

  test.each([
    [{}, 101, undefined],
    [{ Origin: "https://app.com" }, 101, undefined],
    [{ Origin: "https://evil.com" }, 403, "ORIGIN_FORBIDDEN"],
    [{ Origin: "null" }, 403, "ORIGIN_FORBIDDEN"],
    [{ Origin: "https://app.com.evil" }, 403, "ORIGIN_FORBIDDEN"],
    [{ Origin: ["https://app.com", "https://evil.com"] }, 403, "ORIGIN_FORBIDDEN"],
    [{ Host: "rebound.example" }, 403, "HOST_FORBIDDEN"],
    [{ Host: ["127.0.0.1", "rebound.example"] }, 403, "HOST_FORBIDDEN"],
  ])("headers %j are answered %i %s", async (headers, status, code) => {
    const server = await startTransport({ origin });
    const answer = await answerOf(server.port, "/ws", { ...NATIVE, ...headers });
    expect(answer.status).toBe(status);
    expect(answer.body?.code).toBe(code);
    if (status === 403)
      expect(answer.body).toMatchObject({ message: expect.any(String), fix: expect.any(String) });
  });

  test("a path where nothing stands is answered 404", async () => {
    const server = await startTransport();
    expect(await answerOf(server.port, "/nowhere", NATIVE)).toMatchObject({
      status: 404,
      body: { code: "PATH_UNKNOWN" },
    });
    expect(await answerOf(server.port, "/%ff", NATIVE)).toMatchObject({ status: 404 });
  });

  test("a draining server answers 503 with Retry-After and keeps open connections", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    server.upgrade.drain();
    const answer = await answerOf(server.port, "/ws", NATIVE);
    expect(answer).toMatchObject({ status: 503, body: { code: "SHUTTING_DOWN" } });
    expect(answer.head).toMatch(/\r\nRetry-After: \d+\r\n/);
    taken.socket.send("still here");
    await until(() => client.received().includes("still here"));
  });

  test("an overloaded server answers 503 with Retry-After", async () => {
    const server = await startTransport({ overloaded: () => true });
    const answer = await answerOf(server.port, "/ws", NATIVE);
    expect(answer).toMatchObject({ status: 503, body: { code: "OVERLOADED" } });
    expect(answer.head).toMatch(/\r\nRetry-After: 5\r\n/);
  });

  test("one address that connects too fast is answered 503, by the forwarded address if a proxy is trusted", async () => {
    const server = await startTransport({
      trustProxy: true,
      limits: { connectsPerAddress: { ratePerSecond: 0.001, burst: 1 } },
    });
    const from = (address: string) => answerOf(server.port, "/ws", { ...NATIVE, "X-Forwarded-For": address });
    expect(await from("1.1.1.1")).toMatchObject({ status: 101 });
    expect(await from("1.1.1.1")).toMatchObject({ status: 503, body: { code: "RATE_LIMITED" } });
    expect(await from("2.2.2.2")).toMatchObject({ status: 101 });
    expect((await server.next()).request.remoteAddress).toBe("1.1.1.1");
  });

  test.each([
    ["a bad key", { "Sec-WebSocket-Key": "short" }],
    ["a bad version", { "Sec-WebSocket-Version": "7" }],
    ["a malformed subprotocol list", { "Sec-WebSocket-Protocol": "plexline.v1,,x" }],
  ])("%s is answered 400", async (_name, headers) => {
    const server = await startTransport();
    const client = rawConnect(server.port, upgradeText("/ws", { ...NATIVE, ...headers }));
    expect(await client.head).toMatch(/^HTTP\/1.1 400 /);
    expect(server.upgrade.connections).toBe(0);
  });
});

describe("who gets a connection", () => {
  test.each([
    ["plexline.v1", "plexline.v1"],
    ["bearer.s3cret, plexline.v1", "plexline.v1"],
    ["plexline.v1, bearer.s3cret", "plexline.v1"],
    ["bearer.s3cret", undefined],
    ["plexline.v2", undefined],
  ])("offering %j on the native path is answered with %j", async (offered, answered) => {
    const server = await startTransport();
    const { status, head } = await answerOf(server.port, "/ws", { "Sec-WebSocket-Protocol": offered });
    expect(status).toBe(101);
    expect(/sec-websocket-protocol: (.*)\r/i.exec(head)?.[1]).toBe(answered);
    expect(head).not.toContain("bearer");
  });

  test("an endpoint gets its params, query and subprotocols, and no subprotocol is answered", async () => {
    const endpoint = { path: "/ws/portal-view/:id" };
    const server = await startTransport({ endpoints: [endpoint] });
    const { head } = await answerOf(server.port, "/ws/portal-view/a%20b?token=t&x=1", {
      "Sec-WebSocket-Protocol": "bearer.x, plexline.v1",
      "X-Custom": ["one", "two"],
    });
    expect(head).not.toMatch(/sec-websocket-protocol/i);
    const { request, target } = await server.next();
    expect(target).toEqual({ kind: "endpoint", endpoint });
    expect({ ...request.params }).toEqual({ id: "a b" });
    expect(request).toMatchObject({ method: "GET", path: "/ws/portal-view/a b", remoteAddress: "127.0.0.1" });
    expect(request.query.get("token")).toBe("t");
    expect(request.subprotocols).toEqual(["bearer.x", "plexline.v1"]);
    expect(request.headers["x-custom"]).toBe("one, two");
  });

  test("the native path without its subprotocol is closed 1008 after the upgrade, naming it", async () => {
    const server = await startTransport();
    const client = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
    const closed = await new Promise((resolve) =>
      client.on("close", (code, reason) => resolve([code, String(reason)])),
    );
    expect(closed).toEqual([1008, expect.stringContaining("plexline.v1")]);
  });

  test("a taker that throws closes with 1011", async () => {
    const server = await startTransport({
      onSocket() {
        throw new Error("broken");
      },
    });
    const client = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, "plexline.v1");
    const closed = await new Promise((resolve) =>
      client.on("close", (code, reason) => resolve([code, String(reason)])),
    );
    expect(closed).toEqual([1011, "INTERNAL: Something went wrong in the server."]);
  });
});

describe("the HTTP server", () => {
  const quick = { headersTimeoutMs: 100, requestTimeoutMs: 200, timeoutCheckIntervalMs: 20 };

  test.each([
    ["half a handshake", "GET /ws HTTP/1.1\r\nHost: x\r\nUpgr"],
    ["nothing at all", ""],
    ["half a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"],
  ])("%s ends at the timeout, and others are served meanwhile", async (_name, text) => {
    const server = await startTransport({
      http: { ...quick, fetch: async (request) => new Response(await request.text()) },
    });
    const slow = Array.from({ length: 20 }, () => rawConnect(server.port, text));
    await rawUpgrade(server.port);
    expect(await (await fetch(server.url, { method: "POST", body: "quick" })).text()).toBe("quick");
    await Promise.all(slow.map((client) => client.ended));
  });

  test("a handshake that drips is cut all the same", async () => {
    const server = await startTransport({ http: quick });
    const client = rawConnect(server.port, "GET /ws HTTP/1.1\r\n");
    const drip = setInterval(() => client.socket.write("X-A: b\r\n"), 10);
    await client.ended;
    clearInterval(drip);
  });

  test("headers above 16 KiB are answered 431", async () => {
    const server = await startTransport();
    const client = rawConnect(server.port, upgradeText("/ws", { Big: "a".repeat(17 * 1024) }));
    expect(await client.head).toMatch(/^HTTP\/1.1 431 /);
  });

  test("a fetch handler that throws is answered 500 without its text", async () => {
    const server = await startTransport({
      http: {
        fetch() {
          throw new Error("secret detail");
        },
      },
    });
    const response = await fetch(server.url);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      code: "INTERNAL",
      message: "Something went wrong in the server.",
    });
  });

  test("the fetch handler is told the remote address, and the globals stay Node's own", async () => {
    const { Request: requestBefore } = globalThis;
    const server = await startTransport({
      http: {
        fetch: (request, { remoteAddress }) => Response.json([new URL(request.url).pathname, remoteAddress]),
      },
    });
    expect(await (await fetch(`${server.url}/a/b`)).json()).toEqual(["/a/b", "127.0.0.1"]);
    expect(globalThis.Request).toBe(requestBefore);
  });

  test("an offer of another protocol than WebSocket is ignored and the request answered", async () => {
    const server = await startTransport({
      http: { fetch: (request) => new Response(`${request.method} ${new URL(request.url).pathname}`) },
    });
    const text =
      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n";
    const answer = (await rawConnect(server.port, text).ended).toString();
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toContain("GET /healthz");
  });

  test("such an offer with a body is refused, because the body would be lost", async () => {
    const server = await startTransport({
      http: { fetch: async (request) => new Response(`got ${await request.text()}`) },
    });
    const text =
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi";
    const answer = (await rawConnect(server.port, text).ended).toString();
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*MALFORMED_MESSAGE/);
  });

  test("a port in use is told to the caller", async () => {
    const server = await startTransport();
    const { upgrade } = createRecorder();
    const second = createHttpServer({ fetch: () => new Response(), upgrade, log: silentLogger });
    await expect(second.listen(server.port, "127.0.0.1")).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("closing cuts what is still open after the grace time", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    await server.close({ graceMs: 0 });
    expect(await taken.closed).toEqual({ code: 1006, reason: "" });
    await client.ended;
    await expect(fetch(server.url)).rejects.toThrow();
  });
});

describe("attaching to a server that others use", () => {
  async function startForeign() {
    const server = createServer((_incoming, outgoing) => outgoing.end("foreign"));
    const foreign = new WebSocketServer({ noServer: true });
    foreign.on("connection", (ws) => ws.send("foreign"));
    // As frameworks do: whatever the path, it is mine, and what I do not know I end.
    const onUpgrade = (
      incoming: Parameters<typeof foreign.handleUpgrade>[0],
      stream: import("node:stream").Duplex,
      head: Buffer,
    ) => {
      if (incoming.url === "/_foreign")
        foreign.handleUpgrade(incoming, stream, head, (ws) => foreign.emit("connection", ws));
      else stream.end();
    };
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const recorder = createRecorder({ endpoints: [{ path: "/rt/:name" }] });
    onTestFinished(() => recorder.upgrade.terminate());
    const http = createHttpServer({
      fetch: () => new Response("ours"),
      upgrade: recorder.upgrade,
      log: silentLogger,
    });
    return { server, onUpgrade, http, port: (server.address() as AddressInfo).port, ...recorder };
  }

  function firstMessage(port: number, path: string): Promise<string> {
    const client = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    onTestFinished(() => client.terminate());
    return new Promise((resolve, reject) => {
      client.on("message", (data) => resolve(String(data)));
      client.on("error", reject);
    });
  }

  test("each side keeps its paths, also when the other listens later", async () => {
    const { server, onUpgrade, http, port, next } = await startForeign();
    const detach = http.attach(server);
    server.on("upgrade", onUpgrade);
    expect(await firstMessage(port, "/_foreign")).toBe("foreign");
    const ours = firstMessage(port, "/rt/a");
    const taken = await next();
    taken.socket.send("ours");
    expect(await ours).toBe("ours");
    await expect(firstMessage(port, "/unknown")).rejects.toThrow("socket hang up"); // the foreign listener's answer
    detach();
    expect(Object.hasOwn(server, "emit")).toBe(false);
    expect(server.listeners("upgrade")).toEqual([onUpgrade]);
    await expect(firstMessage(port, "/rt/a")).rejects.toThrow("socket hang up");
    expect(await firstMessage(port, "/_foreign")).toBe("foreign");
  });

  test("all of a prefix is ours, what nothing stands at included", async () => {
    const { server, onUpgrade, http, port } = await startForeign();
    server.on("upgrade", onUpgrade);
    http.attach(server, { prefixes: ["/rt/"] });
    expect(await answerOf(port, "/rt/a/b")).toMatchObject({ status: 404 });
    await expect(firstMessage(port, "/rtx")).rejects.toThrow("socket hang up");
  });

  test("where nobody else listens an unknown path is answered 404", async () => {
    const { server, http, port } = await startForeign();
    http.attach(server);
    expect(await answerOf(port, "/unknown")).toMatchObject({ status: 404 });
  });

  test("requests are taken only below the prefixes named", async () => {
    const { server, http, port } = await startForeign();
    const detach = http.attach(server, { requestPrefixes: ["/v1/stream"] });
    const get = (path: string) =>
      new Promise<string>((resolve) => {
        httpRequest({ port, path, agent: false }, (response) => {
          response.setEncoding("utf8").on("data", resolve);
        }).end();
      });
    expect(await get("/v1/stream/a?x=1")).toBe("ours");
    expect(await get("/v1/streams")).toBe("foreign");
    expect(await get("/")).toBe("foreign");
    detach();
    expect(await get("/v1/stream/a")).toBe("foreign");
  });

  test("a wrapper put on later stays in place when ours is undone", async () => {
    const { server, http, port } = await startForeign();
    const detach = http.attach(server);
    const ours = server.emit;
    const events: unknown[] = [];
    const wrapper = (event: string, ...args: unknown[]) => {
      events.push(event);
      return Reflect.apply(ours, server, [event, ...args]);
    };
    server.emit = wrapper as typeof server.emit;
    detach();
    expect(server.emit).toBe(wrapper);
    expect(await (await fetch(`http://127.0.0.1:${port}/rt/a`)).text()).toBe("foreign");
    expect(events).toContain("request");
  });
});
