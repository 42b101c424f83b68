import { createMemoryStorage, type Storage } from "@plexline/server";
import { createSeededRandom } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import {
  append,
  call,
  chunks,
  chunksFold,
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

/** A storage whose first reset waits until it is released. */
function stallFirstReset(inner: Storage) {
  let reach = () => {};
  let release = () => {};
  const isReached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isFirst = true;
  let end = () => {};
  const isOver = new Promise<void>((resolve) => {
    end = resolve;
  });
  const storage: Storage = {
    ...inner,
    async reset(topic, epoch) {
      if (!isFirst) return inner.reset(topic, epoch);
      isFirst = false;
      reach();
      await isReleased;
      return inner.reset(topic, epoch).finally(end);
    },
  };
  return { storage, isReached, isOver, release };
}

describe("making a stream", () => {
  test("[ST10] a stream is absent until it is made; a subscription waits for it", async () => {
    const server = await start({ fold: chunksFold });
    const ada = await server.connect("ada");
    const { snapshot } = await ada.ask<{ snapshot: unknown }>({ type: "subscribe", topic: TOPIC });
    expect(snapshot).toEqual({ info: null });
    const needing = [
      ["info"],
      ["fold"],
      ["touch"],
      ["cancel"],
      ["steer", { data: 1 }],
      ["respond", { ask: "a", data: 1 }],
      ["ask", { id: "a", prompt: 1 }],
      ["outcome", { request: "r", status: "done" }],
      ["renew", { producer: "p", generation: 0 }],
      ["detach", { producer: "p", generation: 0 }],
      ["describe", { metadata: {} }],
      ["delete"],
    ] as const;
    for (const [command, input] of needing) expect(await codeOf(ada, command, input)).toBe("STREAM_ABSENT");
    await append(ada, ["x"]);
    expect(chunks(ada)).toEqual(["x"]);
    expect(await infoOf(ada)).toMatchObject({ kind: "json", contentType: "application/json", closed: null });
  });

  test("[ST11] create makes a stream once, with what it begins with", async () => {
    const ada = await join(await start(), "ada");
    const first = await call(ada, "create", { kind: "text", values: ["a", "b"], metadata: { name: "n" } });
    expect(first).toMatchObject({
      created: true,
      info: { kind: "text", contentType: "text/plain", position: { offset: 2 }, metadata: { name: "n" } },
    });
    const info = await infoOf(ada);
    expect(await call(ada, "create", { kind: "bytes", values: ["eA=="] })).toEqual({ created: false, info });
    expect(told(ada)).toEqual([
      ["chunk", "a"],
      ["chunk", "b"],
    ]);
  });

  test("[ST11] of those who create it at once on two nodes one has", async () => {
    const [a, b] = await startTwo();
    const clients = [await join(a, "ada"), await join(b, "bob")];
    const outputs = await Promise.all(
      clients.map((client, index) => call(client, "create", { metadata: { index }, values: [index] })),
    );
    expect(outputs.map(({ created }) => created).sort()).toEqual([false, true]);
    const { info } = outputs.find(({ created }) => created) as { info: { metadata: unknown } };
    for (const client of clients) expect((await infoOf(client)).metadata).toEqual(info.metadata);
    expect(await chunksInLog(a)).toHaveLength(1);
  });

  test("[ST12] a stream may be made closed, and may be closed without values", async () => {
    const ada = await join(await start(), "ada");
    expect(await call(ada, "create", { values: [1], close: true })).toMatchObject({
      info: { closed: { atMs: expect.any(Number) }, position: { offset: 2 } },
    });
    expect(await append(ada, [2])).toMatchObject({ reason: "closed" });
    expect(told(ada)).toEqual([
      ["chunk", 1],
      ["close", {}],
    ]);
  });

  test("[ST12] final is of at most 4 KiB, and told by info too", async () => {
    const ada = await join(await start(), "ada");
    const end = (final: unknown) => ({ values: [], close: true, final });
    expect(await codeOf(ada, "append", end("x".repeat(4_096)))).toBe("MESSAGE_TOO_LARGE");
    expect(await codeOf(ada, "append", { values: [1], final: 1 })).toBe("PAYLOAD_INVALID");
    expect(await codeOf(ada, "append", end("x".repeat(4_094)))).toBe("ok");
    expect((await infoOf(ada)).closed).toMatchObject({ final: "x".repeat(4_094) });
  });

  test("describe replaces the metadata", async () => {
    const ada = await join(await start(), "ada");
    await call(ada, "create", { metadata: { a: 1 } });
    expect(await call(ada, "describe", { metadata: { b: 2 } })).toMatchObject({ metadata: { b: 2 } });
    expect((await infoOf(ada)).metadata).toEqual({ b: 2 });
  });
});

describe("the end of a stream", () => {
  test("[ST13] a stream is gone when nobody has read or written for its ttl, and not before", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    await call(ada, "create", { ttlMs: 60_000, values: [1] });
    await server.settle(59_000);
    await call(ada, "touch");
    await server.settle(59_000);
    await append(ada, [2]);
    await server.settle(59_900);
    expect((await infoOf(ada)).ttlMs).toBe(60_000);
    await server.settle(61_000);
    expect(await codeOf(ada, "touch")).toBe("STREAM_ABSENT");
    await append(ada, ["anew"]);
    expect(await chunksInLog(server)).toEqual(["anew"]);
  });

  test("[ST13] the use on one node counts on the other, and whoever follows uses it", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await a.connect("ada"), await b.connect("bob")];
    await call(ada, "create", { ttlMs: 10_000 });
    await call(bob, "touch");
    for (let round = 0; round < 4; round += 1) {
      await a.settle(6_000);
      await call(ada, "touch");
    }
    expect(await codeOf(bob, "info")).toBe("ok");
    await bob.ask({ type: "subscribe", topic: TOPIC });
    await a.settle(60_000);
    expect(await codeOf(ada, "info")).toBe("ok");
    await bob.ask({ type: "unsubscribe", topic: TOPIC });
    await a.settle(25_000);
    expect(await codeOf(ada, "info")).toBe("STREAM_ABSENT");
  });

  test("[ST13] a stream is gone at its moment, also while nobody has it open", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    const expiresAtMs = server.clock.nowMs() + 5_000;
    await call(ada, "create", { expiresAtMs, values: ["x"] });
    await server.settle(4_000);
    await call(ada, "touch");
    const next = await restart(server);
    await next.settle(2_000);
    const bob = await join(next, "bob", { since: "start" });
    expect(await codeOf(bob, "info")).toBe("STREAM_ABSENT");
    await next.settle(100);
    await append(bob, ["anew"]);
    expect(await chunksInLog(next)).toEqual(["anew"]);
  });

  test("[ST13] of ttlMs and expiresAtMs there is at most one", async () => {
    const ada = await join(await start(), "ada");
    expect(await codeOf(ada, "create", { ttlMs: 1_000, expiresAtMs: 1 })).toBe("PAYLOAD_INVALID");
  });

  test("[ST14] delete removes everything; subscribers on every node hear it, and the name may be used anew", async () => {
    const [a, b] = await startTwo({ fold: chunksFold });
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["x"], ["p", 5, 0], { order: "z" });
    await call(ada, "cancel", { id: "c" });
    const { position } = await infoOf(ada);
    expect(await call(ada, "delete")).toEqual({});
    expect(await codeOf(bob, "info")).toBe("STREAM_ABSENT");
    expect(await codeOf(ada, "delete")).toBe("STREAM_ABSENT");
    await b.settle(50);
    for (const client of [ada, bob]) expect(client.all("gap")).toMatchObject([{ reason: "reset" }]);
    expect(await append(bob, ["y"], ["p", 0, 0], { order: "a" })).toMatchObject({ accepted: true });
    await call(bob, "cancel", { id: "c" });
    const info = await infoOf(ada);
    expect(info.position.epoch).not.toBe(position.epoch);
    expect(info).toMatchObject({ position: { offset: 2 }, requests: [{ id: "c" }] });
    expect(await chunksInLog(b)).toEqual(["y"]);
    expect(await call(ada, "fold")).toMatchObject({ state: ["y"] });
  });

  test("[ST14] an append that races the delete is before it, or begins the stream anew", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    for (let round = 0; round < 5; round += 1) {
      await append(ada, ["old"], ["p", 1, 0]);
      const [, reply] = await Promise.all([
        call(ada, "delete"),
        bob.request({
          type: "call",
          topic: TOPIC,
          command: "append",
          input: { values: ["new"], producer: { id: "p", generation: 2, sequence: 0 } },
        }),
      ]);
      const isThere = (await codeOf(ada, "info")) === "ok";
      const log = await chunksInLog(a);
      // Refused while it was being deleted, deleted with the rest, or the first of the next stream.
      if (isThere) expect(log).toEqual(["new"]);
      else expect(log).toEqual([]);
      if (!reply.ok) expect([reply.error.code, isThere]).toEqual(["OVERLOADED", false]);
      if (isThere) await call(bob, "delete");
    }
  });

  test("[ST14] a delete that comes to the log when another node has begun it anew leaves that one alone", async () => {
    const storage = createMemoryStorage({ random: createSeededRandom(3) });
    const stalled = stallFirstReset(storage);
    const [a, b] = await startTwo({ server: { storage: stalled.storage } });
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["old"]);
    const deleted = codeOf(ada, "delete");
    await stalled.isReached;
    expect(await codeOf(bob, "append", { values: ["early"] })).toBe("OVERLOADED");
    // The time that a node has for it is over: the next command elsewhere does it.
    await b.settle(10_000);
    await append(bob, ["new"]);
    // Who has waited so long has been told so; the reset is on its way all the same.
    expect(await deleted).toBe("HANDLER_TIMEOUT");
    stalled.release();
    await stalled.isOver;
    await a.settle(50);
    expect(await infoOf(ada)).toEqual(await infoOf(bob));
    expect(await chunksInLog(a)).toEqual(["new"]);
  });

  test("[ST15] retention drops the oldest; whoever asks for them is told of the gap, and shown the fold", async () => {
    const server = await start({ fold: chunksFold, history: { entriesMax: 10 } });
    const ada = await join(server, "ada");
    for (let value = 1; value <= 35; value += 1) await append(ada, [value]);
    const bob = await server.connect("bob");
    const { epoch } = (await infoOf(ada)).position;
    const since = { epoch, offset: 3 };
    const reply = await bob.ask({ type: "subscribe", topic: TOPIC, since, input: { fold: true } });
    expect(reply).toMatchObject({ recovered: false, snapshot: { fold: { position: { offset: 35 } } } });
    const all = Array.from({ length: 35 }, (_, index) => index + 1);
    expect(await call(bob, "fold")).toMatchObject({ state: all, position: { epoch, offset: 35 } });
    const next = await restart(server);
    const cyd = await join(next, "cyd");
    expect(await call(cyd, "fold")).toMatchObject({ state: all, position: { epoch, offset: 35 } });
  });
});

test("[ST10] that a stream is closed is told once its close has been announced, and not before", async () => {
  // Two nodes of one storage that do not hear each other: what one has closed the other has not announced.
  const [near] = await startTwo();
  const far = await start({ server: { storage: near.storage, seed: 3 } });
  const [ada, bob] = [await join(near, "ada"), await join(far, "bob")];
  await append(ada, ["a"]);
  expect(await infoOf(bob)).toMatchObject({ closed: null });
  await call(ada, "append", { values: ["b"], close: true });
  expect((await infoOf(ada)).closed).not.toBeNull();
  expect(await infoOf(bob)).toMatchObject({ closed: null });
});
