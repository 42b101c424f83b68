import { once } from "node:events";
import { Agent, createServer as createNodeServer, type IncomingMessage, request as send } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { PlexlineError } from "@plexline/protocol";
import { createTestServer, probe, type TestServer, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Endpoint, EndpointSession } from "../feature/endpoint.ts";
import { createSharedTranslation } from "../feature/shared-translation.ts";

// Real requests over the loopback; all else has the test's clock.

const lines = createSharedTranslation((message) =>
  "type" in message && message.type === "push" ? `${message.event}\n` : null,
);

/** A server whose endpoint streams, and what it knows of each stream. */
async function start(options: Partial<TestServerOptions> = {}, given: Partial<Endpoint> = {}) {
  const sessions: EndpointSession[] = [];
  const ends: (PlexlineError | null)[] = [];
  const endpoint: Endpoint = {
    path: "/lines/:id",
    async onRequest(_request, context) {
      try {
        const { session, response } = await context.stream(
          { status: 201, headers: { "content-type": "text/lines", "content-length": "3", "x-own": "yes" } },
          { closing: ({ code }) => `${code}\n`, onClose: (error) => void ends.push(error) },
        );
        sessions.push(session);
        const topic = `board:${context.params.id}`;
        await session.subscribe(topic, { translate: lines });
        return response;
      } catch (error) {
        return Response.json({ code: (error as PlexlineError).code }, { status: 400 });
      }
    },
    ...given,
  };
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board }, endpoints: [endpoint], ...options });
  onTestFinished(() => server.close());
  const { port } = await server.app.listen(0);
  const publish = (...events: string[]) =>
    Promise.all(events.map((event) => server.app.publish("board:1", event, null)));
  return { server, port, sessions, ends, publish };
}

interface Get {
  readonly token?: string;
  readonly method?: string;
  readonly agent?: Agent;
}

async function get(port: number, { token, method = "GET", agent }: Get, path = "/lines/1") {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = send({ port, path, method, headers, ...(agent ? { agent } : {}) });
  request.on("error", () => {});
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { request, response, body: read(response) };
}

/** The body as text, as far as it has come. */
function read(response: IncomingMessage) {
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (part: string) => {
    text += part;
  });
  response.on("error", () => {});
  return {
    get text() {
      return text;
    },
    /** Goes on until it ends like this; what is published leaves when the test's clock says that the tick is over. */
    async until(end: string, server: TestServer): Promise<string> {
      while (!text.endsWith(end)) await server.settle();
      return text;
    },
    /** Whether it came whole, once it is over. */
    whole: wholeOf(response),
  };
}

function wholeOf(response: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => response.once("close", () => resolve(response.complete)));
}

describe("a streamed response", () => {
  test("begins at once, and its body is what the session is sent", async () => {
    const { server, port, sessions, publish } = await start();
    const { response, body } = await get(port, { token: server.issue("ada") });
    expect(response.statusCode).toBe(201);
    expect(response.headers).toMatchObject({
      "content-type": "text/lines",
      "transfer-encoding": "chunked",
      "x-own": "yes",
      "x-content-type-options": "nosniff",
    });
    expect(response.headers["content-length"]).toBeUndefined();
    expect(server.app.stats()).toMatchObject({ connections: 1, sessions: 1 });
    await publish("one", "two");
    expect(await body.until("two\n", server)).toBe("one\ntwo\n");
    sessions[0]?.send(Uint8Array.of(0x62, 0x0a));
    sessions[0]?.send("ü\n");
    expect(await body.until("ü\n", server)).toBe("one\ntwo\nb\nü\n");
  });

  test("ends whole when the session is closed, and the connection serves the next request", async () => {
    const { server, port, sessions, ends } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const token = server.issue("ada");
    const first = await get(port, { token, agent });
    sessions[0]?.send("last\n");
    sessions[0]?.close(1000, "done");
    expect(await first.body.whole).toBe(true);
    expect(first.body.text).toBe("last\n");
    const second = await get(port, { token, agent });
    expect(second.request.reusedSocket).toBe(true);
    expect(ends).toEqual([null]);
    expect(server.app.stats()).toMatchObject({ connections: 1 });
  });

  test("leaves nothing of a session behind when the client goes away", async () => {
    const { server, port, sessions, ends, publish } = await start();
    const { request } = await get(port, { token: server.issue("ada") });
    request.destroy();
    while (ends.length === 0) await server.settle(1);
    expect(ends).toEqual([null]);
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0 });
    await publish("nobody");
    sessions[0]?.send("nothing");
  });

  test("has last words for what the engine ends it for", async () => {
    const { server, port, ends } = await start();
    const revoked = await get(port, { token: server.issue("ada") });
    await server.app.revocations.revokePrincipal({ tenant: "default", id: "ada" });
    expect(await revoked.body.whole).toBe(true);
    const expiresAtMs = server.clock.nowMs() + 1_000;
    const expired = await get(port, { token: server.issue("bob", { expiresAtMs }) });
    await server.settle(2_000);
    expect(await expired.body.whole).toBe(true);
    const stopped = await get(port, { token: server.issue("eve") });
    await server.close({ graceMs: 1_000 });
    expect(await stopped.body.whole).toBe(true);
    expect([revoked, expired, stopped].map(({ body }) => body.text)).toEqual([
      "REVOKED\n",
      "TOKEN_EXPIRED\n",
      "SHUTTING_DOWN\n",
    ]);
    expect(ends.map((error) => error?.code)).toEqual(["REVOKED", "TOKEN_EXPIRED", "SHUTTING_DOWN"]);
  });

  test("is refused before anything is sent", async () => {
    const { server, port, ends } = await start({ limits: { connectionsPerUserMax: 1, connectionsMax: 2 } });
    const codeOf = async (token?: string) => {
      const { response, body } = await get(port, token === undefined ? {} : { token });
      await body.whole;
      return [response.statusCode, JSON.parse(body.text).code];
    };
    expect(await codeOf()).toEqual([400, "TOKEN_MISSING"]);
    const ada = server.issue("ada");
    await get(port, { token: ada });
    expect(await codeOf(ada)).toEqual([400, "CONNECTIONS_MAX"]);
    await get(port, { token: server.issue("bob") });
    expect(await codeOf(server.issue("eve"))).toEqual([400, "OVERLOADED"]);
    expect(ends).toEqual([]);
  });

  test("is quiet for as long as it likes: it answers no pings, and the keep-alive is its own", async () => {
    const { server, port, sessions, publish } = await start();
    const { body } = await get(port, { token: server.issue("ada") });
    await server.settle(200_000);
    expect(body.text).toBe("");
    sessions[0]?.keepAlive(":\n", 10_000);
    await server.settle(10_500);
    expect(await body.until(":\n", server)).toBe(":\n");
    // What is published puts it off, although it leaves past the session.
    await server.settle(6_000);
    await publish("one");
    await server.settle(6_000);
    await publish("two");
    expect(await body.until("two\n", server)).toBe(":\none\ntwo\n");
  });

  test("cuts a client that does not read, so that it knows", async () => {
    const { server, port, sessions, ends } = await start({ limits: { outboxBytesMax: 64 * 1024 } });
    const { response } = await get(port, { token: server.issue("ada") });
    response.pause();
    const whole = wholeOf(response);
    const part = "x".repeat(32 * 1024);
    while (ends.length === 0) {
      sessions[0]?.send(part);
      await server.settle(1);
    }
    expect(ends.map((error) => error?.code)).toEqual(["SLOW_CONSUMER"]);
    response.resume();
    expect(await whole).toBe(false);
  });

  test("hands over all that waits before it ends", async () => {
    const { server, port, sessions } = await start();
    const { response, body } = await get(port, { token: server.issue("ada") });
    response.pause();
    const part = "x".repeat(64 * 1024);
    let bytes = 0;
    // More than the kernel takes, so that some of it waits in the outbox.
    while (server.app.stats().messageQueueSize < 4) {
      sessions[0]?.send(part);
      bytes += part.length;
      await server.settle();
    }
    sessions[0]?.close(1000, "");
    response.resume();
    expect([await body.whole, body.text.length]).toEqual([true, bytes]);
  });

  test("has no body for HEAD, and no session afterwards", async () => {
    const { server, port, ends } = await start();
    const { response, body } = await get(port, { token: server.issue("ada"), method: "HEAD" });
    expect([response.statusCode, await body.whole, body.text]).toEqual([201, true, ""]);
    while (ends.length === 0) await server.settle(1);
    expect(server.app.stats()).toMatchObject({ connections: 0 });
  });

  test("speaks HTTP/1.0: the end of the connection is the end of the body", async () => {
    const { server, port, sessions } = await start();
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (part) => {
      received += part;
    });
    socket.write(
      `GET /lines/1 HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer ${server.issue("ada")}\r\n\r\n`,
    );
    await once(socket, "connect");
    while (sessions.length === 0) await server.settle(1);
    sessions[0]?.send("raw\n");
    sessions[0]?.close(1000, "");
    await once(socket, "close");
    expect(received).toMatch(/\r\n\r\nraw\n$/);
    expect(received.toLowerCase()).not.toContain("transfer-encoding");
  });

  test("works on a server that others use too", async () => {
    const { server, publish } = await start();
    const shared = createNodeServer((_incoming, outgoing) => outgoing.end("theirs"));
    await server.app.attach(shared, { requestPrefixes: ["/lines"] });
    shared.listen(0, "127.0.0.1");
    await once(shared, "listening");
    onTestFinished(() => {
      shared.closeAllConnections();
      shared.close();
    });
    const { port } = shared.address() as AddressInfo;
    const { body } = await get(port, { token: server.issue("ada") });
    await publish("one");
    expect(await body.until("one\n", server)).toBe("one\n");
    const theirs = await get(port, {}, "/other");
    expect([await theirs.body.whole, theirs.body.text]).toEqual([true, "theirs"]);
  });

  test("is a web stream for whoever serves the response otherwise", async () => {
    let seen: Response | undefined;
    const { server, port, sessions, ends } = await start(
      {},
      {
        async onRequest(_request, context) {
          const { session, response } = await context.stream({ headers: {} });
          sessions.push(session);
          seen = response;
          return new Response("elsewhere");
        },
      },
    );
    await get(port, { token: server.issue("ada") });
    const session = sessions[0] as EndpointSession;
    session.send("early\n");
    const reader = (seen as Response).body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    const next = async () => {
      const { value, done } = await reader.read();
      return done ? null : Buffer.from(value).toString();
    };
    expect(await next()).toBe("early\n");
    const waiting = next();
    session.send("one\n");
    expect(await waiting).toBe("one\n");
    session.send("two\n");
    session.send("three\n");
    session.close(1000, "");
    expect([await next(), await next()]).toEqual(["two\nthree\n", null]);
    expect(ends).toEqual([]);
    await server.settle();
    expect(server.app.stats()).toMatchObject({ connections: 0 });
  });

  test("whose web stream is cancelled ends its session", async () => {
    let seen: Response | undefined;
    const { server, port, sessions } = await start(
      {},
      {
        async onRequest(_request, context) {
          const { session, response } = await context.stream({ headers: {} });
          sessions.push(session);
          seen = response;
          return new Response("elsewhere");
        },
      },
    );
    await get(port, { token: server.issue("ada") });
    await seen?.body?.cancel();
    await server.settle();
    expect(server.app.stats()).toMatchObject({ connections: 0 });
  });
});
