import { PlexlineError } from "@plexline/protocol";
import { createTestServer, probe, type RawClient, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Endpoint, EndpointSession } from "../feature/endpoint.ts";
import { createSink, KEEP, REFUSE } from "./sink.fixture.ts";

const unauthorized = ({ code }: PlexlineError) =>
  code.startsWith("TOKEN") ? { code: 3000, reason: `${code} of ours` } : null;

async function start(options: Partial<TestServerOptions> = {}) {
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board }, ...options });
  onTestFinished(() => server.close());
  const open = async (endpoint: Partial<Endpoint>, user: string | null = "ada") => {
    const credentials = user === null ? {} : { token: server.issue(user) };
    const received: unknown[] = [];
    const client = await server.open({ ...credentials, endpoint: { path: "/foreign", ...endpoint } });
    client.socket.onmessage = ({ data }) => void received.push(data);
    await server.settle();
    return { client, received };
  };
  return { server, board, open };
}

/** A gate that opens once. */
function createGate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("an endpoint", () => {
  test("gets its messages as they came, and its answers go out untouched", async () => {
    const { server, open } = await start();
    const heard: unknown[] = [];
    const { client, received } = await open({
      onMessage(ws, message) {
        heard.push(message);
        ws.send(typeof message === "string" ? `${ws.principal.id}: ${message}` : message);
      },
    });
    client.send("not { json");
    client.send(Uint8Array.of(1, 2));
    await server.settle();
    expect(heard).toEqual(["not { json", Uint8Array.of(1, 2)]);
    expect(received).toEqual(["ada: not { json", Uint8Array.of(1, 2)]);
  });

  test("messages wait while onConnect is under way, and follow it in their order", async () => {
    const { server, open } = await start();
    const gate = createGate();
    const events: string[] = [];
    const { client } = await open({
      async onConnect() {
        events.push("connecting");
        await gate.opened;
        events.push("connected");
      },
      onMessage: (_ws, message) => void events.push(String(message)),
    });
    for (const message of ["1", "2", "3"]) client.send(message);
    await server.settle();
    expect(events).toEqual(["connecting"]);
    gate.open();
    await server.settle();
    client.send("4");
    await server.settle();
    expect(events).toEqual(["connecting", "connected", "1", "2", "3", "4"]);
  });

  test("more messages than may wait for onConnect close with 1013", async () => {
    const { server, open } = await start({ limits: { connectQueueMax: 3 } });
    const heard: unknown[] = [];
    const { client } = await open({
      onConnect: () => new Promise(() => {}),
      onMessage: (_ws, message) => void heard.push(message),
    });
    for (const message of ["1", "2", "3"]) client.send(message);
    await server.settle();
    expect(client.closed).toBeUndefined();
    client.send("4");
    expect((await client.ended()).code).toBe(1013);
    expect(heard).toEqual([]);
  });

  test.each<[string, Partial<Endpoint>]>([
    [
      "onMessage throws",
      {
        onMessage: () => {
          throw new Error("secret");
        },
      },
    ],
    [
      "onMessage rejects",
      {
        onMessage: async () => {
          throw new Error("secret");
        },
      },
    ],
    [
      "onConnect throws",
      {
        onConnect: () => {
          throw new Error("secret");
        },
      },
    ],
    [
      "onConnect rejects",
      {
        onConnect: async () => {
          throw new Error("secret");
        },
      },
    ],
    [
      "onError throws as well",
      {
        onMessage: () => {
          throw new Error("secret");
        },
        onError: () => {
          throw new Error("worse");
        },
      },
    ],
  ])(
    "when %s, onError hears of it and the connection closes with 1011, and no other does",
    async (_name, callbacks) => {
      const { server, open } = await start();
      const errors: string[] = [];
      const { client: bystander, received } = await open({ onMessage: (ws) => ws.send("here") }, "bob");
      const { client } = await open({
        onError: (_ws, error) => void errors.push(error.message),
        ...callbacks,
      });
      if (!client.closed) client.send("go");
      const { code, reason } = await client.ended();
      expect([code, reason.includes("secret")]).toEqual([1011, false]);
      if (!callbacks.onError) expect(errors).toEqual(["secret"]);
      bystander.send("still there?");
      await server.settle();
      expect(received).toEqual(["here"]);
    },
  );

  test("onClose is called once, with the code and reason of the peer, also when it throws", async () => {
    const { server, open } = await start();
    const closes: unknown[] = [];
    const { client } = await open({
      onClose(_ws, code, reason) {
        closes.push([code, reason]);
        throw new Error("in onClose");
      },
    });
    client.close(4001, "bye");
    await server.settle();
    expect(closes).toEqual([[4001, "bye"]]);
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0 });
  });

  test("a bad token closes with the code that the endpoint names, else with 4401", async () => {
    const { open } = await start();
    const connected: unknown[] = [];
    const onConnect = (ws: EndpointSession) => void connected.push(ws.id);
    const { client: own } = await open({ closeFor: unauthorized, onConnect }, null);
    expect(await own.ended()).toMatchObject({ code: 3000, reason: expect.stringMatching(/^TOKEN_MISSING/) });
    const { client: usual } = await open({ onConnect }, null);
    expect((await usual.ended()).code).toBe(4401);
    expect(connected).toEqual([]);
  });

  test("[T5] [T6] expiry and revocation are the engine's: 4401 or the endpoint's own code, and 4403", async () => {
    const { server } = await start();
    const endpoint = { path: "/foreign", closeFor: unauthorized };
    const expiring = server.issue("ada", { expiresAtMs: server.clock.nowMs() + 1_000 });
    const ada = await server.open({ token: expiring, endpoint });
    const bob = await server.open({ token: server.issue("bob"), endpoint });
    await server.settle(1_100);
    expect((await ada.ended()).code).toBe(3000);
    await server.app.revocations.revokePrincipal({ tenant: "default", id: "bob" });
    expect((await bob.ended()).code).toBe(4403);
  });

  test("[L8] what it sends to a connection that does not read is bounded like anything else", async () => {
    const { server, open } = await start();
    let session: EndpointSession | undefined;
    const { client } = await open({
      onConnect: (ws) => {
        session = ws;
      },
    });
    const link = [...server.network.links].at(-1)!;
    link.stall(true);
    for (let n = 0; n < 40; n += 1) session!.send("x".repeat(40_000));
    link.stall(false);
    expect((await client.ended()).code).toBe(4590);
  });

  test("[L6] messages above the rate reach onLimited and not onMessage", async () => {
    const { server, open } = await start({ limits: { messagesBurstMax: 5 } });
    const heard: unknown[] = [];
    const errors: unknown[] = [];
    const { client } = await open({
      onMessage: (_ws, message) => void heard.push(message),
      onLimited: (_ws, { code }) => void errors.push(code),
    });
    for (let n = 0; n < 8; n += 1) client.send("m");
    await server.settle();
    expect([heard.length, errors]).toEqual([5, ["RATE_LIMITED", "RATE_LIMITED", "RATE_LIMITED"]]);
    expect(client.closed).toBeUndefined();
  });

  test("[L6] messages above the rate are taken and not read ahead where the endpoint lets them wait", async () => {
    const { server, open } = await start({ limits: { messagesBurstMax: 5 } });
    const heard: unknown[] = [];
    const errors: unknown[] = [];
    const { client } = await open({
      overRate: "wait",
      onMessage: (_ws, message) => void heard.push(message),
      onError: (_ws, error) => void errors.push(error),
    });
    const sent = Array.from({ length: 700 }, (_, index) => (index % 2 ? `${index}` : Uint8Array.of(index)));
    for (const message of sent) client.send(message);
    await server.settle();
    expect(heard).toHaveLength(5);
    await server.settle(12_000);
    expect(heard).toEqual(sent);
    expect([errors, client.closed]).toEqual([[], undefined]);
  });

  test("keepAlive is sent when nothing else has been for its time, and not before", async () => {
    const { server, open } = await start();
    let session: EndpointSession | undefined;
    const { received } = await open({
      keepAlive: { afterMs: 15_000, message: "still here" },
      onConnect: (ws) => {
        session = ws;
      },
    });
    for (let second = 0; second < 40; second += 1) {
      session?.send("news");
      await server.settle(1_000);
    }
    expect(new Set(received)).toEqual(new Set(["news"]));
    received.length = 0;
    await server.settle(13_500);
    expect(received).toEqual([]);
    await server.settle(1_500);
    expect(received).toEqual(["still here"]);
    await server.settle(15_500);
    expect(received).toEqual(["still here", "still here"]);
  });

  test("a session's own keepAlive takes the place of the endpoint's", async () => {
    const { server, open } = await start();
    const { received } = await open({
      keepAlive: { afterMs: 15_000, message: "endpoint" },
      onConnect: (ws) => ws.keepAlive("session", 5_000),
    });
    await server.settle(21_000);
    expect(received).toEqual(["session", "session", "session", "session"]);
  });

  test("[L3] keepAlive says nothing of the client: a silent one is given up all the same", async () => {
    const { server, open } = await start();
    const { client, received } = await open({ keepAlive: { afterMs: 5_000, message: Uint8Array.of(0) } });
    [...server.network.links].at(-1)?.cut({
      clientAfterMs: Number.POSITIVE_INFINITY,
      serverAfterMs: Number.POSITIVE_INFINITY,
    });
    await server.settle(36_000);
    expect(server.app.stats().connections).toBe(0);
    expect([client.closed, received]).toEqual([undefined, []]);
  });

  test("keepAlive ends with the connection, and does not pile up behind a client that does not read", async () => {
    const { server, open } = await start({ limits: { heartbeatIntervalMs: 1e8, heartbeatDeadlineMs: 2e8 } });
    const timersBefore = server.clock.pendingTimers;
    const { client, received } = await open({ keepAlive: { afterMs: 1_000, message: "x".repeat(40_000) } });
    const link = [...server.network.links].at(-1)!;
    link.stall(true);
    await server.settle(200_000);
    link.stall(false);
    await server.settle();
    // One fits into the socket's own buffer, and another while that one is not full.
    expect([received.length, client.closed]).toEqual([2, undefined]);
    client.close();
    await server.settle(10_000);
    expect([received.length, server.clock.pendingTimers]).toEqual([2, timersBefore]);
  });
});

describe("an endpoint's session", () => {
  /** Opens an endpoint and hands out its session. */
  async function session(server: Awaited<ReturnType<typeof start>>, user = "ada") {
    let made: EndpointSession | undefined;
    const opened = await server.open(
      {
        onConnect: (ws) => {
          made = ws;
        },
      },
      user,
    );
    return { ws: made!, ...opened };
  }
  const soon = async <T>(server: { settle(ms?: number): Promise<void> }, promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await server.settle(20);
    return promise;
  };

  test("subscribes with a translation: what happens there becomes a foreign message, or nothing", async () => {
    const world = await start();
    const { server } = world;
    const { ws, received } = await session(world);
    const result = await soon(
      server,
      ws.subscribe("board:1", {
        translate: (message) =>
          "type" in message && message.type === "push" && message.event !== "quiet"
            ? `> ${message.event} ${message.offset}`
            : null,
      }),
    );
    expect(result).toMatchObject({ topic: "board:1", head: 0, recovered: false });
    const bob: RawClient = await server.connect("bob");
    await bob.ask({ type: "publish", topic: "board:1", event: "loud" });
    await bob.ask({ type: "publish", topic: "board:1", event: "quiet" });
    await bob.ask({ type: "publish", topic: "board:1", event: "loud" });
    await server.settle();
    expect(received).toEqual(["> loud 1", "> loud 3"]);
    ws.unsubscribe("board:1");
    ws.unsubscribe("board:1");
    await server.settle();
    await bob.ask({ type: "publish", topic: "board:1", event: "loud" });
    await server.settle();
    expect(received).toHaveLength(2);
  });

  test("[R3] recovers from a position like anybody else", async () => {
    const world = await start();
    const { server } = world;
    for (let n = 1; n <= 3; n += 1) await server.app.publish("board:1", "e", n);
    const { ws, received } = await session(world);
    const translate = (message: object) => ("payload" in message ? String(message.payload) : null);
    const { position } = await soon(server, ws.subscribe("board:1", { translate }));
    await soon(server, ws.subscribe("board:1", { since: { epoch: position!.epoch, offset: 1 }, translate }));
    expect(received).toEqual(["2", "3"]);
  });

  test("sends what its translation says at once, in order, and only that of its topic is taken back", async () => {
    const world = await start();
    const { server } = world;
    const { ws, received } = await session(world);
    const translate = (message: object) => {
      if (!("event" in message)) return null;
      ws.send(`before ${message.event}`);
      return message.event === "alone" ? null : `${message.event}`;
    };
    await soon(server, ws.subscribe("board:1", { translate }));
    for (const event of ["one", "alone", "two"]) await server.app.publish("board:1", event, 0);
    await server.settle();
    expect(received).toEqual(["before one", "one", "before alone", "before two", "two"]);
  });

  test("ends with 1011 when its translation throws, and nobody else notices", async () => {
    const world = await start();
    const { server } = world;
    const bob = await server.connect("bob");
    await bob.ask({ type: "subscribe", topic: "board:1" });
    const { ws, client } = await session(world);
    await soon(
      server,
      ws.subscribe("board:1", {
        translate: () => {
          throw new Error("secret");
        },
      }),
    );
    await server.app.publish("board:1", "e", 1);
    expect(await client.ended()).toMatchObject({ code: 1011, reason: expect.not.stringMatching(/secret/) });
    expect(await bob.next("push")).toMatchObject({ event: "e" });
    expect(server.app.stats()).toMatchObject({ connections: 1, sessions: 1 });
  });

  test("[S9] its translation gets `unsubscribed` when the topic is taken away, and what waited does not arrive", async () => {
    const world = await start({ resources: "strict" });
    const { server } = world;
    const record = { topic: "board:1", tenant: "default", clearance: 0, viewers: [], openToTenant: false };
    await server.app.records.set({ ...record, owner: "owner", editors: ["ada"] });
    const { ws, received } = await session(world);
    const link = [...server.network.links].at(-1)!;
    const translate = (message: object) => {
      if (!("type" in message)) return null;
      if (message.type === "push") ws.send("x".repeat(40_000));
      return message.type === "push" ? "push" : JSON.stringify(message);
    };
    await soon(server, ws.subscribe("board:1", { translate }));
    link.stall(true);
    for (let n = 0; n < 4; n += 1) await server.app.publish("board:1", "e", n);
    await server.settle();
    await server.app.records.set({ ...record, owner: "owner", editors: [] });
    await server.settle(100);
    link.stall(false);
    await server.settle();
    // Two fit into the socket's buffer before it was full.
    expect(received.slice(0, -1).map((message) => String(message).length)).toEqual([40_000, 4, 40_000]);
    expect(JSON.parse(String(received.at(-1)))).toMatchObject({
      type: "unsubscribed",
      topic: "board:1",
      error: { code: "REVOKED" },
    });
  });

  test("sends binary messages under its own name, with the same checks", async () => {
    const sink = createSink("sink:{id}");
    const world = await start({ topics: { sink } });
    const { server } = world;
    const { ws } = await session(world);
    const send = (kind: number) => soon(server, ws.sendBinary("sink:1", kind, Uint8Array.of(7)));
    await expect(send(KEEP)).rejects.toMatchObject({ code: "NOT_SUBSCRIBED" });
    await soon(server, ws.subscribe("sink:1", { translate: () => null }));
    await send(KEEP);
    await expect(send(REFUSE)).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    expect(sink.taken).toEqual([Uint8Array.of(7), Uint8Array.of(7)]);
  });

  test("publishes, calls and sets presence under its own name, with the same checks", async () => {
    const world = await start();
    const { server } = world;
    const bob = await server.connect("bob");
    await bob.ask({ type: "subscribe", topic: "board:1" });
    const { ws } = await session(world);
    expect(await soon(server, ws.publish("board:1", "e", 1, { key: "k" }))).toMatchObject({
      position: { offset: 1 },
    });
    expect(await soon(server, ws.publish("board:1", "e", 1, { key: "k" }))).toMatchObject({ repeated: true });
    expect(await soon(server, ws.call("board:1", "echo", { x: 1 }))).toEqual({ output: { x: 1 } });
    expect((await bob.next("push")).user).toBe("ada");
    await expect(soon(server, ws.publish("board:1", "refuse", 1))).rejects.toMatchObject({
      code: "PAYLOAD_INVALID",
    });
    await expect(soon(server, ws.setPresence("board:1", 1))).rejects.toMatchObject({
      code: "NOT_SUBSCRIBED",
    });
    await expect(soon(server, ws.subscribe("nobody:1", { translate: () => null }))).rejects.toBeInstanceOf(
      PlexlineError,
    );
    await soon(server, ws.subscribe("board:1", { translate: () => null }));
    await soon(server, ws.setPresence("board:1", "here"));
    expect(await bob.next("presence-diff")).toMatchObject({ joins: [{ user: "ada", state: "here" }] });
  });

  test("ends with its connection: there is nothing to resume", async () => {
    const world = await start();
    const { ws, client } = await session(world);
    await soon(world.server, ws.subscribe("board:1", { translate: () => null }));
    client.close(1001);
    await world.server.settle();
    expect(world.server.app.stats()).toMatchObject({ sessions: 0, subscriptions: 0 });
    expect(world.board.events.at(-1)).toMatch(/^unsubscribe/);
  });
});

describe("an endpoint whose messages bring the token", () => {
  const inBand = (changes: Partial<Endpoint> = {}): Partial<Endpoint> => ({
    authentication: "in-band",
    async onMessage(ws, message) {
      try {
        const { id } = await ws.authenticate(String(message));
        ws.send(`hello ${id}`);
      } catch (error) {
        ws.send(PlexlineError.from(error).code);
      }
    },
    ...changes,
  });

  test("hears of nobody first, refuses a bad token and stays open, and then has a session", async () => {
    const { server, open } = await start();
    const seen: unknown[] = [];
    const onConnect = (ws: EndpointSession) => {
      try {
        seen.push(ws.principal);
      } catch (error) {
        seen.push(PlexlineError.from(error).code);
      }
    };
    const { client, received } = await open(inBand({ onConnect }), null);
    expect(seen).toEqual(["INTERNAL"]);
    client.send("nonsense");
    await server.settle();
    client.send(server.issue("ada"));
    await server.settle();
    expect(received).toEqual(["TOKEN_INVALID", "hello ada"]);
    expect(server.app.stats()).toMatchObject({ connections: 1, sessions: 1 });
  });

  test("is renewed by the same user's token and not by another's", async () => {
    const { server, open } = await start();
    const expiring: string[] = [];
    const { client, received } = await open(
      inBand({ onTokenExpiring: (ws) => void expiring.push(ws.principal.id) }),
      null,
    );
    client.send(server.issue("ada", { expiresAtMs: server.clock.nowMs() + 10_000 }));
    await server.settle(9_000);
    expect(expiring).toEqual(["ada"]);
    client.send(server.issue("bob"));
    client.send(server.issue("ada"));
    await server.settle(10_000);
    expect(received).toEqual(["hello ada", "FORBIDDEN", "hello ada"]);
    expect(client.closed).toBeUndefined();
  });

  test("[H7] nobody stays without saying who they are", async () => {
    const { server, open } = await start();
    const closed: number[] = [];
    const { client } = await open(inBand({ onClose: (_ws, code) => void closed.push(code) }), null);
    await server.settle(10_001);
    expect((await client.ended()).code).toBe(4508);
    await server.settle();
    expect(closed).toHaveLength(1);
  });
});
