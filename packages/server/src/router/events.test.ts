import {
  createFaultyStorage,
  createSeededRandom,
  createTestClock,
  createTestServer,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryBus } from "../broker/memory.ts";
import type { Feature, LoggedEvent, LoggedPush, Room, TopicContext } from "../feature/feature.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { ConflictError } from "../storage/storage.ts";

const BOARD = "board:1";
const events = (...names: string[]): LoggedEvent[] => names.map((event) => ({ event, payload: null }));
const bytes = (text: string) => new TextEncoder().encode(text);

/** A feature that notes what its rooms are told, and hands the test their topics. */
function noting(given: Partial<Pick<Feature, "open" | "history">> & Partial<Room> = {}) {
  const told: string[] = [];
  const topics: TopicContext[] = [];
  const { open = () => {}, history = {}, ...room } = given as Partial<Feature> & Partial<Room>;
  const feature: Feature = {
    feature: "noting",
    template: "board:{id}",
    roles: { controller: ["subscribe", "publish", "call"] },
    defaultRole: "controller",
    history,
    async open(topic) {
      topics.push(topic);
      await open(topic);
      return {
        onMessage: async (_sender, message) =>
          message.type === "publish" ? { position: await topic.append({ ...message }) } : undefined,
        onEvent: ({ offset, event }) => void told.push(`${offset} ${event}`),
        onRestart: () => void told.push("restart"),
        ...room,
      };
    },
  };
  return { feature, told, topics, topic: () => topics.at(-1) as TopicContext };
}

/** Nodes with one storage; each with somebody subscribed. */
async function start(...features: ReturnType<typeof noting>[]) {
  const clock = createTestClock();
  const { connect } = createMemoryBus();
  const disk = createMemoryStorage({ random: createSeededRandom(1) });
  const nodes = [];
  for (const [index, made] of features.entries()) {
    const storage = createFaultyStorage(disk);
    const topics = { board: made.feature };
    const server = await createTestServer({ topics, clock, storage, broker: connect(), seed: index });
    onTestFinished(() => server.close());
    const client = await server.connect(`user-${index}`);
    await client.ask({ type: "subscribe", topic: BOARD });
    nodes.push({ server, client, storage, ...made });
  }
  return { nodes, first: nodes[0]!, disk };
}

const pushed = (client: { received: readonly unknown[] }) =>
  client.received.flatMap((message) =>
    (message as { type?: string }).type === "push" ? [(message as LoggedPush).event] : [],
  );

describe("several events", () => {
  test("become consecutive entries of one commit, pushed in their order", async () => {
    const { first } = await start(noting());
    const position = await first.topic().append(events("a", "b", "c"), {
      puts: [{ key: "last", value: ([at]) => bytes(String(at?.offset)) }],
    });
    expect(position.offset).toBe(3);
    await first.server.settle();
    expect(pushed(first.client)).toEqual(["a", "b", "c"]);
    expect(first.told).toEqual(["1 a", "2 b", "3 c"]);
    expect(String(Buffer.from((await first.topic().get("last")) as Uint8Array))).toBe("3");
  });

  test("are all refused by a check or an epoch that does not hold, and leave no offset used", async () => {
    const { first } = await start(noting());
    const topic = first.topic();
    const refused = [
      topic.append(events("a", "b"), { checks: [{ key: "writer", version: 1 }] }),
      topic.append(events("a"), { epoch: "another" }),
      topic.append([], { epoch: "another", puts: [{ key: "writer", value: bytes("x") }] }),
    ];
    for (const append of refused) await expect(append).rejects.toBeInstanceOf(ConflictError);
    expect(await topic.getStored("writer")).toBeUndefined();
    expect(await topic.append(events("c"), { epoch: topic.window?.epoch as string })).toMatchObject({
      offset: 1,
    });
    expect(first.told).toEqual(["1 c"]);
  });

  test("are lost together when the storage fails", async () => {
    const { first } = await start(noting());
    first.storage.fail(1);
    await expect(first.topic().append(events("a", "b"))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    expect((await first.topic().append(events("c", "d"))).offset).toBe(2);
    expect(first.told).toEqual(["1 c", "2 d"]);
  });

  test("without any, what comes with them is committed and the head is told", async () => {
    const { first } = await start(noting());
    const topic = first.topic();
    await topic.append(events("a"));
    const puts = [{ key: "writer", value: bytes("ada") }];
    expect(await topic.append([], { puts, checks: [{ key: "writer", version: 0 }] })).toEqual({
      epoch: topic.window?.epoch,
      offset: 1,
    });
    expect(await topic.getStored("writer")).toEqual({ value: bytes("ada"), version: 1 });
    await topic.put([{ key: "writer", value: bytes("bob") }]);
    expect(await topic.getStored("writer")).toEqual({ value: bytes("bob"), version: 2 });
    expect(first.told).toEqual(["1 a"]);
  });

  test("count towards retention one by one", async () => {
    const { first } = await start(noting({ history: { entriesMax: 2 } }));
    await first.topic().append(events("a", "b", "c"));
    expect(first.topic().window).toMatchObject({ head: 3, floor: 1 });
  });

  test("of two nodes interleave as wholes, and both rooms are told the same", async () => {
    const { nodes } = await start(noting(), noting());
    await Promise.all(
      [0, 1, 0, 1].map((node, round) =>
        nodes[node]!.topic().append(events(`${node}${round}x`, `${node}${round}y`)),
      ),
    );
    await nodes[0]!.server.settle(10);
    const [one, other] = nodes.map(({ told }) => told);
    expect(one).toHaveLength(8);
    expect(other).toEqual(one);
    for (let at = 0; at < 8; at += 2) expect(one?.[at + 1]?.slice(2, -1)).toBe(one?.[at]?.slice(2, -1));
    expect(nodes.map(({ client }) => pushed(client))).toEqual(
      [1, 2].map(() => one?.map((told) => told.slice(2))),
    );
  });
});

describe("a room", () => {
  test("hears an event before its subscribers do", async () => {
    const order: string[] = [];
    const made = noting({ onEvent: () => void order.push("room") });
    const { first } = await start(made);
    const message = first.client.socket.onmessage;
    first.client.socket.onmessage = (event) => {
      order.push("client");
      message?.call(first.client.socket, event);
    };
    await first.topic().append(events("a"));
    await first.server.settle();
    expect(order).toEqual(["room", "client"]);
  });

  test("that throws for an event keeps nobody from it", async () => {
    const { first } = await start(
      noting({
        onEvent() {
          throw new Error("broken");
        },
      }),
    );
    await first.topic().append(events("a", "b"));
    await first.server.settle();
    expect(pushed(first.client)).toEqual(["a", "b"]);
  });

  test("is told each event after the window that it opened with, once, and reads the others", async () => {
    const { first, nodes } = await start(noting(), noting());
    await first.topic().append(events("old", "older"));
    await first.server.settle(10);
    const read: string[] = [];
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const late = noting({
      async open(topic) {
        const { head } = topic.window as { head: number };
        // Its own, and what another node appends meanwhile, is after the window.
        await topic.append(events("own"));
        await opened;
        expect(topic.window?.head).toBe(head);
        const page = await topic.readEvents(0, { entriesMax: 10, bytesMax: 10_000 });
        for (const { offset, event } of page.events) read.push(`${offset} ${event}`);
        return {} as Room;
      },
    });
    const { connect } = createMemoryBus();
    const server = await createTestServer({
      topics: { board: late.feature },
      clock: first.server.clock,
      storage: first.server.storage,
      broker: connect(),
      seed: 9,
    });
    onTestFinished(() => server.close());
    const client = await server.connect("late");
    const subscribing = client.ask({ type: "subscribe", topic: BOARD });
    await server.settle(5);
    await nodes[1]!.topic().append(events("elsewhere"));
    open();
    await subscribing;
    await server.settle(5);
    expect(read).toEqual(["1 old", "2 older"]);
    expect(late.told).toEqual(["3 own", "4 elsewhere"]);
    await late.topic().append(events("new"));
    expect(late.told.at(-1)).toBe("5 new");
  });

  test("reads events in pages, and no binary entries", async () => {
    const { first } = await start(noting());
    const topic = first.topic();
    await topic.append(events("a"));
    await topic.broadcast({ kind: 1, payload: Uint8Array.of(1) });
    await topic.append([{ event: "b", payload: "x".repeat(100) }, ...events("c")]);
    const read = async (from: number, entriesMax: number, bytesMax = 10_000) =>
      (await topic.readEvents(from, { entriesMax, bytesMax })).events.map(({ event }) => event);
    expect(await read(0, 10)).toEqual(["a", "b", "c"]);
    expect(await read(1, 1)).toEqual(["b"]);
    expect(await read(2, 10, 1)).toEqual(["b"]);
    expect(await read(4, 10)).toEqual([]);
    expect(await topic.readEvents(0, { entriesMax: 1, bytesMax: 1 })).toMatchObject({ head: 4, floor: 0 });
  });

  test("resets its log from a handler while its restart waits for that handler", async () => {
    let release = () => {};
    const isDone = new Promise<void>((resolve) => {
      release = resolve;
    });
    const outcomes: unknown[] = [];
    const made = noting({
      async onMessage() {
        const topic = made.topic();
        const { epoch } = topic.window as { epoch: string };
        const position = await topic.reset();
        outcomes.push(position.offset, position.epoch !== epoch, topic.window?.epoch === position.epoch);
        const after = await topic.append(events("begun"), { epoch: position.epoch });
        outcomes.push(after.offset);
        release();
      },
      async onRestart() {
        made.told.push("restart");
        await isDone;
      },
    });
    const { first, nodes } = await start(made, noting());
    await first.topic().append(events("old"));
    await expect(first.topic().reset("an earlier one")).rejects.toBeInstanceOf(ConflictError);
    await first.topic().put([{ key: "kept", value: bytes("v") }]);
    await first.client.ask({ type: "call", topic: BOARD, command: "restart" });
    expect(outcomes).toEqual([0, true, true, 1]);
    await first.server.settle(10);
    expect(made.told).toEqual(["1 old", "restart", "1 begun"]);
    expect(nodes[1]!.told).toEqual(["1 old", "restart", "1 begun"]);
    for (const { client } of nodes) {
      expect(
        client.received.filter((message) => (message as { type?: string }).type === "gap"),
      ).toMatchObject([{ reason: "reset" }]);
    }
    expect(await first.topic().get("kept")).toEqual(bytes("v"));
  });
});
