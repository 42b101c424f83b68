import type { Position, SubscribeResult } from "@plexline/protocol";
import {
  createTestServer,
  type Probe,
  type ProbeOptions,
  probe,
  type RawClient,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

async function start(options: ProbeOptions = {}, serverOptions: Partial<TestServerOptions> = {}) {
  const board: Probe = probe("board:{id}", { history: {}, ...options });
  const server = await createTestServer({ topics: { board, relay: probe("relay:{id}") }, ...serverOptions });
  onTestFinished(() => server.close());
  const publish = async (count: number, event = "e") => {
    for (let index = 0; index < count; index += 1) await server.app.publish("board:1", event, null);
  };
  return { server, board, publish };
}

const subscribe = (client: RawClient, since?: Position | "start", topic = "board:1") =>
  client.ask<SubscribeResult>({ type: "subscribe", topic, ...(since === undefined ? {} : { since }) });
const offsets = (client: RawClient) => client.all("push").map(({ offset }) => offset);
/** Waits with a gate of its own, one per use. */
function createGate() {
  let open: () => void = () => {};
  const wait = () =>
    new Promise<void>((resolve) => {
      open = resolve;
    });
  return { wait, open: () => open() };
}

describe("subscribing", () => {
  test("[S2] [R6] [R7] without a position one starts at the head, and is told what one may do", async () => {
    const { server, publish } = await start({ snapshot: () => ({ state: 7 }) });
    await publish(3);
    const ada = await server.connect("ada");
    const result = await subscribe(ada);
    expect(result).toMatchObject({
      topic: "board:1",
      role: "controller",
      position: { offset: 3 },
      head: 3,
      recovered: false,
      snapshot: { state: 7 },
    });
    expect([...result.operations].sort()).toEqual(["call", "presence", "publish", "subscribe"]);
    await publish(1);
    await server.settle();
    expect(offsets(ada)).toEqual([4]);
  });

  test("[R7] a topic without a log has no position and head 0", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    const since = { epoch: "e", offset: 1 };
    expect(await subscribe(ada, since, "relay:1")).toMatchObject({
      position: null,
      head: 0,
      recovered: false,
    });
  });

  test("[S1] a topic that is absent and one that is forbidden answer alike; one that nobody owns does not", async () => {
    const { server } = await start({}, { resources: "strict" });
    const record = {
      tenant: "default",
      clearance: 0,
      owner: "bob",
      editors: [],
      viewers: [],
      openToTenant: false,
    };
    await server.app.records.set({ ...record, topic: "board:1" });
    const ada = await server.connect("ada");
    const forbidden = await ada.request({ type: "subscribe", topic: "board:1" });
    const absent = await ada.request({ type: "subscribe", topic: "board:2" });
    const errorOf = (reply: typeof forbidden) => (reply.ok ? null : reply.error);
    expect(errorOf(forbidden)).toMatchObject({ code: "FORBIDDEN" });
    expect(errorOf(absent)).toEqual(errorOf(forbidden));
    expect(await ada.request({ type: "subscribe", topic: "nobody:1" })).toMatchObject({
      error: { code: "TOPIC_UNKNOWN" },
    });
  });

  test("[S3] the subscription over subscriptionsMax is refused, and leaving one makes room", async () => {
    const { server } = await start({}, { limits: { subscriptionsMax: 2 } });
    const ada = await server.connect("ada");
    await subscribe(ada, undefined, "board:1");
    await subscribe(ada, undefined, "board:2");
    expect(await ada.request({ type: "subscribe", topic: "board:3" })).toMatchObject({
      error: { code: "SUBSCRIPTIONS_MAX" },
    });
    await subscribe(ada, undefined, "board:2");
    await ada.ask({ type: "unsubscribe", topic: "board:1" });
    await subscribe(ada, undefined, "board:3");
  });

  test("[S3] many subscribes at once do not pass the limit together", async () => {
    const { server } = await start({}, { limits: { subscriptionsMax: 2 } });
    const ada = await server.connect("ada");
    for (let ref = 1; ref <= 5; ref += 1) ada.send({ type: "subscribe", ref, topic: `board:${ref}` });
    await server.settle();
    expect(ada.all("reply").filter(({ ok }) => ok)).toHaveLength(2);
    expect(server.app.stats().subscriptions).toBe(2);
  });

  test("[S4] subscribing again moves the subscription, and nothing is pushed twice from one position", async () => {
    const { server, publish } = await start();
    const ada = await server.connect("ada");
    const { position } = await subscribe(ada);
    await publish(3);
    await server.settle();
    expect(offsets(ada)).toEqual([1, 2, 3]);
    const since = { ...position!, offset: 1 };
    expect(await subscribe(ada, since)).toMatchObject({ recovered: true, position: since, head: 3 });
    await publish(1);
    await server.settle();
    expect(offsets(ada).slice(3)).toEqual([2, 3, 4]);
    expect(server.app.stats().subscriptions).toBe(1);
  });

  test("[S5] ephemeral publications of the time of the subscribe follow its reply, at most the latest 256", async () => {
    const gate = createGate();
    const { server, publish } = await start({ snapshot: gate.wait });
    const ada = await server.connect("ada");
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    await server.settle();
    for (let n = 1; n <= 300; n += 1) await server.app.publish("board:1", "ephemeral", n);
    await publish(2);
    await server.settle();
    expect(ada.received).toHaveLength(1);
    gate.open();
    await server.settle();
    expect(ada.received[1]).toMatchObject({ type: "reply", ref: 1 });
    const pushes = ada.all("push");
    const ephemeral = pushes.filter(({ event }) => event === "ephemeral").map(({ payload }) => payload);
    expect([ephemeral.length, ephemeral[0], ephemeral.at(-1)]).toEqual([256, 45, 300]);
    expect(pushes.filter(({ event }) => event === "e").map(({ offset }) => offset)).toEqual([1, 2]);
  });

  test("[S6] [R6] what is committed while the snapshot is made is pushed after the reply, never lost", async () => {
    const gate = createGate();
    const { server, publish } = await start({ snapshot: gate.wait });
    await publish(2);
    const ada = await server.connect("ada");
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    await server.settle();
    await publish(2);
    gate.open();
    const reply = await ada.next("reply");
    const { position } = (reply as { result: SubscribeResult }).result;
    await server.settle();
    expect(offsets(ada)[0]).toBe(position!.offset + 1);
    expect(offsets(ada).at(-1)).toBe(4);
  });

  test("a subscribe that the room refuses leaves nothing behind", async () => {
    let refuses = true;
    const { server, publish, board } = await start({
      snapshot: () => {
        if (refuses) throw new Error("not now");
      },
    });
    const ada = await server.connect("ada");
    expect(await ada.request({ type: "subscribe", topic: "board:1" })).toMatchObject({
      error: { code: "HANDLER_FAILED" },
    });
    expect(server.app.stats().subscriptions).toBe(0);
    expect(board.events.at(-1)).toMatch(/^unsubscribe/);
    refuses = false;
    await subscribe(ada);
    refuses = true;
    // A move that fails leaves the subscription where it was.
    expect(await ada.request({ type: "subscribe", topic: "board:1" })).toMatchObject({ ok: false });
    await publish(1);
    await server.settle();
    expect(offsets(ada)).toEqual([1]);
  });
});

describe("unsubscribing", () => {
  test("[S7] nothing of the topic follows the reply; the other subscriptions go on", async () => {
    const { server, publish } = await start();
    const ada = await server.connect("ada");
    await subscribe(ada);
    await subscribe(ada, undefined, "board:2");
    void server.app.publish("board:1", "e", 1);
    const reply = await ada.request({ type: "unsubscribe", topic: "board:1" });
    const count = ada.received.indexOf(reply) + 1;
    await publish(2);
    await server.app.publish("board:1", "ephemeral", 1);
    await server.app.publish("board:2", "e", 1);
    await server.settle();
    expect(ada.received.slice(count)).toMatchObject([{ type: "push", topic: "board:2" }]);
  });

  test("[S8] a topic that the session does not receive is answered NOT_SUBSCRIBED", async () => {
    const { server } = await start();
    const ada = await server.connect("ada");
    expect(await ada.request({ type: "unsubscribe", topic: "board:1" })).toMatchObject({
      error: { code: "NOT_SUBSCRIBED" },
    });
  });

  test("[D11] subscribe, unsubscribe and subscribe sent at once take effect in that order", async () => {
    const { server, publish, board } = await start();
    const ada = await server.connect("ada");
    const { sessionId } = await ada.next("welcome");
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    ada.send({ type: "unsubscribe", ref: 2, topic: "board:1" });
    ada.send({ type: "subscribe", ref: 3, topic: "board:1" });
    ada.send({ type: "publish", ref: 4, topic: "board:1", event: "e" });
    await server.settle();
    expect(ada.all("reply").map(({ ref, ok }) => [ref, ok])).toEqual([1, 2, 3, 4].map((ref) => [ref, true]));
    expect(board.events).toEqual(
      ["subscribe", "unsubscribe", "subscribe"].map((what) => `${what} ${sessionId}`),
    );
    await publish(1);
    await server.settle();
    expect(offsets(ada)).toEqual([1, 2]);
  });
});

describe("recovering", () => {
  test.each([
    ["at the head", 5, true, 5, []],
    ["in the middle", 2, true, 2, [3, 4, 5]],
    ["[R3] at the very beginning", 0, true, 0, [1, 2, 3, 4, 5]],
    ["[S4] [R5] ahead of the head", 99, false, 5, []],
  ])("[R3] [R4] a position %s", async (_name, offset, recovered, start_, expected) => {
    const { server, publish } = await start();
    await publish(5);
    const bob = await server.connect("bob");
    const { epoch } = (await subscribe(bob)).position!;
    const ada = await server.connect("ada");
    expect(await subscribe(ada, { epoch, offset })).toMatchObject({
      recovered,
      position: { epoch, offset: start_ },
      head: 5,
    });
    await server.settle();
    expect(offsets(ada)).toEqual(expected);
    await publish(1);
    await server.settle();
    expect(offsets(ada)).toEqual([...expected, 6]);
    expect([ada.all("gap"), bob.all("gap"), offsets(bob)]).toEqual([[], [], [6]]);
  });

  test("[R4] a position of another epoch is answered with the current head, without a gap", async () => {
    const { server, publish } = await start();
    await publish(2);
    const ada = await server.connect("ada");
    const { position, recovered } = await subscribe(ada, { epoch: "other", offset: 1 });
    expect([position?.offset, recovered]).toEqual([2, false]);
    expect(position?.epoch).not.toBe("other");
    expect(ada.all("gap")).toEqual([]);
  });

  test("[R4] a position below the floor is answered with the head; exactly at the floor it recovers", async () => {
    const { server, publish } = await start({ history: { entriesMax: 3 } });
    await publish(5);
    const ada = await server.connect("ada");
    const { epoch } = (await subscribe(ada)).position!;
    expect(await subscribe(ada, { epoch, offset: 1 })).toMatchObject({
      recovered: false,
      position: { offset: 5 },
    });
    expect(await subscribe(ada, { epoch, offset: 2 })).toMatchObject({ recovered: true });
    await server.settle();
    expect(offsets(ada)).toEqual([3, 4, 5]);
  });

  test("[R14] from the start one gets all that is kept, and is told whether that is all there was", async () => {
    const { server, publish } = await start({ history: { entriesMax: 3 } });
    await publish(2);
    const ada = await server.connect("ada");
    expect(await subscribe(ada, "start")).toMatchObject({
      recovered: true,
      position: { offset: 0 },
      head: 2,
    });
    await publish(3);
    const bob = await server.connect("bob");
    expect(await subscribe(bob, "start")).toMatchObject({
      recovered: false,
      position: { offset: 2 },
      head: 5,
    });
    await server.settle();
    expect([offsets(ada), offsets(bob)]).toEqual([
      [1, 2, 3, 4, 5],
      [3, 4, 5],
    ]);
    expect(await subscribe(ada, "start", "relay:1")).toMatchObject({ recovered: false, position: null });
  });

  test("[R11] [D8] a log on disk goes on after a restart; one in memory has another epoch", async () => {
    for (const durability of ["disk", "memory"] as const) {
      const { server, publish } = await start({ history: { durability } });
      await publish(2);
      const ada = await server.connect("ada");
      const since = (await subscribe(ada)).position!;
      const next = await server.restart();
      onTestFinished(() => next.close());
      await next.app.publish("board:1", "e", null);
      const back = await next.connect("ada");
      const result = await subscribe(back, since);
      expect([durability, result.recovered]).toEqual([durability, durability === "disk"]);
      await next.settle();
      expect(offsets(back)).toEqual(durability === "disk" ? [3] : []);
      if (durability === "memory") expect(result.position?.epoch).not.toBe(since.epoch);
    }
  });

  test("[R10] a log that is replaced under a live subscription is told as a gap with reason reset", async () => {
    const { server, publish } = await start();
    await publish(3);
    const ada = await server.connect("ada");
    const { position } = await subscribe(ada);
    const fresh = await server.storage.reset("default/board:1");
    await publish(2);
    await server.settle();
    const [gap] = ada.all("gap");
    expect(gap).toMatchObject({ topic: "board:1", reason: "reset", position: { epoch: fresh.epoch } });
    expect(gap?.position.epoch).not.toBe(position?.epoch);
    await publish(1);
    await server.settle();
    const after = offsets(ada).filter((offset) => offset! > gap!.position.offset);
    expect([gap!.position.offset + after.length, ada.all("gap").length]).toEqual([3, 1]);
  });

  test("[R13] a log that cannot be read is told by error, and recovery goes on by itself", async () => {
    const { server, publish } = await start();
    await publish(3);
    const ada = await server.connect("ada");
    const { epoch } = (await subscribe(ada)).position!;
    const read = server.storage.read;
    server.storage.read = () => Promise.reject(new Error("EIO"));
    await subscribe(ada, { epoch, offset: 1 });
    expect(await ada.next("error")).toMatchObject({
      topic: "board:1",
      error: { code: "STORAGE_UNAVAILABLE" },
    });
    expect(offsets(ada)).toEqual([]);
    server.storage.read = read;
    await server.settle(1_100);
    expect(offsets(ada)).toEqual([2, 3]);
    await publish(1);
    await server.settle();
    expect(offsets(ada)).toEqual([2, 3, 4]);
  });

  test("[B4] the alias of a topic is the same for all, and is another topic's for nobody", async () => {
    const { server } = await start();
    const [ada, bob] = [await server.connect("ada"), await server.connect("bob")];
    const first = await subscribe(ada);
    const second = await subscribe(bob);
    const other = await subscribe(bob, undefined, "board:2");
    expect(second.alias).toBe(first.alias);
    expect(other.alias).not.toBe(first.alias);
    ada.send(Uint8Array.of(first.alias, 7, 1, 2));
    await server.settle();
    expect(bob.received.at(-1)).toEqual(Uint8Array.of(first.alias, 7, 1, 2));
    expect(ada.received.filter((message) => message instanceof Uint8Array)).toEqual([]);
  });
});
