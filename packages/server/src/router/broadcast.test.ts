import {
  decodeBinaryMessage,
  encodeBinaryMessage,
  type ServerMessage,
  type SubscribeResult,
} from "@plexline/protocol";
import {
  BROADCAST_KIND,
  broadcastProbe,
  createFaultyStorage,
  createSeededRandom,
  createTestServer,
  type RawClient,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Limits } from "../platform/limits.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { COMMITTED_INTERVAL_MIN_MS, COMMITTED_INTERVAL_MS } from "./committed-notices.ts";

const PAD = "pad:1";
const text = (payload: Uint8Array) => Buffer.from(payload).toString();
const bytes = (payload: string) => Buffer.from(payload);

async function start(options: { flushWindowMs?: number; limits?: Partial<Limits> } = {}) {
  const { limits = {}, ...rest } = options;
  const storage = createFaultyStorage(createMemoryStorage({ random: createSeededRandom(1) }));
  const pad = { ...broadcastProbe("pad:{id}"), ...rest };
  const server = await createTestServer({ topics: { pad }, storage, limits });
  onTestFinished(() => server.close());
  const join = async (user: string, since?: object) => {
    const client = await server.connect(user);
    const { sessionId } = await client.next("welcome");
    return { client, sessionId, ...(await subscribe(client, since)) };
  };
  return { server, storage, pad, join };
}

const subscribe = (client: RawClient, since?: object) =>
  client.ask<SubscribeResult>({ type: "subscribe", topic: PAD, ...(since ? { since } : {}) });

const send = ({ client, alias }: { client: RawClient; alias: number }, payload: string, kind = 0) =>
  client.send(encodeBinaryMessage({ alias, kind, payload: bytes(payload) }) as Uint8Array<ArrayBuffer>);

/** What arrived after the reply to the latest subscribe: `a` for a binary message, `=3` or `=3/1` for a `committed`. */
function story(client: RawClient): string[] {
  const last = client.received.findLastIndex(
    (message) => !(message instanceof Uint8Array) && message.type === "reply",
  );
  return client.received.slice(last + 1).flatMap((message) => {
    if (message instanceof Uint8Array) return [text(decodeBinaryMessage(message).payload)];
    return words(message);
  });
}

function words(message: ServerMessage): string[] {
  if (message.type === "committed")
    return [`=${message.offset}${message.acked === undefined ? "" : `/${message.acked}`}`];
  return message.type === "error" ? [`error ${message.error.code} ${message.topic}`] : [];
}

describe("a broadcast", () => {
  test("reaches all others before it is durable, without an offset; committed follows when it is [B6] [B7]", async () => {
    const { server, storage, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    storage.hold();
    send(ada, "a");
    await server.settle();
    expect([story(ada.client), story(bob.client)]).toEqual([[], ["a"]]);
    storage.release();
    await server.settle(COMMITTED_INTERVAL_MS);
    expect([story(ada.client), story(bob.client)]).toEqual([["=1/1"], ["a", "=1"]]);
  });

  test("may be handed on by its commit, before committed speaks of it; others may overtake it [B6] [B7]", async () => {
    const { server, storage, pad, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    const except = pad.member(ada.sessionId);
    const late = (payload: string) =>
      pad.topic(PAD).broadcast({ kind: 0, payload: bytes(payload) }, { except, relay: "when-durable" });
    storage.hold();
    const waiting = [late("a"), late("b")];
    send(ada, "c");
    await server.settle();
    expect([story(ada.client), story(bob.client)]).toEqual([[], ["c"]]);
    storage.release();
    await Promise.all([...waiting, server.settle(COMMITTED_INTERVAL_MS * 2)]);
    expect([story(ada.client).at(-1), story(bob.client)]).toEqual(["=3/1", ["c", "a", "b", "=3"]]);
  });

  test("that was to be handed on by its commit is handed to nobody when that fails [B10]", async () => {
    const { server, storage, pad, join } = await start();
    const bob = await join("bob");
    storage.fail(1);
    const lost = pad.topic(PAD).broadcast({ kind: 0, payload: bytes("a") }, { relay: "when-durable" });
    await expect(lost).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await Promise.all([
      pad.topic(PAD).broadcast({ kind: 0, payload: bytes("b") }, { relay: "when-durable" }),
      server.settle(COMMITTED_INTERVAL_MS),
    ]);
    expect(story(bob.client)).toEqual(["b", "=1"]);
  });

  test("that waits for its commit reaches once who subscribes meanwhile, from the log [R3]", async () => {
    const { server, storage, pad, join } = await start();
    const ada = await join("ada");
    storage.hold();
    const waiting = pad.topic(PAD).broadcast({ kind: 0, payload: bytes("a") }, { relay: "when-durable" });
    await server.settle();
    const [bob] = [await join("bob"), await subscribe(ada.client)];
    storage.release();
    await Promise.all([waiting, server.settle(COMMITTED_INTERVAL_MS * 2)]);
    expect([story(ada.client), story(bob.client)]).toEqual([
      ["a", "=1"],
      ["a", "=1"],
    ]);
  });

  test("is an entry of the log with who sent it, and carries its alias [B1]", async () => {
    const { server, pad, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    send(ada, "a");
    await server.settle();
    const message = bob.client.received.find((one) => one instanceof Uint8Array) as Uint8Array;
    expect(decodeBinaryMessage(message)).toMatchObject({ alias: bob.alias, kind: BROADCAST_KIND.logged });
    const page = await pad.topic(PAD).readEntries(0, { entriesMax: 10, bytesMax: 1_000 });
    expect(page).toMatchObject({ head: 1, floor: 0, epoch: ada.position?.epoch });
    expect(page.entries).toMatchObject([{ offset: 1, user: "ada", from: ada.sessionId, kind: 0 }]);
    expect(page.entries.map(({ payload }) => text(payload))).toEqual(["a"]);
  });

  test("that fails stays with those who have it; its sender is told with the topic, and the rest goes on [B10]", async () => {
    const { server, storage, pad, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    storage.hold();
    for (const payload of ["a", "b", "c"]) send(ada, payload);
    await server.settle();
    storage.fail(1);
    storage.release();
    await server.settle(COMMITTED_INTERVAL_MS * 2);
    expect(story(bob.client)).toEqual(["a", "b", "c"]);
    const refusal = `error STORAGE_UNAVAILABLE ${PAD}`;
    expect(story(ada.client)).toEqual([refusal, refusal, refusal, "=0/3"]);
    expect(pad.events).toEqual(["lost 1", "lost 2", "lost 3"]);
    send(ada, "d");
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(bob.client)).toEqual(["a", "b", "c", "d", "=1"]);
    expect(story(ada.client).at(-1)).toBe("=1/4");
  });

  test("that cannot travel is handed to nobody, and neither is one to a topic without room [B2]", async () => {
    const { server, storage, pad, join } = await start();
    const ada = await join("ada");
    const topic = pad.topic(PAD);
    await expect(topic.broadcast({ kind: -1, payload: bytes("x") })).rejects.toMatchObject({
      code: "MALFORMED_MESSAGE",
    });
    storage.hold();
    const [long, ...refused] = ["long", "second", "third"].map((name) =>
      topic.broadcast({ kind: 0, payload: new Uint8Array(name === "long" ? 17 * 1024 * 1024 : 1) }),
    );
    for (const one of refused) await expect(one).rejects.toMatchObject({ code: "OVERLOADED" });
    storage.release();
    expect(await long).toMatchObject({ offset: 1 });
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(ada.client.received.filter((one) => one instanceof Uint8Array)).toHaveLength(1);
    expect(story(ada.client).at(-1)).toBe("=1");
  });

  test("waits for the log where it would make a slow consumer of somebody, who gets it from there [R8]", async () => {
    const { server, storage, pad, join } = await start();
    const ada = await join("ada");
    const link = server.linkOf(ada.client);
    link.stall(true);
    storage.hold();
    const long = [1, 2, 3].map((fill) =>
      pad.topic(PAD).broadcast({ kind: 0, payload: new Uint8Array(2 * 1024 * 1024).fill(fill) }),
    );
    await server.settle();
    storage.release();
    await Promise.all([...long, server.settle(10)]);
    link.stall(false);
    await server.settle(500);
    const handed = ada.client.received.filter((one) => one instanceof Uint8Array);
    expect(ada.client.closed).toBeUndefined();
    expect(new Set(handed.map((message) => decodeBinaryMessage(message).payload[0]))).toEqual(
      new Set([1, 2, 3]),
    );
    expect(ada.client.all("committed").at(-1)).toMatchObject({ offset: 3 });
  });

  test("waits for the log too if it was still being gathered when it became durable", async () => {
    const limits = { outboxBytesMax: 64 * 1024, socketBufferBytesMax: 1_000 };
    const { server, pad, join } = await start({ flushWindowMs: 500, limits });
    const ada = await join("ada");
    server.linkOf(ada.client).stall(true);
    // The first fills the socket and begins the window; the second is too long to wait behind it.
    for (const [fill, size] of [
      [1, 2_000],
      [2, 40_000],
    ] as const)
      await Promise.all([
        pad.topic(PAD).broadcast({ kind: 0, payload: new Uint8Array(size).fill(fill) }),
        server.settle(10),
      ]);
    await server.settle(1_000);
    server.linkOf(ada.client).stall(false);
    await server.settle(100);
    const handed = ada.client.received.filter((one) => one instanceof Uint8Array);
    expect(handed.map((message) => decodeBinaryMessage(message).payload[0])).toEqual([1, 2]);
    expect(story(ada.client).at(-1)).toBe("=2");
  });

  test("is gathered with others of its window, and is handed over before committed speaks of it [B7]", async () => {
    const { server, join } = await start({ flushWindowMs: 500 });
    const [ada, bob] = [await join("ada"), await join("bob")];
    for (const payload of ["a", "b", "c"]) send(ada, payload);
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(bob.client).at(-1)).toBe("=3");
    expect(story(bob.client).filter((word) => !word.startsWith("="))).toEqual(["a", "b", "c"]);
  });

  test("of a topic that closes is still made durable", async () => {
    const { server, storage, pad, join } = await start();
    const ada = await join("ada");
    storage.hold();
    send(ada, "a");
    await server.settle();
    const closing = server.close();
    storage.release();
    await closing;
    expect(pad.topic(PAD).signal.aborted).toBe(true);
    const [window] = await storage.heads([`default/${PAD}`]);
    expect(window?.head).toBe(1);
    expect(pad.events).toEqual(["close"]);
  });

  test("of a topic that nobody uses any more keeps it open until it is durable", async () => {
    const { server, storage, pad, join } = await start();
    const ada = await join("ada");
    storage.hold();
    send(ada, "a");
    await server.settle();
    ada.client.close();
    await server.settle(60_000);
    expect(pad.events).toEqual([]);
    const bob = await join("bob");
    expect([bob.head, bob.alias]).toEqual([0, ada.alias]);
    storage.release();
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(bob.client)).toEqual(["a", "=1"]);
    bob.client.close();
    await server.settle(100_000);
    expect(pad.events).toEqual(["close"]);
  });
});

describe("committed", () => {
  test("comes with the tick at first, then at most every 5 ms, and says the newest [B9]", async () => {
    const { server, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    await server.settle(100);
    send(ada, "a");
    await server.settle();
    expect(story(bob.client)).toEqual(["a", "=1"]);
    for (const payload of ["b", "c", "d"]) {
      send(ada, payload);
      await server.settle(1);
    }
    expect(story(bob.client)).toEqual(["a", "=1", "b", "c", "d"]);
    await server.settle(COMMITTED_INTERVAL_MIN_MS - 3);
    expect(story(bob.client)).toEqual(["a", "=1", "b", "c", "d", "=4"]);
    expect(story(ada.client)).toEqual(["=1/1", "=4/4"]);
    await server.settle(1_000);
    expect(story(bob.client)).toHaveLength(6);
  });

  test("comes at most every 25 ms where a hundred subscribe [B9]", async () => {
    const { server, join } = await start();
    const ada = await join("ada");
    for (let number = 0; number < 99; number += 1) await join(`reader-${number}`);
    send(ada, "a");
    await server.settle();
    send(ada, "b");
    await server.settle(COMMITTED_INTERVAL_MS - 1);
    expect(story(ada.client)).toEqual(["=1/1"]);
    await server.settle(1);
    expect(story(ada.client)).toEqual(["=1/1", "=2/2"]);
  });

  test("goes only to those for whom something has changed [B8]", async () => {
    const { server, pad, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    pad.topic(PAD).acknowledge(pad.member(ada.sessionId), 7);
    await server.settle();
    expect([story(ada.client), story(bob.client)]).toEqual([["=0/7"], []]);
    pad.topic(PAD).acknowledge(pad.member(ada.sessionId), 3);
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(ada.client)).toEqual(["=0/7"]);
  });

  test("counts anew after the reply to a subscribe, and on with one that was refused [B8]", async () => {
    const { server, pad, join } = await start();
    const ada = await join("ada");
    send(ada, "a");
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(ada.client)).toEqual(["=1/1"]);
    const { position } = await subscribe(ada.client, { ...ada.position, offset: 1 });
    expect(position?.offset).toBe(1);
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(ada.client)).toEqual([]);
    send(ada, "b");
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(ada.client)).toEqual(["=2/1"]);
    const room = pad.topic(PAD);
    room.acknowledge(pad.member(ada.sessionId), 5);
    await server.settle(COMMITTED_INTERVAL_MS);
    expect(story(ada.client)).toEqual(["=2/1", "=2/5"]);
  });

  test("waits behind the messages it speaks of, and the newest replaces an older one that waits [L8]", async () => {
    const { server, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    const link = server.linkOf(bob.client);
    link.stall(true);
    for (let number = 0; number < 12; number += 1) {
      send(ada, `${number}`.padStart(20_000, "x"));
      await server.settle(COMMITTED_INTERVAL_MS);
    }
    link.stall(false);
    await server.settle(100);
    const heard = story(bob.client);
    expect(heard.at(-1)).toBe("=12");
    expect(heard.filter((word) => word.startsWith("="))).toHaveLength(4);
    for (const [index, word] of heard.entries()) {
      if (!word.startsWith("=")) continue;
      const before = heard.slice(0, index).filter((earlier) => !earlier.startsWith("="));
      expect(before.length).toBeGreaterThanOrEqual(Number(word.slice(1)));
    }
  });
});

describe("a subscriber that recovers", () => {
  test("is given the binary entries as the messages they were, and committed after each page [B11] [R3]", async () => {
    const { server, pad, join } = await start();
    const ada = await join("ada");
    for (let number = 0; number < 40; number += 1)
      await Promise.all([
        pad.topic(PAD).broadcast({ kind: 0, payload: bytes(`${number}`.padStart(30_000, "x")) }),
        server.settle(),
      ]);
    const bob = await join("bob", { ...ada.position, offset: 2 });
    expect(bob).toMatchObject({ recovered: true, position: { offset: 2 }, head: 40 });
    await server.settle(100);
    const heard = story(bob.client);
    const numbers = heard
      .filter((word) => !word.startsWith("="))
      .map((word) => Number(word.replaceAll("x", "")));
    expect(numbers).toEqual(Array.from({ length: 38 }, (_, index) => index + 2));
    const told = heard.filter((word) => word.startsWith("="));
    expect(told.length).toBeGreaterThan(3);
    expect(heard.at(-1)).toBe("=40");
    // Each stands right behind the last entry of its page.
    for (const word of told) {
      const before = heard.slice(0, heard.indexOf(word)).filter((earlier) => !earlier.startsWith("="));
      expect(word).toBe(`=${before.length + 2}`);
    }
  });

  test("while something is under way to the log misses none of it [R3]", async () => {
    const { server, storage, join } = await start();
    const ada = await join("ada");
    storage.hold();
    send(ada, "a");
    await server.settle();
    const bob = await join("bob");
    send(ada, "b");
    await server.settle();
    expect(story(bob.client)).toEqual(["b"]);
    storage.release();
    await server.settle(COMMITTED_INTERVAL_MS * 2);
    expect(story(bob.client)).toEqual(expect.arrayContaining(["a", "b"]));
    expect(story(bob.client).at(-1)).toBe("=2");
  });

  test("may read an entry that is longer than the outbox", async () => {
    const { server, pad, join } = await start();
    const ada = await join("ada");
    for (const fill of [1, 2, 3])
      await Promise.all([
        pad.topic(PAD).broadcast({ kind: 0, payload: new Uint8Array(2 * 1024 * 1024).fill(fill) }),
        server.settle(),
      ]);
    const bob = await server.connect("bob");
    server.linkOf(bob).stall(true);
    bob.send({ type: "subscribe", ref: 1, topic: PAD, since: { ...ada.position!, offset: 0 } });
    await server.settle(100);
    server.linkOf(bob).stall(false);
    await server.settle(200);
    expect(bob.closed).toBeUndefined();
    expect(bob.received.filter((one) => one instanceof Uint8Array)).toHaveLength(3);
  });
});

test("an entry longer than the outbox waits for room that went while it was read", async () => {
  const { server, storage, pad, join } = await start();
  const ada = await join("ada");
  const topic = pad.topic(PAD);
  await Promise.all([
    topic.broadcast({ kind: 0, payload: new Uint8Array(2 * 1024 * 1024).fill(3) }),
    server.settle(),
  ]);
  let go = () => {};
  const read = storage.read.bind(storage);
  storage.read = async (...args) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return read(...args);
  };
  const bob = await server.connect("bob");
  const { sessionId } = await bob.next("welcome");
  await subscribe(bob, { ...ada.position, offset: 0 });
  server.linkOf(bob).stall(true);
  topic.push(pad.member(sessionId), { alias: 0, kind: 1, payload: new Uint8Array(100_000).fill(4) });
  go();
  await server.settle(10);
  server.linkOf(bob).stall(false);
  await server.settle(10);
  const handed = bob.received.filter((one) => one instanceof Uint8Array);
  expect(bob.closed).toBeUndefined();
  expect(handed.map((message) => decodeBinaryMessage(message).payload[0])).toEqual([4, 3]);
});

describe("sending binary messages", () => {
  test("needs the operation that the feature names for the kind [B5]", async () => {
    const { server, storage, pad } = await start();
    const record = {
      topic: PAD,
      tenant: "default",
      clearance: 0,
      owner: "ada",
      editors: [],
      viewers: ["vera"],
      openToTenant: false,
    };
    await server.app.records.set(record);
    const vera = await server.connect("vera");
    const { alias } = await subscribe(vera);
    for (const kind of [BROADCAST_KIND.logged, BROADCAST_KIND.ephemeral])
      send({ client: vera, alias }, "x", kind);
    await server.settle();
    expect(vera.all("error").map(({ error }) => error.code)).toEqual(["FORBIDDEN", "FORBIDDEN"]);
    expect(pad.topic(PAD).window?.head).toBe(0);
    expect(storage.held).toBe(0);
  });

  test("needs a subscription to the very topic that the alias stands for [B5]", async () => {
    const { server, join } = await start();
    const ada = await join("ada");
    const eve = await server.connect("eve", { token: server.issue("eve", { tenant: "other" }) });
    send({ client: eve, alias: ada.alias }, "x");
    send({ client: eve, alias: 999 }, "x");
    await server.settle();
    expect(story(eve)).toEqual(["error NOT_SUBSCRIBED undefined", "error NOT_SUBSCRIBED undefined"]);
    expect(story(ada.client)).toEqual([]);
  });
});
