import type { Position, PushMessage, SubscribeResult } from "@plexline/protocol";
import { createTestClock, createTestServer, probe, type RawClient, type TestClock } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

const filler = "x".repeat(2_000);
const WINDOW_MS = 500;

/** A clock on which no tick gathers anything: each publication is handed out by itself. */
function undeferred(): TestClock {
  return { ...createTestClock(), defer: (callback) => callback() };
}

const WAYS = [
  { way: "gathered in a tick", clock: createTestClock, flushWindowMs: 0 },
  { way: "gathered in a window", clock: createTestClock, flushWindowMs: WINDOW_MS },
  { way: "handed out one by one", clock: undeferred, flushWindowMs: 0 },
];

async function start({ clock, flushWindowMs }: { clock: () => TestClock; flushWindowMs: number }) {
  const board = { ...probe("board:{id}", { history: {} }), flushWindowMs };
  const relay = { ...probe("relay:{id}"), flushWindowMs };
  const server = await createTestServer({ topics: { board, relay }, clock: clock() });
  onTestFinished(() => server.close());
  const publish = (from: number, to = from, topic = "board:1", event = "e") =>
    Promise.all(
      Array.from({ length: to - from + 1 }, (_, index) => server.app.publish(topic, event, from + index)),
    );
  const join = async (user: string, topic = "board:1") => {
    const client = await server.connect(user);
    return { client, result: await subscribe(client, topic) };
  };
  return { server, publish, join };
}

/** A server whose topics hold back all but the first publication until the window ends. */
const startHeld = () => start({ clock: createTestClock, flushWindowMs: WINDOW_MS });

const subscribe = (client: RawClient, topic: string, since?: Position) =>
  client.ask<SubscribeResult>({ type: "subscribe", topic, ...(since ? { since } : {}) });
const payloads = (client: RawClient, topic = "board:1") =>
  client
    .all("push")
    .filter((push) => push.topic === topic)
    .map(({ payload }) => payload);
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
/** Replies and pushes in the order of their arrival: `reply 3` is the answer that names offset 3. */
const story = (client: RawClient) =>
  client.received.flatMap((message) => {
    if (!("type" in message)) return [];
    if (message.type === "push") return [`push ${(message as PushMessage).offset ?? message.payload}`];
    if (message.type !== "reply" || !message.ok) return [];
    const { position } = (message.result ?? {}) as { position?: Position | null };
    return position === undefined ? [] : [`reply ${position?.offset ?? "none"}`];
  });

describe.each(WAYS)("publications $way", (way) => {
  test("[R3] reach everybody once and in order, over several topics", async () => {
    const { server, publish, join } = await start(way);
    const clients = [(await join("ada")).client, (await join("bob")).client];
    for (const client of clients) await subscribe(client, "relay:1");
    for (let n = 0; n < 5; n += 1) {
      await publish(n * 10 + 1, n * 10 + 10);
      await publish(n * 10 + 1, n * 10 + 10, "relay:1");
      await server.settle(n * 200);
    }
    await server.settle(WINDOW_MS);
    for (const client of clients) {
      expect(payloads(client)).toEqual(upTo(50));
      expect(payloads(client, "relay:1")).toEqual(upTo(50));
      expect(client.all("gap")).toEqual([]);
    }
  });

  test("come before the reply to the request that made them", async () => {
    const { server, join } = await start(way);
    const { client } = await join("ada");
    for (let n = 1; n <= 6; n += 1)
      client.send({ type: "publish", ref: 100 + n, topic: "board:1", event: "e", payload: n });
    await server.settle(WINDOW_MS * 2);
    const order = story(client).slice(1);
    expect(order).toHaveLength(12);
    for (let n = 1; n <= 6; n += 1)
      expect(order.indexOf(`push ${n}`)).toBeLessThan(order.indexOf(`reply ${n}`));
    expect(payloads(client)).toEqual(upTo(6));
  });

  test("of the ephemeral family come before the reply as well", async () => {
    const { server, join } = await start(way);
    const { client } = await join("ada", "relay:1");
    client.send({ type: "publish", ref: 101, topic: "relay:1", event: "ephemeral", payload: 1 });
    client.send({ type: "publish", ref: 102, topic: "relay:1", event: "ephemeral", payload: 2 });
    await server.settle(WINDOW_MS * 2);
    const order = story(client).slice(1);
    expect(order.indexOf("push 2")).toBeLessThan(order.lastIndexOf("reply none"));
    expect(order.indexOf("push 1")).toBeLessThan(order.indexOf("reply none"));
    expect(payloads(client, "relay:1")).toEqual([1, 2]);
  });

  test("that a slow reader cannot take follow their own policies, and the others notice nothing", async () => {
    const { server, join } = await start(way);
    const [slow, ready] = [(await join("ada", "relay:1")).client, (await join("bob", "relay:1")).client];
    server.linkOf(slow).stall(true);
    const send = (event: string, count: number) =>
      Promise.all(Array.from({ length: count }, () => server.app.publish("relay:1", event, filler)));
    // Each round fits a socket that is read; together they are more than an outbox holds.
    for (let round = 0; round < 40; round += 1) {
      await send("ephemeral", 20);
      await send("latest", 5);
      await server.settle(WINDOW_MS);
    }
    expect([slow.closed, payloads(ready, "relay:1").length]).toEqual([undefined, 1_000]);
    expect(server.app.stats().messageQueueSize).toBeLessThan(600);
    for (let round = 0; round < 30; round += 1) {
      await send("must", 25);
      await server.settle(WINDOW_MS);
    }
    server.linkOf(slow).stall(false);
    await server.settle(WINDOW_MS * 2);
    expect(slow.closed?.code).toBe(4590);
    expect(payloads(ready, "relay:1")).toHaveLength(1_750);
    expect(ready.closed).toBeUndefined();
  });

  test("that a reader could not take are recovered when it is back", async () => {
    const { server, publish, join } = await start(way);
    const { client, result } = await join("ada");
    const welcome = await client.next("welcome");
    server.linkOf(client).cut({ clientAfterMs: 0, serverAfterMs: 50 });
    await publish(1, 20);
    await server.settle(100);
    await publish(21, 30);
    const again = await server.connect("ada", { resume: welcome.resumeToken });
    await subscribe(again, "board:1", result.position ?? undefined);
    await publish(31, 40);
    await server.settle(WINDOW_MS * 2);
    expect(payloads(again)).toEqual(upTo(40));
  });
});

describe("while publications are being gathered", () => {
  test("a newcomer gets none from before its position, and all after it", async () => {
    const { server, publish, join } = await startHeld();
    const { client: ada } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    const { client: bob, result } = await join("bob");
    expect(result.position?.offset).toBe(3);
    expect([payloads(ada), payloads(bob)]).toEqual([[1], []]);
    await publish(4);
    await server.settle(WINDOW_MS);
    expect([payloads(ada), payloads(bob)]).toEqual([upTo(4), [4]]);
  });

  test("a newcomer with an older position recovers up to them, once", async () => {
    const { server, publish, join } = await startHeld();
    const { result } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    const bob = await server.connect("bob");
    await subscribe(bob, "board:1", result.position as Position);
    await server.settle();
    expect(payloads(bob)).toEqual(upTo(3));
    await publish(4);
    await server.settle(WINDOW_MS);
    expect(payloads(bob)).toEqual(upTo(4));
  });

  test("one that moves to another position starts there", async () => {
    const { server, publish, join } = await startHeld();
    const { client, result } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    await subscribe(client, "board:1", result.position as Position);
    await publish(4);
    await server.settle(WINDOW_MS);
    expect(payloads(client)).toEqual([1, 2, 3, 1, 2, 3, 4]);
  });

  test("a leaver gets what was published before its unsubscribe, then the reply, and nothing after", async () => {
    const { server, publish, join } = await startHeld();
    const { client } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    await client.ask({ type: "unsubscribe", topic: "board:1" });
    expect(payloads(client)).toEqual(upTo(3));
    await publish(4);
    await server.settle(WINDOW_MS);
    expect(payloads(client)).toEqual(upTo(3));
  });

  test("[S9] what is gathered for somebody who loses access is taken back", async () => {
    const { server, publish, join } = await startHeld();
    const record = { topic: "board:1", tenant: "default", clearance: 0, owner: "o", viewers: [] };
    await server.app.records.set({ ...record, editors: ["ada", "bob"], openToTenant: false });
    const [{ client: ada }, { client: bob }] = [await join("ada"), await join("bob")];
    await publish(1);
    await server.settle();
    await publish(2, 3);
    await server.app.records.set({ ...record, editors: ["bob"], openToTenant: false });
    await ada.next("unsubscribed");
    await publish(4);
    await server.settle(WINDOW_MS);
    expect([payloads(ada), payloads(bob)]).toEqual([[1], upTo(4)]);
  });

  test("a reply about anything else comes after them", async () => {
    const { server, publish, join } = await startHeld();
    const { client } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    await client.ask({ type: "call", topic: "board:1", command: "echo", input: 1 });
    expect(payloads(client)).toEqual(upTo(3));
  });

  test("a close comes after them", async () => {
    const { server, publish, join } = await startHeld();
    const { client } = await join("ada");
    await publish(1);
    await server.settle();
    await publish(2, 3);
    client.send({ type: "hello" });
    await server.settle(10);
    expect(client.closed).toBeDefined();
    expect(payloads(client)).toEqual(upTo(3));
  });

  test("the sender of a relayed message that is left out keeps its place in the order", async () => {
    const { server, join } = await startHeld();
    const [{ client: ada, result }, { client: bob }] = [
      await join("ada", "relay:1"),
      await join("bob", "relay:1"),
    ];
    await server.app.publish("relay:1", "e", 1);
    await server.settle();
    await server.app.publish("relay:1", "e", 2);
    ada.send(Uint8Array.of(result.alias, 1, 9));
    await server.settle(1);
    await server.app.publish("relay:1", "e", 3);
    await server.settle(WINDOW_MS);
    const seen = (client: RawClient) =>
      client.received.flatMap((message) =>
        message instanceof Uint8Array ? ["binary"] : message.type === "push" ? [message.payload] : [],
      );
    expect([seen(ada), seen(bob)]).toEqual([
      [1, 2, 3],
      [1, 2, "binary", 3],
    ]);
  });
});
