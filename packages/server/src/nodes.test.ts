import type { SubscribeResult } from "@plexline/protocol";
import { createTestClock, createTestServer, probe, type RawClient } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryBus } from "./broker/memory.ts";

type Delivery = (arrive: () => void) => void;

/** Two nodes with one storage and clock, and a bus that the test can hinder. */
async function start() {
  const clock = createTestClock();
  const bus = { deliver: queueMicrotask as Delivery };
  const { connect } = createMemoryBus((arrive) => bus.deliver(arrive));
  const topics = () => ({ board: probe("board:{id}", { history: {} }), other: probe("other:{id}") });
  const a = await createTestServer({ topics: topics(), clock, broker: connect(), seed: 1 });
  const b = await createTestServer({
    topics: topics(),
    clock,
    broker: connect(),
    seed: 2,
    storage: a.storage,
  });
  onTestFinished(async () => {
    await a.close();
    await b.close();
  });
  const [ada, bob] = [await a.connect("ada"), await b.connect("bob")];
  for (const client of [ada, bob]) await client.ask({ type: "subscribe", topic: "board:1" });
  return { a, b, ada, bob, bus };
}

const offsets = (client: RawClient) => client.all("push").map(({ offset }) => offset);
const publish = (client: RawClient, event = "e") => client.ask({ type: "publish", topic: "board:1", event });

describe("two nodes on one storage", () => {
  test("[D12] publications cross, logged ones with their offsets", async () => {
    const { a, ada, bob } = await start();
    await publish(ada);
    await publish(bob);
    await publish(ada, "ephemeral");
    await a.settle(5);
    for (const client of [ada, bob])
      expect(client.all("push").map(({ event, offset, user }) => [event, offset, user])).toEqual([
        ["e", 1, "ada"],
        ["e", 2, "bob"],
        ["ephemeral", undefined, "ada"],
      ]);
  });

  test("[D12] a lost hint delays and never loses: the next one heals it", async () => {
    const { a, ada, bob, bus } = await start();
    bus.deliver = () => {};
    await publish(ada);
    await publish(ada);
    await a.settle(5);
    expect([offsets(ada), offsets(bob)]).toEqual([[1, 2], []]);
    bus.deliver = queueMicrotask;
    await publish(ada);
    await a.settle(5);
    expect(offsets(bob)).toEqual([1, 2, 3]);
  });

  test("[D12] a node that missed hints heals itself with its own next publication", async () => {
    const { a, ada, bob, bus } = await start();
    bus.deliver = () => {};
    await publish(ada);
    await publish(bob);
    await a.settle(5);
    expect(offsets(bob)).toEqual([1, 2]);
  });

  test("[D6] [D12] hints that are delayed, repeated or reordered change no order", async () => {
    const { a, ada, bob, bus } = await start();
    const waiting: (() => void)[] = [];
    bus.deliver = (arrive) => void waiting.push(arrive, arrive);
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([publish(ada), publish(bob)]);
      waiting.sort(() => a.random.next() - 0.5);
      for (const arrive of waiting.splice(0, a.random.integer(4))) arrive();
    }
    for (const arrive of waiting) arrive();
    await a.settle(20);
    const all = Array.from({ length: 20 }, (_, index) => index + 1);
    expect([offsets(ada), offsets(bob)]).toEqual([all, all]);
  });

  test("[P2] the reply comes after the push, also when the other node was first", async () => {
    const { ada, bob, bus } = await start();
    bus.deliver = () => {};
    await publish(ada);
    const count = bob.received.length;
    await publish(bob);
    const types = bob.received.slice(count).map((message) => ("type" in message ? message.type : "binary"));
    expect(types).toEqual(["push", "push", "reply"]);
  });

  test("[R3] a client that comes from a node that is ahead recovers, although no hint has arrived", async () => {
    const { b, ada, bus } = await start();
    bus.deliver = () => {};
    await publish(ada);
    await publish(ada);
    const [window] = await b.storage.heads(["default/board:1"]);
    const moved = await b.connect("ada");
    const since = { epoch: window!.epoch, offset: 2 };
    const result = await moved.ask<SubscribeResult>({ type: "subscribe", topic: "board:1", since });
    expect(result).toMatchObject({ recovered: true, position: since, head: 2 });
    bus.deliver = queueMicrotask;
    await publish(ada);
    await b.settle(5);
    expect(offsets(moved)).toEqual([3]);
  });

  test("[K2] a logged key is known to the node that has seen the entry", async () => {
    const { a, ada, b } = await start();
    const request = { type: "publish", topic: "board:1", event: "e", key: "k" };
    const first = await ada.ask(request);
    await a.settle(5);
    const elsewhere = await b.connect("ada");
    expect(await elsewhere.ask(request)).toEqual({ ...first, repeated: true });
  });

  test("[B4] binary messages carry the alias of the node they arrive at", async () => {
    const { a, b, ada, bob } = await start();
    await bob.ask({ type: "subscribe", topic: "other:1" });
    const atB = await bob.ask<SubscribeResult>({ type: "subscribe", topic: "other:2" });
    const atA = await ada.ask<SubscribeResult>({ type: "subscribe", topic: "other:2" });
    expect(atA.alias).not.toBe(atB.alias);
    ada.send(Uint8Array.of(atA.alias, 5, 42));
    await a.settle(5);
    await b.settle(5);
    expect([...(bob.received.at(-1) as Uint8Array)]).toEqual([atB.alias, 5, 42]);
  });

  test("garbage on the bus hurts nobody", async () => {
    const clock = createTestClock();
    const bus = createMemoryBus();
    const server = await createTestServer({
      topics: { board: probe("board:{id}", { history: {} }) },
      clock,
      broker: bus.connect(),
    });
    onTestFinished(() => server.close());
    const ada = await server.connect("ada");
    await ada.ask({ type: "subscribe", topic: "board:1" });
    const stranger = bus.connect();
    for (const text of ["", "{", '{"kind":"relay"}', '{"kind":"head","position":{"epoch":"f","offset":9}}'])
      stranger.publish("default/board:1", new TextEncoder().encode(text));
    await server.settle(5);
    await publish(ada);
    expect([offsets(ada), ada.all("gap")]).toEqual([[1], []]);
  });
});
