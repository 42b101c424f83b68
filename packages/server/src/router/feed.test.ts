import { decodeBinaryMessage, encodeBinaryMessage, type SubscribeResult } from "@plexline/protocol";
import { broadcastProbe, createTestServer, type RawClient } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Binary } from "../feature/feature.ts";
import { FEEDS_MAX } from "./feeds.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

async function start() {
  const pad = broadcastProbe("pad:{id}");
  const server = await createTestServer({ topics: { pad } });
  onTestFinished(() => server.close());
  const client = await server.connect("ada");
  const { sessionId, resumeToken } = await client.next("welcome");
  const subscribe = (id = 1) => client.ask<SubscribeResult>({ type: "subscribe", topic: `pad:${id}` });
  await subscribe();
  const feed = (messages: AsyncIterable<Binary>, id = 1) =>
    pad.topic(`pad:${id}`).feed(pad.member(sessionId), messages);
  return { server, pad, client, sessionId, resumeToken, subscribe, feed, link: server.linkOf(client) };
}

/** Messages of the sizes given, each filled with its number, and a note of what became of them. */
function source(name: string, sizes: readonly number[], notes: string[] = []) {
  async function* messages(): AsyncGenerator<Binary> {
    try {
      for (const [index, size] of sizes.entries()) {
        notes.push(`${name}${index + 1}`);
        yield { kind: 4, payload: new Uint8Array(size).fill(index + 1) };
      }
    } finally {
      notes.push(`${name} over`);
    }
  }
  return messages();
}

const fed = (client: RawClient) =>
  client.received
    .filter((message) => message instanceof Uint8Array)
    .map((message) => decodeBinaryMessage(message))
    .map(({ payload }) => [payload[0], payload.byteLength]);

describe("a feed", () => {
  test("hands over messages longer than the outbox one by one, as the connection drains", async () => {
    const { server, client, feed, link } = await start();
    link.stall(true);
    const notes: string[] = [];
    const feeding = feed(source("m", [3 * MIB, 3 * MIB, 3 * MIB], notes));
    await server.settle(100);
    // The first is with the socket; the second is not asked for before that has taken it.
    expect(notes).toEqual(["m1"]);
    link.stall(false);
    await Promise.all([feeding, server.settle(100)]);
    expect(client.closed).toBeUndefined();
    expect(fed(client)).toEqual([1, 2, 3].map((fill) => [fill, 3 * MIB]));
    expect(notes).toEqual(["m1", "m2", "m3", "m over"]);
  });

  test("of a connection runs after the one before, whatever their topics, and goes to nobody else", async () => {
    const { server, feed, subscribe } = await start();
    await subscribe(2);
    const bob = await server.connect("bob");
    await bob.ask({ type: "subscribe", topic: "pad:1" });
    const notes: string[] = [];
    const feeds = [
      feed(source("a", [10, 10], notes)),
      feed(source("b", [10, 10], notes), 2),
      feed(source("c", [10], notes)),
    ];
    await Promise.all([...feeds, server.settle(10)]);
    expect(notes).toEqual(["a1", "a2", "a over", "b1", "b2", "b over", "c1", "c over"]);
    expect(fed(bob)).toEqual([]);
  });

  test("makes nobody a slow consumer while live messages share the connection", async () => {
    const { server, pad, client, feed, link } = await start();
    const feeding = feed(source("m", [2 * MIB, 2 * MIB, 2 * MIB, 2 * MIB]));
    for (let round = 0; round < 30; round += 1) {
      link.stall(round % 3 !== 2);
      await Promise.all([
        pad.topic("pad:1").broadcast({ kind: 0, payload: new Uint8Array(40 * KIB).fill(9) }),
        server.settle(2),
      ]);
    }
    link.stall(false);
    await Promise.all([feeding, server.settle(100)]);
    expect(client.closed).toBeUndefined();
    const sizes = fed(client).map(([, size]) => size);
    expect(sizes.filter((size) => size === 2 * MIB)).toHaveLength(4);
    expect(sizes.filter((size) => size === 40 * KIB).length).toBeGreaterThanOrEqual(30);
  });

  test.each([
    [
      "unsubscribes",
      async ({ client }) => void client.send({ type: "unsubscribe", ref: 900, topic: "pad:1" }),
    ],
    [
      "subscribes anew",
      async ({ client }) => void client.send({ type: "subscribe", ref: 900, topic: "pad:1" }),
    ],
    ["loses its connection", async ({ link }) => link.cut({ clientAfterMs: 1, serverAfterMs: 1 })],
    ["closes", async ({ client }) => client.close()],
  ] as [string, (world: Awaited<ReturnType<typeof start>>) => Promise<void>][])(
    "ends quietly when its member %s",
    async (_, act) => {
      const world = await start();
      const { server, client, feed, link } = world;
      link.stall(true);
      const notes: string[] = [];
      const feeding = feed(source("m", [MIB, MIB, MIB], notes));
      await server.settle(10);
      await act(world);
      await server.settle(10);
      link.stall(false);
      await Promise.all([feeding, server.settle(10)]);
      expect(notes.at(-1)).toBe("m over");
      expect(notes).not.toContain("m3");
      expect(fed(client).length).toBeLessThanOrEqual(1);
    },
  );

  test("for somebody who is gone, or for nobody, asks for nothing", async () => {
    const { server, pad, client, sessionId, feed } = await start();
    const member = pad.member(sessionId);
    await client.request({ type: "unsubscribe", topic: "pad:1" });
    const notes: string[] = [];
    await feed(source("m", [1], notes));
    await pad.topic("pad:1").feed({ ...member, sessionId: "nobody" }, source("n", [1], notes));
    await server.settle();
    expect(notes).toEqual([]);
  });

  test("that fails rejects for whoever asked for it, and the next has its turn", async () => {
    const { server, client, feed } = await start();
    async function* broken(): AsyncGenerator<Binary> {
      yield { kind: 0, payload: new Uint8Array([7]) };
      throw new Error("unreadable");
    }
    const first = feed(broken());
    const second = feed(source("m", [1]));
    await expect(first).rejects.toThrow("unreadable");
    await Promise.all([second, server.settle()]);
    expect(fed(client).map(([fill]) => fill)).toEqual([7, 1]);
  });

  test("does not keep other topics of the connection from recovering", async () => {
    const { server, pad, client, subscribe, feed } = await start();
    const { position } = await subscribe(2);
    await Promise.all([
      pad.topic("pad:2").broadcast({ kind: 0, payload: new Uint8Array([5]) }),
      server.settle(),
    ]);
    let go = () => {};
    async function* waiting(): AsyncGenerator<Binary> {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      yield { kind: 0, payload: new Uint8Array([6]) };
    }
    const feeding = feed(waiting());
    client.send({ type: "subscribe", ref: 900, topic: "pad:2", since: position });
    await server.settle(10);
    expect(fed(client).map(([fill]) => fill)).toEqual([5, 5]);
    go();
    await Promise.all([feeding, server.settle()]);
    expect(fed(client).at(-1)?.[0]).toBe(6);
  });

  test("is refused when very many wait for their turn", async () => {
    const { server, feed, link } = await start();
    link.stall(true);
    const feeds = Array.from({ length: FEEDS_MAX }, () => feed(source("m", [MIB])));
    await expect(feed(source("m", [1]))).rejects.toMatchObject({ code: "OVERLOADED" });
    link.cut({ clientAfterMs: 0, serverAfterMs: 0 });
    await Promise.all([...feeds, server.settle(10)]);
  });
});

test("a member's larger messages are allowed while it is subscribed", async () => {
  const { server, pad, client, sessionId, subscribe } = await start();
  const { alias } = await subscribe();
  pad.topic("pad:1").setMessageBytesMax(pad.member(sessionId), MIB);
  const long = encodeBinaryMessage({ alias, kind: 0, payload: new Uint8Array(200 * KIB) });
  client.send(long as Uint8Array<ArrayBuffer>);
  await server.settle(60);
  expect(client.all("committed")).toMatchObject([{ offset: 1, acked: 1 }]);
});
