import { createTestMember, createTestTopic } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { stream } from "./server.ts";
import { append, call, chunks, chunksFold, join, restart, start, startTwo, TOPIC } from "./stream.fixture.ts";

describe("reading", () => {
  test("[ST27] the fold with what is pushed after it is all there is, whenever one comes", async () => {
    const [a, b] = await startTwo({ fold: chunksFold });
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    const readers = [];
    for (let value = 0; value < 12; value += 1) {
      await append(value % 2 === 0 ? ada : bob, [value]);
      const server = value % 3 === 0 ? a : b;
      const reader = await server.connect(`r${value}`);
      const appending = append(ada, [`${value}b`]);
      const { snapshot } = await reader.ask<{
        snapshot: { fold: { state: unknown[]; position: { offset: number } } };
      }>({
        type: "subscribe",
        topic: TOPIC,
        input: { fold: true },
      });
      await appending;
      readers.push({ reader, fold: snapshot.fold });
    }
    await a.settle(50);
    const { state } = await call<{ state: unknown }>(bob, "fold");
    expect(state).toHaveLength(24);
    for (const { reader, fold } of readers) {
      const later = reader.all("push").filter(({ offset }) => (offset ?? 0) > fold.position.offset);
      expect([...fold.state, ...later.map(({ payload }) => payload)]).toEqual(state);
    }
    const next = await restart(a);
    expect(await call(await join(next, "cyd"), "fold")).toMatchObject({ state });
  });

  test("[ST27] a stored fold is used with the log after it, and one of another name is not", async () => {
    const topic = createTestTopic({ topic: TOPIC });
    const ada = createTestMember("ada");
    const history = { entriesMax: 8 };
    const open = (name: string) =>
      topic.open(stream("stream:{id}", { fold: { ...chunksFold, name }, history }));
    const room = await open("one");
    for (let value = 0; value < 5; value += 1)
      await room.onMessage(ada, { type: "call", command: "append", input: { values: [value] } });
    await room.close?.();
    expect(topic.snapshots.at(-1)?.position.offset).toBe(5);
    topic.appendEventElsewhere({ event: "chunk", payload: "elsewhere" });
    const fold = { type: "call", command: "fold", input: undefined } as const;
    const expected = { state: [0, 1, 2, 3, 4, "elsewhere"], position: { offset: 6 } };
    expect(await (await open("one")).onMessage(ada, fold)).toMatchObject(expected);
    expect(await (await open("two")).onMessage(ada, fold)).toMatchObject(expected);
  });

  test("[ST28] a fold that became too large is told without its state", async () => {
    const ada = await join(await start({ fold: chunksFold, foldBytesMax: 10 }), "ada");
    await append(ada, ["123456"]);
    expect(await call(ada, "fold")).toMatchObject({ state: ["123456"], position: { offset: 1 } });
    await append(ada, ["7"]);
    expect(await call(ada, "fold")).toMatchObject({ state: null, position: { offset: 2 } });
  });

  test("[ST29] chunks for few readers leave at once", async () => {
    const server = await start({ coalesceMs: 40 });
    const [ada, bob] = [await server.connect("ada"), await join(server, "bob")];
    await append(ada, [0]);
    await append(ada, [1]);
    await server.settle(0);
    // There is one reader: who would gain by waiting?
    expect(chunks(bob)).toEqual([0, 1]);
  });

  test("[ST29] the more readers there are, the longer chunks wait for each other", async () => {
    const server = await start({ coalesceMs: 40 });
    const [ada, bob] = [await server.connect("ada"), await join(server, "bob")];
    for (let others = 99; others > 0; others -= 1) await join(server, `reader-${others}`);
    await append(ada, [0]);
    await server.settle(2);
    expect(chunks(bob)).toEqual([0]);
    for (let value = 1; value <= 5; value += 1) await append(ada, [value]);
    expect(chunks(bob)).toEqual([0]);
    await server.settle(7);
    expect(chunks(bob)).toEqual([0]);
    await server.settle(20);
    expect(chunks(bob)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
