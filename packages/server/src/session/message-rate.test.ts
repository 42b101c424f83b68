import { createTestServer, type RawClient, type TestServer, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createScriptedSocket } from "./scripted-socket.fixture.ts";
import { createSink, HOLD, KEEP, numbered, numbersOf } from "./sink.fixture.ts";

async function start(limits: TestServerOptions["limits"] = {}) {
  const sink = createSink("sink:{id}");
  const server = await createTestServer({ topics: { sink }, limits });
  onTestFinished(async () => {
    sink.release();
    await server.close();
  });
  return { server, sink };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const errors = (client: RawClient) => client.all("error").map(({ error }) => error.code);

async function subscribe(server: TestServer, user: string) {
  const client = await server.connect(user);
  const { alias } = await client.ask<{ alias: number }>({ type: "subscribe", topic: "sink:1" });
  return { client, alias };
}

/** Ada on a socket that has read everything already, subscribed. */
async function readAhead(server: TestServer) {
  const scripted = createScriptedSocket();
  const { socket, request, receive, sent } = scripted;
  server.app.accept(socket, { token: server.issue("ada"), source: "subprotocol", request });
  receive({ type: "hello" });
  await server.settle();
  receive({ type: "subscribe", ref: 1, topic: "sink:1" });
  await server.settle();
  const { result } = sent.at(-1) as unknown as { result: { alias: number } };
  return { scripted, alias: result.alias };
}

describe("binary messages above the rate", () => {
  test("[L6] are taken, one and all and in order, at the rate", async () => {
    const { server, sink } = await start();
    const { client, alias } = await subscribe(server, "ada");
    for (const number of upTo(600)) client.send(numbered(alias, number));
    await server.settle();
    // hello and subscribe count as one each; with the last token of the burst reading stops.
    expect(sink.taken).toHaveLength(238);
    await server.settle(1_000);
    expect(sink.taken.length).toBeGreaterThanOrEqual(238 + 55);
    expect(sink.taken.length).toBeLessThanOrEqual(238 + 60);
    await server.settle(7_000);
    expect(numbersOf(sink.taken)).toEqual(upTo(600));
    expect(errors(client)).toEqual([]);
  });

  test("[L6] what is said after them waits its turn and is not refused", async () => {
    const { server, sink } = await start();
    const { client, alias } = await subscribe(server, "ada");
    for (const number of upTo(300)) client.send(numbered(alias, number));
    client.send({ type: "call", ref: 99, topic: "sink:1", command: "after" });
    await server.settle();
    expect(client.all("reply").map(({ ref }) => ref)).not.toContain(99);
    expect(await client.next("reply", { ref: 99 })).toMatchObject({ ok: true });
    expect(sink.taken).toHaveLength(300);
  });

  test("[L7] never close the connection, however long it goes on, and nobody else waits", async () => {
    const { server, sink } = await start();
    const { client, alias } = await subscribe(server, "ada");
    const bob = await server.connect("bob");
    for (const number of upTo(2_000)) client.send(numbered(alias, number));
    for (const second of upTo(30)) {
      await server.settle(1_000);
      bob.send({ type: "call", ref: 1_000 + second, topic: "sink:1", command: "c" });
      await server.settle();
      expect(bob.all("reply").at(-1)).toMatchObject({ ref: 1_000 + second, ok: true });
    }
    expect(numbersOf(sink.taken)).toEqual(upTo(2_000));
    expect([client.closed, errors(client)]).toEqual([undefined, []]);
  });

  test("[L6] what the socket had read before it stopped is taken too, and paid back before it is read again", async () => {
    const { server, sink } = await start({ messagesBurstMax: 10 });
    const { scripted, alias } = await readAhead(server);
    for (const number of upTo(70)) scripted.receive(numbered(alias, number));
    await server.settle();
    expect(numbersOf(sink.taken)).toEqual(upTo(70));
    expect(scripted.turns).toEqual(["pause"]);
    // Eight of them were allowed; 62 and the one that may come next take 63 / 60 s.
    await server.settle(1_040);
    expect(scripted.isPaused).toBe(true);
    await server.settle(20);
    expect(scripted.turns).toEqual(["pause", "resume"]);
    expect(scripted.sent.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("[L6] [L9] a connection with too many requests as well is read again when neither stands in the way", async () => {
    const { server, sink } = await start({ messagesBurstMax: 10, requestsInFlightMax: 8 });
    const { scripted, alias } = await readAhead(server);
    // The burst is used up and eight requests are under way.
    for (const number of upTo(8)) scripted.receive(numbered(alias, number, HOLD));
    await server.settle(1_000);
    expect(scripted.turns).toEqual(["pause"]);
    sink.release();
    await server.settle();
    expect(scripted.turns).toEqual(["pause", "resume"]);

    for (const number of upTo(15)) scripted.receive(numbered(alias, number, number < 8 ? HOLD : KEEP));
    await server.settle();
    sink.release();
    await server.settle(80);
    expect(scripted.turns).toEqual(["pause", "resume", "pause"]);
    await server.settle(30);
    expect(scripted.turns).toEqual(["pause", "resume", "pause", "resume"]);
    expect(sink.taken).toHaveLength(23);
  });

  test("[L6] leave no timer behind when the connection ends meanwhile", async () => {
    const timersAfter = async (messages: number) => {
      const { server } = await start({ messagesBurstMax: 10, messagesPerSecondMax: 0.01, resumeWindowMs: 0 });
      const { scripted, alias } = await readAhead(server);
      for (const number of upTo(messages)) scripted.receive(numbered(alias, number));
      await server.settle();
      const during = server.clock.pendingTimers;
      scripted.end();
      await server.settle();
      return { during, after: server.clock.pendingTimers };
    };
    const calm = await timersAfter(1);
    expect(await timersAfter(20)).toEqual({ during: calm.during + 1, after: calm.after });
  });
});

describe("large binary messages", () => {
  const large = (alias: number, number: number, bytes: number) =>
    Uint8Array.from([...numbered(alias, number), ...new Uint8Array(bytes)]);

  test("[L6] count as one for every 16 KiB begun", async () => {
    const { server, sink } = await start();
    const { client, alias } = await subscribe(server, "ada");
    for (const number of upTo(100)) client.send(large(alias, number, 40_000));
    await server.settle();
    // Three each, of what hello and subscribe have left.
    expect(sink.taken).toHaveLength(80);
    await server.settle(1_000);
    expect(sink.taken.length).toBe(100);
  });
});

describe("a person's burst", () => {
  const flood = (client: RawClient, alias: number) => {
    for (const number of upTo(300)) client.send(numbered(alias, number));
  };

  test("[L6] is not fresh on another connection: what the last one left and what has come back", async () => {
    const { server, sink } = await start();
    const first = await subscribe(server, "ada");
    flood(first.client, first.alias);
    await server.settle();
    first.client.close();
    await server.settle(1_000);
    const before = sink.taken.length;

    const second = await subscribe(server, "ada");
    flood(second.client, second.alias);
    await server.settle();
    expect(sink.taken.length - before).toBeLessThanOrEqual(60);
    await server.settle(1_000);
    expect(sink.taken.length - before).toBeGreaterThan(60);
  });

  test("[L6] somebody else's is their own, and after a pause it is whole again", async () => {
    const { server, sink } = await start();
    const first = await subscribe(server, "ada");
    flood(first.client, first.alias);
    await server.settle();
    first.client.close();
    await server.settle();
    let before = sink.taken.length;
    const other = await subscribe(server, "ben");
    flood(other.client, other.alias);
    await server.settle();
    expect(sink.taken.length - before).toBe(238);

    other.client.close();
    await server.settle(10_000);
    before = sink.taken.length;
    const again = await subscribe(server, "ada");
    flood(again.client, again.alias);
    await server.settle();
    expect(sink.taken.length - before).toBe(238);
  });
});
