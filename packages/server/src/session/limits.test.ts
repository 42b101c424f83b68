import type { ErrorBody } from "@plexline/protocol";
import {
  createTestServer,
  type Probe,
  probe,
  type RawClient,
  type TestServer,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createScriptedSocket } from "./scripted-socket.fixture.ts";

async function start(options: Partial<TestServerOptions> = {}) {
  const board: Probe = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board }, ...options });
  onTestFinished(async () => {
    board.release();
    await server.close();
  });
  return { server, board };
}

const ping = (client: RawClient, count: number) => {
  for (let index = 0; index < count; index += 1) client.send({ type: "ping" });
};
const limited = (client: RawClient) =>
  client.all("error").filter(({ error }) => error.code === "RATE_LIMITED");

/** Ada on a transport that has read far ahead: pausing comes too late for what it holds, and resuming brings nothing. */
async function readAhead(server: TestServer) {
  const { socket, request, receive, sent, closes } = createScriptedSocket();
  server.app.accept(socket, { token: server.issue("ada"), source: "subprotocol", request });
  receive({ type: "hello" });
  await server.settle();
  const replies = () => sent.filter(({ type }) => type === "reply") as { ref: number; error?: ErrorBody }[];
  return { receive, replies, closes };
}

describe("the rate of a connection", () => {
  test("[L6] 240 messages may come at once; the next is refused with retryAfterMs and not acted on", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    // hello counts as one.
    ping(ada, 239);
    ada.send({ type: "publish", ref: 9, topic: "board:1", event: "e" });
    await server.settle();
    expect(ada.all("pong")).toHaveLength(239);
    expect(await ada.next("reply", { ref: 9 })).toMatchObject({
      error: { code: "RATE_LIMITED", retryAfterMs: 17 },
    });
    expect(board.runs).toBe(0);
    await server.settle(17);
    await ada.ask({ type: "publish", topic: "board:1", event: "e" });
  });

  test("[L6] 60 messages a second over time are accepted", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    for (let second = 0; second < 20; second += 1) {
      ping(ada, 60);
      await server.settle(1_000);
    }
    expect([ada.all("pong").length, limited(ada)]).toEqual([1_200, []]);
  });

  test("[L6] a service has a rate of its own", async () => {
    const { server } = await start();
    const service = await server.connect("backend", { token: server.issue("backend", { kind: "service" }) });
    ping(service, 5_000);
    await server.settle();
    expect([service.all("pong").length, limited(service)]).toEqual([5_000, []]);
  });

  test("[L7] keeping it up for 10 seconds closes with 4529; a pause of more than 2 seconds starts the count anew", async () => {
    const { server } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    ping(ada, 240);
    ping(bob, 240);
    for (let second = 0; second < 11; second += 1) {
      ping(ada, 70);
      if (second !== 5 && second !== 6 && second !== 7) ping(bob, 70);
      await server.settle(1_000);
    }
    expect(await ada.ended()).toMatchObject({ code: 4529, reason: expect.stringMatching(/^RATE_LIMITED: /) });
    expect(limited(bob).length).toBeGreaterThan(0);
    expect(bob.closed).toBeUndefined();
  });
});

describe("unanswered requests", () => {
  test("[L9] with 256 the server stops reading until half of them are answered", async () => {
    const { server, board } = await start({ limits: { messagesBurstMax: 10_000 } });
    const ada = await server.connect("ada");
    board.hold();
    for (let ref = 1; ref <= 300; ref += 1)
      ada.send({ type: "call", ref, topic: "board:1", command: "held" });
    await server.settle(100);
    expect(board.runs).toBe(256);
    board.release();
    await server.settle(100);
    expect(board.runs).toBe(300);
    expect(ada.all("reply").filter(({ ok }) => ok)).toHaveLength(300);
  });

  test("[L9] what had been read already is answered REQUESTS_MAX from the 513th on", async () => {
    const { server, board } = await start({ limits: { messagesBurstMax: 10_000 } });
    const { receive, replies } = await readAhead(server);
    board.hold();
    for (let ref = 1; ref <= 520; ref += 1) receive({ type: "call", ref, topic: "board:1", command: "held" });
    await server.settle();
    expect(replies().map(({ ref, error }) => [ref, error?.code])).toEqual(
      [513, 514, 515, 516, 517, 518, 519, 520].map((ref) => [ref, "REQUESTS_MAX"]),
    );
    board.release();
    await server.settle();
    expect(replies()).toHaveLength(520);
  });

  test("[L9] [L3] the time in which the server does not read is no silence of the client", async () => {
    const { server, board } = await start({ limits: { messagesBurstMax: 10_000, handlerTimeoutMs: 40_000 } });
    const { receive, closes } = await readAhead(server);
    board.hold();
    for (let ref = 1; ref <= 256; ref += 1) receive({ type: "call", ref, topic: "board:1", command: "held" });
    await server.settle(34_000);
    board.release();
    await server.settle(30_000);
    expect(closes).toEqual([]);
    await server.settle(6_000);
    expect(closes).toEqual([4508]);
  });

  test("handlers that never settle hold up their own caller only, and only until their deadline", async () => {
    const { server, board } = await start({ limits: { messagesBurstMax: 10_000 } });
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    for (let ref = 1; ref <= 257; ref += 1)
      ada.send({ type: "call", ref, topic: "board:1", command: "never" });
    await server.settle();
    await bob.ask({ type: "call", topic: "board:1", command: "echo" });
    expect(board.runs).toBe(257);
    await server.settle(10_100);
    expect(ada.all("reply")).toHaveLength(256);
    ada.send({ type: "call", ref: 1_000, topic: "board:1", command: "echo" });
    expect(await ada.next("reply", { ref: 1_000 })).toMatchObject({ ok: true });
  });
});

describe("signs of life", () => {
  test("[L1] a ping is answered with one pong", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    ping(ada, 1);
    await ada.next("pong");
    await server.settle();
    expect(ada.all("pong")).toHaveLength(1);
  });

  test("[L2] [L3] a silent client is asked after 30 seconds and given up after 35", async () => {
    const { server } = await start();
    const ada = await server.connect("ada", { answersPings: false });
    await server.settle(29_500);
    expect(ada.all("ping")).toEqual([]);
    await server.settle(1_500);
    expect(ada.all("ping")).toHaveLength(1);
    await server.settle(3_500);
    expect(ada.closed).toBeUndefined();
    await server.settle(1_500);
    expect(ada.closed).toBeDefined();
    expect(ada.all("error").at(-1)?.error.code).toBe("HEARTBEAT_TIMEOUT");
    expect(server.app.stats().connections).toBe(0);
  });

  test("[L2] one that answers, or says anything at all, stays", async () => {
    const { server } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob", { answersPings: false })];
    for (let round = 0; round < 6; round += 1) {
      await server.settle(20_000);
      bob.send({ type: "pong" });
    }
    expect([ada.closed, bob.closed, bob.all("ping")]).toEqual([undefined, undefined, []]);
    expect(ada.all("ping").length).toBeGreaterThan(2);
  });

  test("[L3] a line that is dead in both directions is given up too, and its session waits to be resumed", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    const { resumeToken } = await ada.next("welcome");
    server
      .linkOf(ada)
      .cut({ clientAfterMs: Number.POSITIVE_INFINITY, serverAfterMs: Number.POSITIVE_INFINITY });
    await server.settle(36_000);
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 1 });
    const back = await server.connect("ada", { resume: resumeToken });
    expect(await back.next("welcome")).toMatchObject({ resumed: true });
  });
});
