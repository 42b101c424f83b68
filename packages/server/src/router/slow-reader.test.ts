import type { Position, SubscribeResult } from "@plexline/protocol";
import { createTestServer, probe, type RawClient, type TestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Page } from "../storage/storage.ts";

const KIB = 1024;
const filler = (bytes: number) => "x".repeat(bytes);

async function start(history: { entriesMax?: number } = {}) {
  const board = probe("board:{id}", { history: { entriesMax: 10_000, ...history } });
  const server = await createTestServer({ topics: { board, relay: probe("relay:{id}") } });
  onTestFinished(() => server.close());
  const publish = async (count: number, bytes: number, topic = "board:1") => {
    for (let index = 0; index < count; index += 1) await server.app.publish(topic, "e", filler(bytes));
  };
  return { server, publish };
}

const subscribe = (client: RawClient, topic: string, since?: Position) =>
  client.ask<SubscribeResult>({ type: "subscribe", topic, ...(since ? { since } : {}) });
const offsets = (client: RawClient, topic = "board:1") =>
  client
    .all("push")
    .filter((push) => push.topic === topic && push.offset !== undefined)
    .map(({ offset }) => offset);
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** A position before the first entry of a topic. */
async function beginning(server: TestServer, topic = "board:1"): Promise<Position> {
  const [window] = await server.storage.heads([`default/${topic}`]);
  return { epoch: window!.epoch, offset: 0 };
}

/** Notes every page that is read from now on. */
function watchReads(server: TestServer): Page[] {
  const pages: Page[] = [];
  const read = server.storage.read.bind(server.storage);
  server.storage.read = async (...args) => {
    const page = await read(...args);
    pages.push(page);
    return page;
  };
  return pages;
}

describe("recovering over a connection that does not read", () => {
  test("[R8] pages of at most 256 KiB are read as it drains, and what is published meanwhile follows", async () => {
    const { server, publish } = await start();
    await publish(100, 30 * KIB);
    const ada = await server.connect("ada");
    const link = server.linkOf(ada);
    const pages = watchReads(server);
    const since = await beginning(server);
    link.stall(true);
    ada.send({ type: "subscribe", ref: 1, topic: "board:1", since });
    await server.settle(100);
    expect(pages).toHaveLength(1);
    await publish(20, 30 * KIB);
    await server.settle(5_000);
    // Stalled: not one page more, and the connection stays.
    expect([pages.length, ada.closed]).toEqual([1, undefined]);
    link.stall(false);
    await server.settle(200);
    expect(offsets(ada)).toEqual(upTo(120));
    for (const { entries } of pages) {
      const bytes = entries.reduce((sum, { data }) => sum + data.byteLength, 0);
      expect(bytes).toBeLessThanOrEqual(256 * KIB);
    }
    await publish(1, 10);
    await server.settle();
    expect(offsets(ada).at(-1)).toBe(121);
    expect(ada.all("gap")).toEqual([]);
  });

  test("[R8] [R3] nothing is lost or repeated between the pages and the live tail, whatever is published when", async () => {
    const { server, publish } = await start();
    await publish(50, 20 * KIB);
    const since = await beginning(server);
    for (let round = 0; round < 12; round += 1) {
      const client = await server.connect(`user-${round}`);
      client.send({ type: "subscribe", ref: 1, topic: "board:1", since });
      const link = server.linkOf(client);
      for (let step = 0; step < 12; step += 1) {
        link.stall(server.random.chance(0.5));
        if (server.random.chance(0.5)) await publish(1 + server.random.integer(3), 100);
        if (server.random.chance(0.5)) await server.settle();
      }
      link.stall(false);
      await server.settle(100);
      const [window] = await server.storage.heads(["default/board:1"]);
      expect(offsets(client)).toEqual(upTo(window!.head));
      client.close();
    }
  });

  test("[R8] many topics recovering at once share the connection, which is never cut off for it", async () => {
    const { server, publish } = await start();
    const topics = upTo(20).map((id) => `board:${id}`);
    for (const topic of topics) await publish(9, 30 * KIB, topic);
    const ada = await server.connect("ada");
    for (const [index, topic] of topics.entries())
      ada.send({ type: "subscribe", ref: index, topic, since: await beginning(server, topic) });
    await server.settle(500);
    expect(ada.closed).toBeUndefined();
    for (const topic of topics) expect([topic, offsets(ada, topic)]).toEqual([topic, upTo(9)]);
  });

  test("[R9] [R1] if retention overtakes the reader it gets a gap with reason trimmed and goes on after it", async () => {
    const { server, publish } = await start({ entriesMax: 20 });
    await publish(20, 30 * KIB);
    const ada = await server.connect("ada");
    const link = server.linkOf(ada);
    const since = await beginning(server);
    link.stall(true);
    ada.send({ type: "subscribe", ref: 1, topic: "board:1", since });
    await server.settle();
    await publish(15, 30 * KIB);
    link.stall(false);
    await server.settle(100);
    const [gap] = ada.all("gap");
    expect(gap).toMatchObject({ reason: "trimmed", topic: "board:1", position: { epoch: since.epoch } });
    const at = ada.received.indexOf(gap!);
    const floor = gap!.position.offset;
    const before = ada.received.slice(0, at).filter((message) => "offset" in message);
    expect(offsets(ada)).toEqual([...upTo(before.length), ...upTo(35, floor + 1)]);
    expect([ada.all("gap").length, floor > before.length]).toEqual([1, true]);
  });

  test("[R8] unsubscribing while pages wait ends the reading", async () => {
    const { server, publish } = await start();
    await publish(40, 30 * KIB);
    const ada = await server.connect("ada");
    const pages = watchReads(server);
    const since = await beginning(server);
    server.linkOf(ada).stall(true);
    ada.send({ type: "subscribe", ref: 1, topic: "board:1", since });
    ada.send({ type: "unsubscribe", ref: 2, topic: "board:1" });
    await server.settle(50);
    server.linkOf(ada).stall(false);
    await server.settle(100);
    expect(pages.length).toBeLessThanOrEqual(1);
    const reply = ada.all("reply").find(({ ref }) => ref === 2)!;
    expect(ada.received.indexOf(reply)).toBe(ada.received.length - 1);
  });

  test("[S4] moving the subscription while pages wait starts over from the new position", async () => {
    const { server, publish } = await start();
    await publish(40, 30 * KIB);
    const ada = await server.connect("ada");
    const since = await beginning(server);
    server.linkOf(ada).stall(true);
    ada.send({ type: "subscribe", ref: 1, topic: "board:1", since });
    await server.settle();
    ada.send({ type: "subscribe", ref: 2, topic: "board:1", since: { ...since, offset: 35 } });
    await server.settle();
    server.linkOf(ada).stall(false);
    await server.settle(100);
    const second = ada.all("reply").find(({ ref }) => ref === 2)!;
    const after = ada.received.slice(ada.received.indexOf(second) + 1);
    expect(after.map((message) => ("offset" in message ? message.offset : message))).toEqual(upTo(40, 36));
  });
});

describe("live publications for a connection that does not read", () => {
  test("[L8] ephemeral events give way from the oldest on, and the newest arrive", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada, "relay:1");
    server.linkOf(ada).stall(true);
    for (let n = 1; n <= 400; n += 1)
      await server.app.publish("relay:1", "ephemeral", { n, filler: filler(8 * KIB) });
    await server.settle();
    server.linkOf(ada).stall(false);
    await server.settle(100);
    const numbers = ada.all("push").map(({ payload }) => (payload as { n: number }).n);
    expect(ada.closed).toBeUndefined();
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length).toBeLessThan(200);
    expect(numbers.slice(-100)).toEqual(upTo(400, 301));
  });

  test("[L8] [N2] of what coalesces only the latest arrives", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada, "relay:1");
    server.linkOf(ada).stall(true);
    for (let n = 1; n <= 500; n += 1)
      await server.app.publish("relay:1", "latest", { n, filler: filler(30 * KIB) });
    server.linkOf(ada).stall(false);
    await server.settle(100);
    const numbers = ada.all("push").map(({ payload }) => (payload as { n: number }).n);
    expect(ada.closed).toBeUndefined();
    expect(numbers.length).toBeLessThan(10);
    expect(numbers.at(-1)).toBe(500);
  });

  test("[L8] a logged publication that does not fit closes with 4590, and the client recovers without a loss", async () => {
    const { server, publish } = await start();
    const ada = await server.connect("ada");
    const bob = await server.connect("bob");
    const { resumeToken } = await ada.next("welcome");
    await subscribe(ada, "board:1");
    await subscribe(bob, "board:1");
    server.linkOf(ada).stall(true);
    for (let batch = 0; batch < 6; batch += 1) {
      await publish(10, 30 * KIB);
      await server.settle();
    }
    server.linkOf(ada).stall(false);
    expect(await ada.ended()).toMatchObject({
      code: 4590,
      reason: expect.stringMatching(/^SLOW_CONSUMER: /),
    });
    expect(offsets(bob)).toEqual(upTo(60));
    expect(offsets(ada)).toEqual(upTo(offsets(ada).length));
    const back = await server.connect("ada", { resume: resumeToken });
    await subscribe(back, "board:1", await beginning(server));
    await server.settle(100);
    expect(offsets(back)).toEqual(upTo(60));
  });

  test("[L8] below the bound nothing is lost and nobody is closed", async () => {
    const { server, publish } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada, "board:1");
    server.linkOf(ada).stall(true);
    await publish(30, 30 * KIB);
    await server.settle();
    server.linkOf(ada).stall(false);
    await server.settle(100);
    expect([ada.closed, offsets(ada)]).toEqual([undefined, upTo(30)]);
  });
});
