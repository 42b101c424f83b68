import { decodeBinaryMessage, encodeBinaryMessage, type SubscribeResult } from "@plexline/protocol";
import {
  BROADCAST_KIND,
  broadcastProbe,
  createFaultyStorage,
  createSeededRandom,
  createTestClock,
  createTestServer,
  type RawClient,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryBus } from "../broker/memory.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { COMMITTED_INTERVAL_MS } from "./committed-notices.ts";

const PAD = "pad:1";
const KEY = `default/${PAD}`;
const byte = (value: number) => Uint8Array.of(value);

/** Nodes on one storage, each with somebody subscribed. */
async function start(nodeCount: number) {
  const clock = createTestClock();
  const bus = { deliver: queueMicrotask as (arrive: () => void) => void };
  const { connect } = createMemoryBus((arrive) => bus.deliver(arrive));
  const disk = createMemoryStorage({ random: createSeededRandom(1) });
  const startNode = async (index: number) => {
    const storage = createFaultyStorage(disk);
    const pad = broadcastProbe("pad:{id}");
    const server = await createTestServer({
      topics: { pad },
      clock,
      storage,
      broker: connect(),
      seed: index,
    });
    const client = await server.connect(`user-${index}`);
    const { alias } = await client.ask<SubscribeResult>({ type: "subscribe", topic: PAD });
    return { storage, pad, server, client, alias };
  };
  const nodes: Awaited<ReturnType<typeof startNode>>[] = [];
  for (let index = 0; index < nodeCount; index += 1) nodes.push(await startNode(index));
  onTestFinished(async () => {
    for (const { server } of nodes) await server.close();
  });
  return { nodes, disk, bus, settle: (ms = 0) => nodes[0]!.server.settle(ms) };
}

const send = ({ client, alias }: { client: RawClient; alias: number }, value: number) =>
  client.send(
    encodeBinaryMessage({
      alias,
      kind: BROADCAST_KIND.logged,
      payload: byte(value),
    }) as Uint8Array<ArrayBuffer>,
  );
const handed = (client: RawClient) =>
  client.received
    .filter((message) => message instanceof Uint8Array)
    .map((message) => decodeBinaryMessage(message).payload[0]);
const told = (client: RawClient) => client.all("committed").at(-1)?.offset;

describe("a log that keeps all", () => {
  test("is not walked when its topic opens, and drops nothing", async () => {
    const { nodes, disk, settle } = await start(1);
    const [node] = nodes as [(typeof nodes)[0]];
    const room = node.pad.topic(PAD);
    for (let value = 0; value < 1_200; value += 1)
      void room.broadcast({ kind: 0, payload: byte(value % 256) });
    await settle(COMMITTED_INTERVAL_MS);
    const reads: number[] = [];
    const read = disk.read.bind(disk);
    const watched: Storage = {
      ...disk,
      read: (topic, from, limits) => {
        reads.push(from);
        return read(topic, from, limits);
      },
    };
    const pad = broadcastProbe("pad:{id}");
    const server = await createTestServer({ topics: { pad }, storage: watched });
    onTestFinished(() => server.close());
    const client = await server.connect("ada");
    const result = await client.ask<SubscribeResult>({ type: "subscribe", topic: PAD });
    expect([result.head, pad.topic(PAD).window]).toEqual([1_200, { ...room.window, floor: 0 }]);
    expect(reads.filter((from) => from < 1_200)).toEqual([]);
    const page = await pad.topic(PAD).readEntries(1_190, { entriesMax: 100, bytesMax: 8 });
    expect(page.entries.map(({ offset }) => offset)).toEqual([1_191, 1_192]);
  });

  test("has a snapshot of its own, tied to a position", async () => {
    const { nodes } = await start(1);
    const topic = nodes[0]!.pad.topic(PAD);
    expect(await topic.readSnapshot()).toBeUndefined();
    const { epoch, offset } = await topic.broadcast({ kind: 0, payload: byte(1) });
    await topic.writeSnapshot({ epoch, offset }, [byte(8), byte(9)]);
    expect(await topic.readSnapshot()).toMatchObject({ position: { epoch, offset: 1 }, bytes: 2 });
    await expect(topic.writeSnapshot({ epoch, offset: 0 }, [])).rejects.toMatchObject({
      name: "ConflictError",
    });
  });
});

describe("several nodes on one log", () => {
  test("give each other's broadcasts to their rooms and subscribers after the commit, with their position [D12]", async () => {
    const { nodes, settle } = await start(2);
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    send(a, 1);
    await settle();
    send(b, 2);
    await settle(COMMITTED_INTERVAL_MS * 2);
    expect([handed(a.client), handed(b.client)]).toEqual([[2], [1]]);
    expect([told(a.client), told(b.client)]).toEqual([2, 2]);
    expect([a.pad.events, b.pad.events]).toEqual([["entry 2"], ["entry 1"]]);
  });

  test("tell own entries from others', however they got between each other [B7]", async () => {
    const { nodes, bus, settle } = await start(2);
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    // Node a does not hear of b's entry, and finds it below its own.
    const hints: (() => void)[] = [];
    bus.deliver = (arrive) => void hints.push(arrive);
    send(b, 1);
    await settle();
    const watcher = await a.server.connect("watcher");
    await watcher.ask({ type: "subscribe", topic: PAD });
    send(a, 2);
    await settle(COMMITTED_INTERVAL_MS);
    expect([a.pad.events, handed(watcher), told(watcher)]).toEqual([["entry 1"], [1, 2], 2]);
    for (const arrive of hints) arrive();
    await settle(COMMITTED_INTERVAL_MS);
    expect([a.pad.events, b.pad.events]).toEqual([["entry 1"], ["entry 2"]]);
    expect([handed(watcher), handed(b.client)]).toEqual([[1, 2], [2]]);
  });

  test("know their own entries when they read them before their commit has answered", async () => {
    const { nodes, disk, settle } = await start(2);
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    // The answer to a's commit is late: b's entry and hint come first, and a reads both entries.
    let answer: () => void = () => {};
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    a.storage.commit = async (commit) => {
      const positions = await disk.commit(commit);
      await late;
      return positions;
    };
    const watcher = await a.server.connect("watcher");
    await watcher.ask({ type: "subscribe", topic: PAD });
    send(a, 1);
    await settle();
    send(b, 2);
    await settle(COMMITTED_INTERVAL_MS);
    expect(a.pad.events).toEqual([]);
    answer();
    await settle(COMMITTED_INTERVAL_MS);
    expect([a.pad.events, handed(watcher), told(watcher)]).toEqual([["entry 2"], [1, 2], 2]);
  });
});

describe("a log that is replaced", () => {
  test("restarts the room, loses what was meant for the old one, and tells subscribers of the gap [R10]", async () => {
    const { nodes, disk, settle } = await start(1);
    const [a] = nodes as [(typeof nodes)[0]];
    send(a, 1);
    await settle(COMMITTED_INTERVAL_MS);
    const { epoch } = await disk.reset(KEY);
    send(a, 2);
    await settle(COMMITTED_INTERVAL_MS);
    expect(a.pad.events).toEqual(["lost 2", "restart"]);
    expect(a.client.all("error")).toMatchObject([{ topic: PAD, error: { code: "STORAGE_UNAVAILABLE" } }]);
    expect(a.client.all("gap")).toMatchObject([{ reason: "reset", position: { epoch, offset: 0 } }]);
    send(a, 3);
    await settle(COMMITTED_INTERVAL_MS);
    expect(a.pad.topic(PAD).window).toEqual({ epoch, head: 1, floor: 0 });
    expect(told(a.client)).toBe(1);
  });

  test("restarts the room too when another node has dropped what was next, and goes on with what is left [R9]", async () => {
    const { nodes, disk, bus, settle } = await start(2);
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    bus.deliver = () => {};
    for (const value of [1, 2, 3]) {
      send(b, value);
      await settle();
    }
    await disk.trim(KEY, 2);
    bus.deliver = queueMicrotask;
    send(b, 4);
    await settle(COMMITTED_INTERVAL_MS);
    expect(a.pad.events).toEqual(["restart", "entry 3", "entry 4"]);
    expect(a.client.all("gap")).toMatchObject([{ reason: "trimmed", position: { offset: 2 } }]);
    expect(handed(a.client)).toEqual([3, 4]);
  });
});

test("entries that come while the room is being made reach it afterwards", async () => {
  const { nodes, disk, settle } = await start(1);
  const [b] = nodes as [(typeof nodes)[0]];
  const pad = broadcastProbe("pad:{id}");
  let go = () => {};
  const slow: typeof pad = {
    ...pad,
    open: async (topic) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return pad.open(topic);
    },
  };
  let hint: (envelope: Uint8Array) => void = () => {};
  const envelope = (offset: number, epoch: string) =>
    Buffer.from(JSON.stringify({ kind: "head", position: { epoch, offset } }));
  const server = await createTestServer({
    topics: { pad: slow },
    clock: b.server.clock,
    storage: disk,
    broker: {
      publish: () => {},
      subscribe: async (subject, receive) => {
        if (subject === KEY) hint = receive;
        return () => {};
      },
      close: async () => {},
    },
  });
  onTestFinished(() => server.close());
  const ada = await server.connect("ada");
  ada.send({ type: "subscribe", ref: 1, topic: PAD });
  await settle();
  send(b, 1);
  await settle();
  hint(envelope(1, b.pad.topic(PAD).window!.epoch));
  await settle();
  go();
  await settle(COMMITTED_INTERVAL_MS);
  expect(pad.events).toEqual(["entry 1"]);
  expect(pad.topic(PAD).window?.head).toBe(1);
});
