import { describe, expect, test } from "vitest";
import { createTestMember, createTestTopic } from "./test-topic.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the test topic", () => {
  test("gives appended events rising offsets and announces them", async () => {
    const topic = createTestTopic({ topic: "board:1" });
    const sender = createTestMember("ada");
    await topic.append({ event: "moved", payload: 1, sender, key: "k" });
    expect(await topic.append({ event: "moved", payload: 2 })).toEqual({ epoch: "test-epoch", offset: 2 });
    expect(topic.announced[0]).toMatchObject({
      topic: "board:1",
      offset: 1,
      from: "s-ada",
      user: "ada",
      key: "k",
    });
  });

  test("appends several events together, or none of them", async () => {
    const topic = createTestTopic();
    const events = ["a", "b"].map((event) => ({ event, payload: null }));
    expect((await topic.append(events, { puts: [{ key: "k", value: bytes("v") }] })).offset).toBe(2);
    expect(await topic.getStored("k")).toEqual({ value: bytes("v"), version: 1 });
    const conflicts = [
      topic.append(events, { checks: [{ key: "k", version: 0 }] }),
      topic.append(events, { epoch: "another" }),
      topic.append([], { epoch: "another", deletes: ["k"] }),
    ];
    for (const conflict of conflicts) await expect(conflict).rejects.toMatchObject({ name: "ConflictError" });
    await topic.append([], { epoch: "test-epoch", checks: [{ key: "k", version: 1 }], deletes: ["k"] });
    expect(await topic.getStored("k")).toBeUndefined();
    expect(topic.announced.map(({ event, offset }) => `${offset} ${event}`)).toEqual(["1 a", "2 b"]);
  });

  test("opens a room as the engine does: it is told what comes after the window that it saw", async () => {
    const topic = createTestTopic();
    await topic.append({ event: "old", payload: null });
    const told: string[] = [];
    const room = await topic.open({
      async open(context) {
        await context.append({ event: "own", payload: null });
        told.push(`saw ${context.window?.head}`);
        const page = await context.readEvents(0, { entriesMax: 10, bytesMax: 1_000 });
        told.push(...page.events.map(({ event }) => `read ${event}`));
        return {
          onMessage: () => {},
          onEvent: ({ event }) => void told.push(event),
          onRestart: () => void told.push("restart"),
        };
      },
    });
    expect(room.onMessage).toBeTypeOf("function");
    topic.appendEventElsewhere({ event: "elsewhere", payload: null });
    expect(await topic.reset()).toEqual({ epoch: "test-epoch'", offset: 0 });
    await topic.append({ event: "new", payload: null });
    expect(told).toEqual(["saw 1", "read old", "own", "elsewhere", "restart", "new"]);
    expect((await topic.readEvents(0, { entriesMax: 10, bytesMax: 1 })).events).toMatchObject([
      { event: "new", offset: 1 },
    ]);
  });

  test("holds writes and lets them go on in their order", async () => {
    const topic = createTestTopic();
    topic.holdWrites();
    const first = topic.append({ event: "a", payload: null });
    const second = topic.put([{ key: "k", value: bytes("v") }]);
    await Promise.resolve();
    expect([topic.appended.length, topic.values.size]).toEqual([0, 0]);
    topic.releaseWrites();
    await Promise.all([first, second]);
    expect([topic.appended.length, topic.values.size]).toEqual([1, 1]);
  });

  test("fails held and later writes without a trace until released", async () => {
    const topic = createTestTopic();
    topic.holdWrites();
    const held = topic.append({ event: "a", payload: null }, { puts: [{ key: "k", value: bytes("v") }] });
    topic.failWrites();
    await expect(held).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(topic.put([])).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect([topic.appended.length, topic.announced.length, topic.values.size]).toEqual([0, 0, 0]);
    topic.releaseWrites();
    await topic.append({ event: "a", payload: null });
    expect(topic.announced[0]?.offset).toBe(1);
  });

  test("refuses a commit whose checks do not hold", async () => {
    const topic = createTestTopic();
    const puts = [{ key: "k", value: bytes("v") }];
    await topic.append({ event: "a", payload: null }, { puts, checks: [{ key: "k", version: 0 }] });
    const again = topic.append({ event: "a", payload: null }, { puts, checks: [{ key: "k", version: 0 }] });
    await expect(again).rejects.toMatchObject({ name: "ConflictError" });
    expect(topic.appended.length).toBe(1);
  });
});

describe("a test topic's broadcasts", () => {
  test("are handed on at once and become entries in their order", async () => {
    const topic = createTestTopic();
    const sender = createTestMember("ada");
    topic.holdWrites();
    const first = topic.broadcast({ kind: 0, payload: bytes("a"), sender }, { except: sender });
    const second = topic.broadcast({ kind: 1, payload: bytes("b") });
    await Promise.resolve();
    expect(topic.broadcasts.map(({ except }) => except?.sessionId)).toEqual(["s-ada", undefined]);
    expect([topic.entries.length, topic.window?.head]).toEqual([0, 0]);
    topic.releaseWrites();
    expect([await first, await second]).toMatchObject([{ offset: 1 }, { offset: 2 }]);
    await topic.append({ event: "e", payload: null });
    expect(topic.appendElsewhere({ kind: 2, payload: bytes("c") })).toMatchObject({ offset: 4 });
    const page = await topic.readEntries(0, { entriesMax: 10, bytesMax: 100 });
    expect(page.entries).toMatchObject([
      { offset: 1, user: "ada", from: "s-ada" },
      { offset: 2 },
      { offset: 4 },
    ]);
    expect(page).toMatchObject({ epoch: "test-epoch", head: 4, floor: 0 });
    expect((await topic.readEntries(1, { entriesMax: 10, bytesMax: 0 })).entries).toHaveLength(1);
  });

  test("are handed on by their commit if they have to be durable first", async () => {
    const topic = createTestTopic();
    const entry = { kind: 0, payload: new Uint8Array([1]) };
    topic.holdWrites();
    const [first, second] = [topic.broadcast(entry, { relay: "when-durable" }), topic.broadcast(entry)];
    expect(topic.broadcasts).toEqual([{ entry }]);
    topic.releaseWrites();
    await Promise.all([first, second]);
    expect(topic.broadcasts).toEqual([{ entry }, { entry, relay: "when-durable" }]);
    topic.failWrites();
    await expect(topic.broadcast(entry, { relay: "when-durable" })).rejects.toThrow();
    expect(topic.broadcasts.length).toBe(2);
  });

  test("fail together, in their order, and those after them go on", async () => {
    const topic = createTestTopic();
    topic.holdWrites();
    const lost: number[] = [];
    const broadcasts = [1, 2, 3].map((number) =>
      topic.broadcast({ kind: number, payload: bytes("x") }).catch(() => lost.push(number)),
    );
    topic.failWrites();
    topic.releaseWrites();
    await Promise.all(broadcasts);
    expect([lost, topic.entries.length, topic.broadcasts.length]).toEqual([[1, 2, 3], 0, 3]);
    expect(await topic.broadcast({ kind: 0, payload: bytes("y") })).toMatchObject({ offset: 1 });
  });

  test("are lost with the log, whose next entry is the first of another epoch", async () => {
    const topic = createTestTopic();
    await topic.broadcast({ kind: 0, payload: bytes("x") });
    topic.resetLog("other");
    expect(topic.window).toEqual({ epoch: "other", head: 0, floor: 0 });
    expect(await topic.broadcast({ kind: 0, payload: bytes("x") })).toEqual({ epoch: "other", offset: 1 });
  });
});

describe("a test topic's other ways to a member", () => {
  async function* messages(...kinds: number[]) {
    for (const kind of kinds) yield { kind, payload: bytes("x") };
  }

  test("feeds one after the other, and ends them when the member has gone", async () => {
    const topic = createTestTopic();
    const [ada, bob] = [createTestMember("ada"), createTestMember("bob")];
    await Promise.all([topic.feed(ada, messages(1, 2)), topic.feed(ada, messages(3))]);
    topic.holdFeeds();
    const cut = topic.feed(ada, messages(4));
    topic.endFeeds(ada);
    const other = topic.feed(bob, messages(5));
    topic.releaseFeeds();
    await Promise.all([cut, other]);
    expect(topic.fed.map(({ member, message }) => [member.sessionId, message.kind])).toEqual([
      ["s-ada", 1],
      ["s-ada", 2],
      ["s-ada", 3],
      ["s-bob", 5],
    ]);
  });

  test("keeps what was acknowledged, and how large messages may be", () => {
    const topic = createTestTopic();
    const member = createTestMember("ada");
    topic.acknowledge(member, 2);
    topic.setMessageBytesMax(member, 100);
    expect([topic.acknowledged, topic.messageBytesMax.get("s-ada")]).toEqual([[{ member, acked: 2 }], 100]);
  });

  test("keeps snapshots as a storage does", async () => {
    const topic = createTestTopic();
    const position = await topic.broadcast({ kind: 0, payload: bytes("x") });
    await topic.writeSnapshot(position, [bytes("ab"), bytes("c")]);
    expect(await topic.readSnapshot()).toMatchObject({ position, bytes: 3 });
    for (const wrong of [
      { epoch: "other", offset: 1 },
      { ...position, offset: 0 },
      { ...position, offset: 9 },
    ])
      await expect(topic.writeSnapshot(wrong, [])).rejects.toMatchObject({ name: "ConflictError" });
    expect(topic.snapshots).toHaveLength(1);
  });
});
