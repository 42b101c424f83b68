import { createMemoryStorage } from "@plexline/server";
import { createFaultyStorage, createSeededRandom } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import type { AppendOutput } from "./protocol.ts";
import {
  append,
  call,
  chunks,
  chunksInLog,
  codeOf,
  infoOf,
  join,
  restart,
  start,
  startTwo,
  TOPIC,
  told,
} from "./stream.fixture.ts";

const faulty = () => createFaultyStorage(createMemoryStorage({ random: createSeededRandom(3) }));

describe("appending", () => {
  test("[ST1] values become consecutive chunks, pushed in their order before the answer", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    const output = await append(ada, ["x", { y: 1 }, null]);
    expect(output).toEqual({ accepted: true, position: { epoch: expect.any(String), offset: 3 } });
    await append(bob, ["z"]);
    await server.settle(50);
    for (const client of [ada, bob]) expect(chunks(client)).toEqual(["x", { y: 1 }, null, "z"]);
    const types = ada.received.map((message) => (message instanceof Uint8Array ? "binary" : message.type));
    expect(types.slice(2, 6)).toEqual(["push", "push", "push", "reply"]);
  });

  test("[ST1, ST10] publishing the event chunk appends one, and no other event may be published", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    expect(await ada.ask({ type: "publish", topic: TOPIC, event: "chunk", payload: { a: 1 } })).toMatchObject(
      {
        position: { offset: 1 },
      },
    );
    for (const event of ["close", "producer", "other"]) {
      const refused = await ada.request({ type: "publish", topic: TOPIC, event, payload: {} });
      expect(refused).toMatchObject({ ok: false, error: { code: "EVENT_UNKNOWN" } });
    }
    await append(ada, [], undefined, { close: true });
    const closed = await ada.request({ type: "publish", topic: TOPIC, event: "chunk", payload: 1 });
    expect(closed).toMatchObject({ ok: false, error: { code: "STREAM_CLOSED" } });
    expect(chunks(ada)).toEqual([{ a: 1 }]);
  });

  test("[ST2, ST3] a sequence that was accepted is repeated, whatever its values, and after a restart", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    expect(await append(ada, ["x"], ["p", 0, 0])).toMatchObject({ accepted: true, sequence: 0 });
    expect(await append(ada, ["y"], ["p", 0, 1])).toMatchObject({ accepted: true, sequence: 1 });
    const repeated = { accepted: true, repeated: true, sequence: 1 };
    expect(await append(ada, ["other"], ["p", 0, 0])).toMatchObject(repeated);
    const next = await restart(server);
    await next.settle(3 * 24 * 3_600_000);
    expect(await append(await next.connect("bob"), ["y"], ["p", 0, 1])).toMatchObject(repeated);
    expect(await chunksInLog(next)).toEqual(["x", "y"]);
  });

  test("[ST4, ST5] gaps and predecessors are refused and told how to go on", async () => {
    const ada = await join(await start(), "ada");
    expect(await append(ada, ["x"], ["p", 3, 1])).toEqual({ accepted: false, reason: "gap", expected: 0 });
    await append(ada, ["x"], ["p", 3, 0]);
    expect(await append(ada, ["x"], ["p", 4, 1])).toMatchObject({ expected: 0, isNewGeneration: true });
    expect(await append(ada, ["x"], ["p", 3, 2])).toEqual({ accepted: false, reason: "gap", expected: 1 });
    expect(await append(ada, ["x"], ["p", 2, 1])).toEqual({
      accepted: false,
      reason: "fenced",
      generation: 3,
    });
    expect(await append(ada, ["y"], ["p", 4, 0])).toMatchObject({ accepted: true });
    expect(await append(ada, ["x"], ["p", 3, 1])).toMatchObject({ reason: "fenced", generation: 4 });
    expect(chunks(ada)).toEqual(["x", "y"]);
  });

  test("[ST6] nothing follows the close, but what is repeated is known", async () => {
    const ada = await join(await start(), "ada");
    const end = { close: true, final: { ok: 1 } };
    const closed = await append(ada, ["x"], ["p", 0, 0], end);
    expect(closed).toMatchObject({ accepted: true, closed: true, position: { offset: 2 } });
    expect(await append(ada, ["x"], ["p", 0, 0], end)).toMatchObject({ repeated: true, closed: true });
    expect(await append(ada, ["y"], ["p", 0, 1])).toMatchObject({
      reason: "closed",
      position: { offset: 2 },
    });
    expect(await append(ada, ["y"])).toMatchObject({ reason: "closed" });
    expect(told(ada)).toEqual([
      ["chunk", "x"],
      ["close", { final: { ok: 1 } }],
    ]);
  });

  test("[ST7] an order must rise by code units, on every node", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    expect(await append(ada, ["x"], undefined, { order: "b" })).toMatchObject({ accepted: true });
    for (const order of ["b", "a", "B"])
      expect(await append(bob, ["y"], undefined, { order })).toEqual({
        accepted: false,
        reason: "order",
        last: "b",
      });
    expect(await append(bob, ["z"], undefined, { order: "b0" })).toMatchObject({ accepted: true });
    expect(await append(ada, ["y"], undefined, { order: "b" })).toMatchObject({
      reason: "order",
      last: "b0",
    });
  });

  test("[ST8] a content type is compared without parameters and case, and the first reason is told", async () => {
    const ada = await join(await start(), "ada");
    await append(ada, ["x"], ["p", 0, 0], { contentType: "Application/JSON; charset=utf-8" });
    const wrong = { contentType: "text/plain", order: "a" };
    expect(await append(ada, ["x"], undefined, wrong)).toEqual({
      accepted: false,
      reason: "type",
      contentType: "application/json",
    });
    expect(await append(ada, ["x"], ["p", 0, 0], wrong)).toMatchObject({ repeated: true });
    expect(await append(ada, ["x"], ["p", 0, 5], wrong)).toMatchObject({ reason: "gap" });
    await append(ada, [], undefined, { close: true });
    expect(await append(ada, ["x"], ["p", 0, 1], wrong)).toMatchObject({ reason: "closed" });
    expect(await append(ada, ["x"], ["p", 0, 2], wrong)).toMatchObject({ reason: "gap" });
  });

  test("[ST10, ST33] existing appends to no stream that is absent", async () => {
    const ada = await join(await start(), "ada");
    expect(await codeOf(ada, "append", { values: [1], existing: true })).toBe("STREAM_ABSENT");
    await append(ada, [1]);
    expect(await codeOf(ada, "append", { values: [2], existing: true })).toBe("ok");
  });
});

describe("appending on several nodes", () => {
  test("[ST2, ST3] one append that comes to both nodes is one", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    for (let sequence = 0; sequence < 10; sequence += 1) {
      const outputs = await Promise.all(
        [ada, bob].map((client) => append(client, [sequence], ["p", 0, sequence])),
      );
      expect(outputs.map((output) => output.accepted)).toEqual([true, true]);
      expect(outputs.filter((output) => output.accepted && output.repeated)).toHaveLength(1);
    }
    expect(await chunksInLog(a)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("[ST4] a producer that moves between nodes is told of no gap that is none", async () => {
    const [a, b] = await startTwo();
    const clients = [await join(a, "ada"), await join(b, "bob")];
    for (let sequence = 0; sequence < 20; sequence += 1) {
      const client = clients[Math.floor(sequence / 3) % 2]!;
      expect(await append(client, [sequence], ["p", 0, sequence])).toEqual({
        accepted: true,
        sequence,
        position: expect.anything(),
      });
    }
  });

  test("[ST6] a close that races appends is after all that were accepted", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["first"]);
    const [, ...outputs] = await Promise.all([
      append(bob, ["last"], undefined, { close: true }),
      ...[1, 2, 3, 4, 5].map((value) => append(ada, [value])),
    ]);
    const accepted = (outputs as AppendOutput[]).filter((output) => output.accepted).length;
    const reader = await join(a, "late", { since: "start" });
    await a.settle(50);
    expect(told(reader)).toHaveLength(accepted + 3);
    expect(told(reader).at(-1)).toEqual(["close", {}]);
    for (const output of outputs as AppendOutput[])
      if (!output.accepted) expect(output).toMatchObject({ reason: "closed" });
    expect((await infoOf(ada)).closed).not.toBeNull();
  });

  test("[ST1, ST2] appends under way at once that another node overtakes are decided again, in their order", async () => {
    const storage = faulty();
    const [a, b] = await startTwo({ server: { storage } });
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, [0], ["p", 0, 0]);
    storage.hold();
    bob.send({ type: "call", ref: 100, topic: TOPIC, command: "describe", input: { metadata: { a: 1 } } });
    await a.settle();
    const sequences = [1, 2, 3, 4, 5, 6];
    for (const sequence of sequences) {
      const input = { values: [sequence], producer: { id: "p", generation: 0, sequence } };
      ada.send({ type: "call", ref: 100 + sequence, topic: TOPIC, command: "append", input });
    }
    await a.settle();
    expect(storage.held).toBe(7);
    storage.release();
    for (const sequence of sequences)
      expect(await ada.next("reply", { ref: 100 + sequence })).toMatchObject({
        result: { output: { accepted: true, sequence } },
      });
    expect(await chunksInLog(a)).toEqual([0, ...sequences]);
    expect((await infoOf(ada)).metadata).toEqual({ a: 1 });
  });

  test("[ST5] two generations at once: the later one stays, and the earlier one is fenced", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["a0"], ["p", 0, 0]);
    const [old, successor] = await Promise.all([
      append(ada, ["a1"], ["p", 0, 1]),
      append(bob, ["b0"], ["p", 1, 0]),
    ]);
    expect(successor).toMatchObject({ accepted: true });
    expect(await append(ada, ["a2"], ["p", 0, old.accepted ? 2 : 1])).toMatchObject({
      reason: "fenced",
      generation: 1,
    });
    expect(await chunksInLog(b)).toEqual(old.accepted ? ["a0", "a1", "b0"] : ["a0", "b0"]);
  });
});

describe("appending to a storage that fails", () => {
  test("[ST9] what cannot be stored is told to nobody, and may be appended again", async () => {
    const storage = faulty();
    const ada = await join(await start({ server: { storage } }), "ada");
    await append(ada, ["x"], ["p", 0, 0]);
    storage.fail(1);
    expect(
      await codeOf(ada, "append", { values: ["y"], producer: { id: "p", generation: 0, sequence: 1 } }),
    ).toBe("STORAGE_UNAVAILABLE");
    expect(chunks(ada)).toEqual(["x"]);
    expect(await append(ada, ["y"], ["p", 0, 1])).toMatchObject({ accepted: true, sequence: 1 });
    expect(await append(ada, ["y"], ["p", 0, 1])).toMatchObject({ repeated: true });
    expect(chunks(ada)).toEqual(["x", "y"]);
  });

  test("[ST2, ST4, ST9] of appends under way at once, those behind one that fails leave no hole", async () => {
    const storage = faulty();
    const server = await start({ server: { storage } });
    const ada = await join(server, "ada");
    await append(ada, [0], ["p", 0, 0]);
    storage.hold();
    const send = (ref: number) =>
      ada.send({
        type: "call",
        ref,
        topic: TOPIC,
        command: "append",
        input: { values: [ref - 100], producer: { id: "p", generation: 0, sequence: ref - 100 } },
      });
    for (const ref of [101, 102]) send(ref);
    await server.settle();
    storage.release();
    await server.settle();
    // Both were under way at once and are stored; now the second of four fails.
    expect(chunks(ada)).toEqual([0, 1, 2]);
    storage.hold();
    for (const ref of [103, 104, 105, 106]) send(ref);
    await server.settle();
    expect(storage.held).toBeGreaterThan(1);
    storage.fail(1);
    storage.release();
    await server.settle(50);
    const outcomes = await Promise.all(
      [103, 104, 105, 106].map(async (ref) => {
        const reply = await ada.next("reply", { ref });
        if (!reply.ok) return reply.error.code;
        const { output } = reply.result as { output: AppendOutput };
        return output.accepted ? "accepted" : output.reason;
      }),
    );
    expect(outcomes).toEqual(["STORAGE_UNAVAILABLE", "gap", "gap", "gap"]);
    expect(chunks(ada)).toEqual([0, 1, 2]);
    for (const sequence of [3, 4, 5, 6]) await append(ada, [sequence], ["p", 0, sequence]);
    expect(await chunksInLog(server)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("[ST3, ST9] an append that is repeated while the first is under way is not answered before it is durable", async () => {
    const storage = faulty();
    const server = await start({ server: { storage } });
    const ada = await join(server, "ada");
    await append(ada, [0], ["p", 0, 0]);
    storage.hold();
    const body = {
      type: "call",
      topic: TOPIC,
      command: "append",
      input: { values: [1], producer: { id: "p", generation: 0, sequence: 1 } },
    };
    ada.send({ ...body, ref: 101 });
    ada.send({ ...body, ref: 102 });
    await server.settle();
    storage.fail(1);
    storage.release();
    await server.settle(50);
    expect(await ada.next("reply", { ref: 101 })).toMatchObject({ ok: false });
    // The second was carried out in the place of the first.
    const second = await ada.next("reply", { ref: 102 });
    expect(second).toMatchObject({ ok: true });
    expect(second).not.toHaveProperty("result.output.repeated");
    expect(chunks(ada)).toEqual([0, 1]);
    expect(await call(ada, "info")).toMatchObject({ position: { offset: 2 } });
  });
});
