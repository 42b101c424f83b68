import type { PublishResult } from "@plexline/protocol";
import {
  createFaultyStorage,
  createSeededRandom,
  createTestServer,
  probe,
  type RawClient,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";

async function start(options: Partial<TestServerOptions> = {}) {
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board, relay: probe("relay:{id}") }, ...options });
  onTestFinished(async () => {
    board.release();
    await server.close();
  });
  return { server, board };
}

const publish = (client: RawClient, event: string, more: Record<string, unknown> = {}) =>
  client.ask<PublishResult>({ type: "publish", topic: "board:1", event, ...more });
const subscribe = (client: RawClient) => client.ask({ type: "subscribe", topic: "board:1" });
const typeOf = (message: object) => ("type" in message ? message.type : "binary");
const offsets = (client: RawClient) => client.all("push").map(({ offset }) => offset);

describe("publishing", () => {
  test("[P1] [P2] [D3] [D4] [D5] a logged event is answered with its position, after its push to the publisher", async () => {
    const { server } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    const { sessionId } = await ada.next("welcome");
    await subscribe(ada);
    await subscribe(bob);
    const count = ada.received.length;
    expect(await publish(ada, "moved", { payload: { x: 1 }, key: "k" })).toMatchObject({
      position: { offset: 1 },
    });
    expect(ada.received.slice(count).map(typeOf)).toEqual(["push", "reply"]);
    const push = {
      type: "push",
      topic: "board:1",
      event: "moved",
      payload: { x: 1 },
      offset: 1,
      from: sessionId,
      user: "ada",
      atMs: expect.any(Number),
      key: "k",
    };
    expect(ada.all("push")).toEqual([push]);
    expect(bob.all("push")).toEqual([push]);
  });

  test("[P1] [D3] an ephemeral event is answered without a position and has no offset", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    expect(await publish(ada, "ephemeral", { payload: 1 })).toEqual({ position: null });
    expect(ada.all("push")[0]).not.toHaveProperty("offset");
  });

  test("[D4] the server's own publication has no session", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    await server.app.publish("board:1", "e", 1);
    await server.settle();
    expect(ada.all("push")[0]).not.toHaveProperty("from");
  });

  test("[P5] publishing needs no subscription, only the capability", async () => {
    const board = probe("board:{id}", {
      history: {},
      roles: { controller: ["publish"], viewer: ["subscribe"] },
      authorize: ({ principal }) => (principal.id === "ada" ? "controller" : "viewer"),
    });
    const { server } = await start({ topics: { board } });
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    await subscribe(bob);
    await publish(ada, "e");
    expect(await bob.next("push")).toMatchObject({ user: "ada" });
    const refused = await bob.request({ type: "publish", topic: "board:1", event: "e" });
    expect(refused).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
    expect(await ada.request({ type: "subscribe", topic: "board:1" })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
  });

  test("[P3] a refused publication reaches nobody", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    expect(await ada.request({ type: "publish", topic: "board:1", event: "refuse" })).toMatchObject({
      error: { code: "PAYLOAD_INVALID", message: "events.refuse is never accepted." },
    });
    ada.send({ type: "publish", topic: "board:1", event: "refuse" });
    expect((await ada.next("error")).error.code).toBe("PAYLOAD_INVALID");
    expect(ada.all("push")).toEqual([]);
  });

  test("[X3] without a ref only a refusal is answered", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    ada.send({ type: "publish", topic: "board:1", event: "e" });
    await server.settle();
    expect(ada.received).toHaveLength(1);
  });

  test("[X7] what a handler throws by mistake reaches nobody's eyes, and hurts nobody else", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    const reply = await ada.request({ type: "publish", topic: "board:1", event: "throw" });
    expect(reply).toMatchObject({ ok: false, error: { code: "HANDLER_FAILED" } });
    expect(JSON.stringify(reply)).not.toContain("secret");
    await publish(ada, "e");
  });

  test("[D6] [D9] [D11] concurrent publications are pushed in the order of their offsets, and after their commit", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: createSeededRandom(3) }));
    const { server } = await start({ storage });
    const ada = await server.connect("ada");
    await subscribe(ada);
    storage.hold();
    for (let ref = 1; ref <= 20; ref += 1)
      ada.send({ type: "publish", ref: 100 + ref, topic: "board:1", event: "e" });
    await server.settle();
    expect(ada.all("push")).toEqual([]);
    storage.release();
    await server.settle();
    expect(offsets(ada)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    // [P2] Each reply comes after the push it stands for.
    for (const reply of ada.all("reply").slice(1)) {
      const { position } = (reply as unknown as { result: PublishResult }).result;
      const push = ada.all("push").find(({ offset }) => offset === position?.offset)!;
      expect(ada.received.indexOf(push)).toBeLessThan(ada.received.indexOf(reply));
    }
  });

  test("[P4] [D8] when the storage fails nothing was published, and later it works again", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: createSeededRandom(3) }));
    const { server } = await start({ storage });
    const ada = await server.connect("ada");
    await subscribe(ada);
    storage.fail(1);
    expect(await ada.request({ type: "publish", topic: "board:1", event: "e", key: "k" })).toMatchObject({
      error: { code: "STORAGE_UNAVAILABLE" },
    });
    expect(ada.all("push")).toEqual([]);
    // [K4] The request failed, so its key is free.
    expect(await publish(ada, "e", { key: "k" })).toMatchObject({ position: { offset: 1 } });
    expect(offsets(ada)).toEqual([1]);
  });

  test("[D10] what is ephemeral reaches those who are there, and nobody later", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await publish(ada, "ephemeral");
    await subscribe(ada);
    await server.settle();
    expect(ada.all("push")).toEqual([]);
  });
});

describe("idempotency keys", () => {
  test("[K1] [K5] a repeated key gets the first result and publishes nothing", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    const first = await publish(ada, "e", { key: "k" });
    expect(await publish(ada, "other", { key: "k" })).toEqual({ ...first, repeated: true });
    expect([offsets(ada), board.runs]).toEqual([[1], 1]);
    expect(ada.all("push")[0]).toMatchObject({ key: "k" });
  });

  test("[K1] the same key of another user, or on another topic, is another request", async () => {
    const { server } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    await publish(ada, "e", { key: "k" });
    expect(await publish(bob, "e", { key: "k" })).toMatchObject({ position: { offset: 2 } });
    expect(await publish(ada, "e", { key: "k", topic: "board:2" })).toMatchObject({
      position: { offset: 1 },
    });
    const service = await server.connect("ada", { token: server.issue("ada", { kind: "service" }) });
    expect(await publish(service, "e", { key: "k" })).toMatchObject({ position: { offset: 3 } });
  });

  test("[K1] the same principal repeats it on another connection too", async () => {
    const { server } = await start();
    const first = await publish(await server.connect("ada"), "e", { key: "k" });
    expect(await publish(await server.connect("ada"), "e", { key: "k" })).toEqual({
      ...first,
      repeated: true,
    });
  });

  test("[K1] ephemeral publications and calls have keys as well, and theirs are apart", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    await publish(ada, "ephemeral", { key: "k" });
    expect(await publish(ada, "ephemeral", { key: "k" })).toEqual({ position: null, repeated: true });
    const call = { type: "call", topic: "board:1", command: "echo", key: "k" };
    expect(await ada.ask({ ...call, input: 1 })).toEqual({ output: 1 });
    expect(await ada.ask({ ...call, input: 2 })).toEqual({ output: 1, repeated: true });
    expect([ada.all("push").length, board.runs]).toEqual([1, 2]);
  });

  test("[K2] a logged key is remembered for ten minutes, also while nobody uses the topic, and then forgotten", async () => {
    const { server } = await start();
    const first = await publish(await server.connect("ada"), "e", { key: "k" });
    await server.settle(599_000);
    expect(await publish(await server.connect("ada"), "e", { key: "k" })).toEqual({
      ...first,
      repeated: true,
    });
    await server.settle(2_000);
    expect(await publish(await server.connect("ada"), "e", { key: "k" })).toMatchObject({
      position: { offset: 2 },
    });
  });

  test("[K2] a logged key survives a restart on the same disk", async () => {
    const { server } = await start();
    const first = await publish(await server.connect("ada"), "e", { key: "k" });
    const next = await server.restart();
    onTestFinished(() => next.close());
    expect(await publish(await next.connect("ada"), "e", { key: "k" })).toEqual({ ...first, repeated: true });
    expect(await publish(await next.connect("bob"), "e", { key: "k" })).toMatchObject({
      position: { offset: 2 },
    });
  });

  test("[K3] a key that is under way waits for the first outcome", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    board.hold();
    ada.send({ type: "publish", ref: 1, topic: "board:1", event: "held", key: "k" });
    ada.send({ type: "publish", ref: 2, topic: "board:1", event: "held", key: "k" });
    await server.settle();
    expect([ada.all("reply"), board.runs]).toEqual([[], 1]);
    board.release();
    const [first, second] = [await ada.next("reply", { ref: 1 }), await ada.next("reply", { ref: 2 })];
    expect(first).toMatchObject({ result: { position: { offset: 1 } } });
    expect(second).toMatchObject({ result: { position: { offset: 1 }, repeated: true } });
    expect(board.runs).toBe(1);
  });

  test("[K3] a handler that outlived its deadline still holds the key: repeating does not publish twice", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    board.hold();
    const request = { type: "publish", topic: "board:1", event: "held", key: "k" };
    ada.send({ ...request, ref: 49 });
    await server.settle(10_100);
    expect(await ada.next("reply", { ref: 49 })).toMatchObject({ error: { code: "HANDLER_TIMEOUT" } });
    ada.send({ ...request, ref: 50 });
    await server.settle(100);
    expect(board.runs).toBe(1);
    board.release();
    expect(await ada.next("reply", { ref: 50 })).toMatchObject({
      result: { position: { offset: 1 }, repeated: true },
    });
    expect(await publish(ada, "held", { key: "k" })).toMatchObject({
      position: { offset: 1 },
      repeated: true,
    });
    expect([offsets(ada), board.runs]).toEqual([[1], 1]);
  });

  test("[K3] a publication that waits for the disk holds its key, also while nobody uses the topic", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: createSeededRandom(1) }));
    const { server } = await start({ storage });
    const first = await server.connect("ada");
    await publish(first, "quick");
    storage.hold();
    first.send({ type: "publish", ref: 1, topic: "board:1", event: "slow", key: "k" });
    await server.settle(10_100);
    expect(await first.next("reply", { ref: 1 })).toMatchObject({ error: { code: "HANDLER_TIMEOUT" } });
    first.close();
    await server.settle(90_000);
    const again = await server.connect("ada");
    again.send({ type: "publish", ref: 2, topic: "board:1", event: "slow", key: "k" });
    await server.settle();
    storage.release();
    expect(await again.next("reply", { ref: 2 })).toMatchObject({
      result: { position: { offset: 2 }, repeated: true },
    });
    expect(await publish(again, "next")).toMatchObject({ position: { offset: 3 } });
  });

  test("[K4] a request that was refused frees its key", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    expect(await ada.request({ type: "publish", topic: "board:1", event: "refuse", key: "k" })).toMatchObject(
      { ok: false },
    );
    expect(await publish(ada, "e", { key: "k" })).toEqual({
      position: expect.objectContaining({ offset: 1 }),
    });
  });
});

describe("calling", () => {
  test("[C1] [D7] what the handler published is pushed before the reply, which carries its output", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    const count = ada.received.length;
    expect(
      await ada.ask({ type: "call", topic: "board:1", command: "publish", input: { n: 1 } }),
    ).toMatchObject({
      output: { offset: 1 },
    });
    expect(ada.received.slice(count).map(typeOf)).toEqual(["push", "reply"]);
  });

  test("[C2] a handler has 10 seconds; it goes on afterwards, and others are not held up by it", async () => {
    const { server, board } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    await subscribe(ada);
    board.hold();
    ada.send({ type: "publish", ref: 1, topic: "board:1", event: "held" });
    ada.send({ type: "call", ref: 2, topic: "board:1", command: "never" });
    await server.settle(5_000);
    await publish(bob, "e");
    await publish(ada, "e");
    await server.settle(4_000);
    expect(ada.all("reply").filter(({ ok }) => !ok)).toEqual([]);
    await server.settle(1_100);
    expect(await ada.next("reply", { ref: 1 })).toMatchObject({ error: { code: "HANDLER_TIMEOUT" } });
    expect(await ada.next("reply", { ref: 2 })).toMatchObject({ error: { code: "HANDLER_TIMEOUT" } });
    board.release();
    await server.settle();
    expect(ada.all("push").map(({ event }) => event)).toEqual(["e", "e", "held"]);
  });

  test("[D1] [D2] every request gets one reply with the ref it had, in whatever order they end", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    board.hold();
    ada.send({ type: "call", ref: 7, topic: "board:1", command: "held", input: "slow" });
    ada.send({ type: "call", ref: 7, topic: "board:1", command: "echo", input: "fast" });
    ada.send({ type: "call", ref: 0, topic: "board:1", command: "throw" });
    await server.settle();
    board.release();
    await server.settle();
    expect(ada.all("reply")).toMatchObject([
      { ref: 7, result: { output: "fast" } },
      { ref: 0, ok: false, error: { code: "HANDLER_FAILED" } },
      { ref: 7, result: { output: "slow" } },
    ]);
  });
});

describe("presence", () => {
  test("[N1] it needs a subscription and the capability, and has no reply", async () => {
    const board = probe("board:{id}", {
      authorize: ({ principal }) => (principal.id === "ada" ? "controller" : "viewer"),
    });
    const { server } = await start({ topics: { board } });
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    ada.send({ type: "presence", topic: "board:1", state: 1 });
    expect((await ada.next("error")).error.code).toBe("NOT_SUBSCRIBED");
    await subscribe(ada);
    await subscribe(bob);
    bob.send({ type: "presence", topic: "board:1", state: 1 });
    expect((await bob.next("error")).error.code).toBe("FORBIDDEN");
    ada.send({ type: "presence", topic: "board:1", state: { name: "Ada" } });
    expect(await ada.next("presence-diff")).toMatchObject({
      joins: [{ user: "ada", state: { name: "Ada" } }],
    });
    expect(ada.all("reply")).toHaveLength(1);
  });

  test("[D11] a presence right behind its subscribe is in turn", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    ada.send({ type: "presence", topic: "board:1", state: 1 });
    await server.settle();
    expect(ada.received.slice(1).map(typeOf)).toEqual(["reply", "presence-diff"]);
  });
});
