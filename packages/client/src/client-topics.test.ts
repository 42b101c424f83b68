import { decodeBinaryMessage } from "@plexline/protocol";
import { describe, expect, test, vi } from "vitest";
import { accepted, at, codeOf, push, setUp } from "./scripted-server.fixture.ts";

describe("topic", () => {
  test("drops duplicates and marks what was recovered", () => {
    const world = setUp();
    world.open();
    const { topic, seen } = world.subscribed("a", { position: at(3), head: 4 });
    const recovered: boolean[] = [];
    topic.on("push", (message) => recovered.push(message.recovered));
    world.socket.push(push("a", 3), push("a", 4), push("a", 4), push("a", 5), push("a", 5));
    expect(seen.pushes()).toEqual([4, 5]);
    expect(recovered).toEqual([true, false]);
    expect(world.socket.take()).toEqual([]);
    expect(topic.position).toEqual(at(5));
  });

  test("a hole is recovered from the position, nothing is delivered out of order", () => {
    const world = setUp();
    world.open();
    const { seen } = world.subscribed("a");
    world.socket.push(push("a", 1), push("a", 3));
    const again = world.socket.takeOne("subscribe");
    expect(again).toMatchObject({ topic: "a", since: at(1) });
    world.socket.push(push("a", 4));
    expect(world.socket.take()).toEqual([]);
    world.socket.ok(again, accepted("a", { position: at(1), head: 4, recovered: true }));
    world.socket.push(push("a", 2), push("a", 3), push("a", 4), push("a", 5));
    expect(seen.pushes()).toEqual([1, 2, 3, 4, 5]);
    expect(seen.names()).not.toContain("gap");
  });

  test("a hole that recovering does not fill is asked for ever more slowly", () => {
    const world = setUp();
    world.open();
    world.subscribed("a");
    world.socket.push(push("a", 2));
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { recovered: true, head: 2 }));
    world.socket.push(push("a", 2));
    expect(world.socket.take()).toEqual([]);
    world.clock.advance(499);
    expect(world.socket.take()).toEqual([]);
    world.clock.advance(1);
    world.socket.takeOne("subscribe");
  });

  test("re-subscribes with since after a reconnect, resumed or not, and delivers each push once", () => {
    for (const resumed of [true, false]) {
      const world = setUp();
      world.open();
      const { topic, seen } = world.subscribed("a");
      world.socket.push(push("a", 1));
      world.reconnect(resumed);
      expect(topic.status.state).toBe("subscribing");
      const again = world.socket.takeOne("subscribe");
      expect(again).toMatchObject({ since: at(1) });
      // A resumed session may be pushed to before the server has read the subscribe.
      world.socket.push(push("a", 3));
      world.socket.ok(again, accepted("a", { position: at(1), head: 3, recovered: true }));
      world.socket.push(push("a", 2), push("a", 3));
      expect(seen.pushes()).toEqual([1, 2, 3]);
      expect(seen.names().filter((name) => name === "gap")).toEqual([]);
    }
  });

  test("tells a gap when what was missed cannot be recovered, with the reason", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a", { position: at(5) });
    const gaps: unknown[] = [];
    topic.on("gap", ({ position, reason }) => gaps.push({ position, reason }));
    world.reconnect();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { position: at(9), head: 9 }));
    world.reconnect();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { position: at(2, "e2"), head: 2 }));
    expect(gaps).toEqual([
      { position: at(9), reason: "trimmed" },
      { position: at(2, "e2"), reason: "reset" },
    ]);
    world.socket.push({ type: "gap", topic: "a", position: at(6, "e2"), reason: "trimmed" }, push("a", 7));
    expect(gaps).toHaveLength(3);
    expect(topic.position).toEqual(at(7, "e2"));
  });

  test("an ephemeral topic has no position and gets every push", () => {
    const world = setUp();
    world.open();
    const { topic, seen } = world.subscribed("a", { position: null });
    world.socket.push({ type: "push", topic: "a", event: "typing", payload: "x" });
    world.socket.push({ type: "push", topic: "a", event: "typing", payload: "x" });
    expect(seen.pushes()).toEqual(["x", "x"]);
    expect(topic.position).toBeNull();
  });

  test("a refused subscribe stays refused until asked again", async () => {
    const world = setUp();
    world.open();
    const topic = world.client.topic("a");
    topic.subscribe();
    const ready = codeOf(topic.whenSubscribed());
    world.socket.refuse(world.socket.takeOne("subscribe"), "FORBIDDEN");
    expect(topic.status).toMatchObject({ state: "unsubscribed", error: { code: "FORBIDDEN" } });
    expect(await ready).toBe("FORBIDDEN");
    world.reconnect();
    world.clock.advance(600);
    expect(world.socket.take()).toEqual([]);
    topic.subscribe();
    world.socket.takeOne("subscribe");
  });

  test("a subscribe refused for now is tried again, not before retryAfterMs", () => {
    const world = setUp();
    world.open();
    const topic = world.client.topic("a");
    topic.subscribe({ who: 1 });
    world.socket.refuse(world.socket.takeOne("subscribe"), "OVERLOADED", { retryAfterMs: 4_000 });
    expect(topic.status.state).toBe("subscribing");
    world.clock.advance(3_999);
    expect(world.socket.take()).toEqual([]);
    world.clock.advance(1);
    expect(world.socket.takeOne("subscribe")).toMatchObject({ input: { who: 1 } });
  });

  test("a subscription the server ends is told, and retried only if that can help", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    const error = { message: "m", fix: "f" };
    world.socket.push({ type: "unsubscribed", topic: "a", error: { code: "INTERNAL", ...error } });
    expect(topic.status.state).toBe("subscribing");
    world.clock.advance(250);
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { recovered: true }));
    world.socket.push({ type: "unsubscribed", topic: "a", error: { code: "REVOKED", ...error } });
    expect(topic.status).toMatchObject({ state: "unsubscribed", error: { code: "REVOKED" } });
    world.clock.advance(600);
    expect(world.socket.take()).toEqual([]);
  });

  test("handles of one address share one subscription, which ends with the last", () => {
    const world = setUp();
    world.open();
    const first = world.client.topic("a");
    const second = world.client.topic({ name: "board", params: { id: "1" } });
    const third = world.client.topic("board:1");
    first.subscribe();
    first.unsubscribe();
    first.subscribe();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a"));
    second.subscribe();
    expect(second.address).toBe("board:1");
    third.subscribe();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("board:1"));
    expect([second.status.state, third.status.state]).toEqual(["subscribed", "subscribed"]);
    second.unsubscribe();
    world.clock.advance(0);
    expect(world.socket.take()).toEqual([]);
    third.unsubscribe();
    world.clock.advance(0);
    expect(world.socket.takeOne("unsubscribe")).toMatchObject({ topic: "board:1" });
    expect(third.status).toEqual({ state: "unsubscribed" });
  });

  test("a handle that joins later gets a fresh snapshot", () => {
    const world = setUp();
    world.open();
    world.subscribed("a");
    const late = world.client.topic("a");
    const snapshots: unknown[] = [];
    late.on("subscribed", ({ snapshot }) => snapshots.push(snapshot));
    late.subscribe();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { recovered: true, snapshot: "now" }));
    expect(snapshots).toEqual(["now"]);
  });

  test("what was unsubscribed offline is told to a session that resumes", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    world.socket.shut();
    topic.unsubscribe();
    world.clock.advance(250);
    world.open(true);
    expect(world.socket.takeOne("unsubscribe")).toMatchObject({ topic: "a" });
  });

  test("a named topic waits for the server's table, and an unknown name is refused", async () => {
    const world = setUp();
    const board = world.client.topic({ name: "board", params: { id: "7" } });
    const wrong = world.client.topic({ name: "borad", params: { id: "7" } });
    const bad = world.client.topic({ name: "board", params: {} });
    for (const topic of [board, wrong, bad]) topic.subscribe();
    const published = codeOf(wrong.publish("x"));
    expect(board.address).toBeNull();
    expect(board.status.state).toBe("subscribing");
    world.open();
    expect(world.socket.takeOne("subscribe")).toMatchObject({ topic: "board:7" });
    expect(wrong.status).toMatchObject({ state: "unsubscribed", error: { code: "TOPIC_UNKNOWN" } });
    expect(bad.status).toMatchObject({ state: "unsubscribed", error: { code: "TOPIC_INVALID" } });
    expect(await published).toBe("TOPIC_UNKNOWN");
    wrong.unsubscribe();
    expect(wrong.status).toEqual({ state: "unsubscribed" });
  });

  test("presence: the latest only, after each subscribe", () => {
    const world = setUp();
    const topic = world.client.topic("a");
    topic.setPresence(1);
    topic.subscribe();
    topic.setPresence(2);
    world.open();
    const subscribe = (): void =>
      world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { recovered: true }));
    subscribe();
    expect(world.socket.takeOne("presence")).toMatchObject({ topic: "a", state: 2 });
    for (const resumed of [true, false]) {
      world.reconnect(resumed);
      subscribe();
      expect(world.socket.takeOne("presence")).toMatchObject({ state: 2 });
    }
  });

  test("binary messages go to the topic of their alias, and back", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a", { alias: 300 });
    const got: unknown[] = [];
    topic.on("binary", ({ kind, payload }) => got.push([kind, [...payload]]));
    world.socket.binaryIn(300, 2, 1, 2);
    world.socket.binaryIn(5, 2);
    expect(got).toEqual([[2, [1, 2]]]);
    expect(topic.sendBinary(4, new Uint8Array([9]))).toBe(true);
    expect(decodeBinaryMessage(world.socket.binary[0]!)).toEqual({
      alias: 300,
      kind: 4,
      payload: new Uint8Array([9]),
    });
    world.socket.shut();
    expect(topic.sendBinary(4, new Uint8Array([9]))).toBe(false);
  });

  test("committed moves the position of its alias, never back and never into another epoch [B6, B7]", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a", { alias: 300, position: at(4), head: 4 });
    const other = world.subscribed("b", { alias: 301, position: at(1, "e2"), head: 1 }).topic;
    const told: unknown[] = [];
    topic.on("committed", (value) => told.push(value, topic.position));
    world.socket.binaryIn(300, 0);
    expect(topic.position).toEqual(at(4));
    world.socket.push({ type: "committed", alias: 300, offset: 6, acked: 2 });
    world.socket.push({ type: "committed", alias: 300, offset: 5 });
    expect(told).toEqual([{ offset: 6, acked: 2 }, at(6), { offset: 5, acked: 0 }, at(6)]);
    world.socket.push({ type: "committed", alias: 302, offset: 9 });
    expect([topic.position, other.position]).toEqual([at(6), at(1, "e2")]);
    world.socket.push({ type: "gap", topic: "a", position: at(2, "e3"), reason: "reset" });
    world.socket.push({ type: "committed", alias: 300, offset: 3 });
    expect(topic.position).toEqual(at(3, "e3"));
    world.socket.push(push("a", 3), push("a", 4));
    expect(topic.position).toEqual(at(4, "e3"));
    world.reconnect();
    expect(world.socket.take().map(({ topic, since }) => [topic, since])).toEqual([
      ["a", at(4, "e3")],
      ["b", at(1, "e2")],
    ]);
  });

  test("committed reaches every handle of its topic, and those without a log [B7]", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a", { position: null });
    const late = world.client.topic("a");
    late.subscribe();
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { position: null }));
    const told: unknown[] = [];
    for (const handle of [topic, late]) handle.on("committed", ({ acked }) => told.push(acked));
    world.socket.push({ type: "committed", alias: 7, offset: 0, acked: 1 });
    expect(told).toEqual([1, 1]);
    expect(topic.position).toBeNull();
    // An alias ends with its connection: what comes before the next reply belongs to nobody.
    world.reconnect(true);
    world.socket.push({ type: "committed", alias: 7, offset: 0, acked: 2 });
    expect(told).toEqual([1, 1]);
  });

  test("no binary message is sent while a reply is due that starts their count anew [B8]", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    expect(topic.sendBinary(0, new Uint8Array([1]))).toBe(true);
    world.client.topic("a").subscribe();
    expect(topic.status.state).toBe("subscribed");
    expect(topic.sendBinary(0, new Uint8Array([2]))).toBe(false);
    const sent: boolean[] = [];
    topic.on("subscribed", () => sent.push(topic.sendBinary(0, new Uint8Array([3]))));
    world.socket.ok(world.socket.takeOne("subscribe"), accepted("a", { recovered: true }));
    expect(sent).toEqual([true]);
    expect(world.socket.binary.map((data) => data.at(-1))).toEqual([1, 3]);
  });

  test("a refused binary message is told to the handles of its topic, which stay subscribed [B10]", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    const others: string[] = [];
    world.client.on("error", ({ code }) => others.push(code));
    const codes: string[] = [];
    topic.on("error", ({ code }) => codes.push(code));
    for (const code of ["UPDATE_INVALID", "STORAGE_UNAVAILABLE"] as const)
      world.socket.push({ type: "error", topic: "a", error: { code, message: "m", fix: "f" } });
    expect(codes).toEqual(["UPDATE_INVALID", "STORAGE_UNAVAILABLE"]);
    expect(topic.status.state).toBe("subscribed");
    world.socket.push({ type: "error", error: { code: "NOT_SUBSCRIBED", message: "m", fix: "f" } });
    expect(others).toEqual(["NOT_SUBSCRIBED"]);
  });

  test("binary messages and others leave in the order they were sent, and inspectors see them [D11]", () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    const seen: unknown[] = [];
    world.client.on("wire", ({ direction, message }) =>
      seen.push([direction, "type" in message ? message.type : [...message.payload]]),
    );
    topic.sendBinary(0, new Uint8Array([1]));
    topic.setPresence("here");
    topic.sendBinary(0, new Uint8Array([2]));
    codeOf(topic.publish("moved"));
    topic.sendBinary(3, new Uint8Array([3]));
    expect(world.socket.order).toEqual(["text", "text", "binary", "text", "binary", "text", "binary"]);
    world.socket.binaryIn(7, 0, 4);
    expect(seen).toEqual([
      ["out", [1]],
      ["out", "presence"],
      ["out", [2]],
      ["out", "publish"],
      ["out", [3]],
      ["in", [4]],
    ]);
    expect(world.client.welcome?.user).toBe("ada");
  });

  test("a listener that throws disturbs neither the others nor the connection", () => {
    const world = setUp();
    world.open();
    const { topic, seen } = world.subscribed("a");
    const surfaced = vi.spyOn(Promise, "reject").mockImplementation(() => new Promise(() => {}));
    topic.on("push", () => {
      throw new Error("application bug");
    });
    world.socket.push(push("a", 1), push("a", 2));
    expect(seen.pushes()).toEqual([1, 2]);
    expect(surfaced).toHaveBeenCalledTimes(2);
    surfaced.mockRestore();
    expect(world.client.status.state).toBe("connected");
  });
});

describe("publish and call", () => {
  test("a reply lost with the connection is asked for again with the same key", async () => {
    const world = setUp();
    world.open();
    const topic = world.client.topic("a");
    const published = topic.publish("moved", { x: 1 });
    const called = topic.call("move", 2);
    const [first, second] = world.socket.take();
    expect(world.client.pending).toBe(2);
    world.reconnect();
    const [firstAgain, secondAgain] = world.socket.take();
    expect(firstAgain).toMatchObject({ type: "publish", event: "moved", payload: { x: 1 }, key: first!.key });
    expect(secondAgain).toMatchObject({ type: "call", command: "move", input: 2, key: second!.key });
    expect(first!.key).not.toBe(second!.key);
    world.socket.ok(firstAgain!, { position: at(1), repeated: true });
    world.socket.ok(secondAgain!, { output: 3 });
    expect(await published).toEqual({ position: at(1), repeated: true });
    expect(await called).toEqual({ output: 3 });
    expect(world.client.pending).toBe(0);
  });

  test("what is queued offline goes out in order, after its topic is subscribed", () => {
    const world = setUp();
    const topic = world.client.topic("a");
    topic.subscribe();
    const state = { x: 1 };
    codeOf(topic.publish("one", state));
    state.x = 2;
    codeOf(topic.publish("two", undefined, { ack: false }));
    codeOf(topic.call("three"));
    world.open();
    const subscribe = world.socket.takeOne("subscribe");
    world.socket.ok(subscribe, accepted("a"));
    const sent = world.socket.take();
    expect(sent.map((message) => message.event ?? message.command)).toEqual(["one", "two", "three"]);
    expect(sent[0]).toMatchObject({ payload: { x: 1 } });
    expect(sent[1]).toEqual({ type: "publish", topic: "a", event: "two" });
  });

  test("nothing overtakes a publish that the server wants later", () => {
    const world = setUp();
    const topic = world.client.topic("a");
    for (let n = 1; n <= 40; n++) codeOf(topic.publish(`p${n}`));
    codeOf(world.client.topic("b").publish("other"));
    world.open();
    const flight = world.socket.take();
    expect(flight).toHaveLength(32);
    for (const message of flight) world.socket.refuse(message, "RATE_LIMITED", { retryAfterMs: 1_000 });
    expect(world.socket.take().map((message) => message.event)).toEqual(["other"]);
    world.clock.advance(999);
    expect(world.socket.take()).toEqual([]);
    world.clock.advance(1);
    const order: unknown[] = [];
    for (let rounds = 0; rounds < 60 && order.length < 40; rounds++) {
      const sent = world.socket.take();
      if (order.length < 32) expect(sent).toHaveLength(1);
      for (const message of sent) {
        order.push(message.event);
        world.socket.ok(message);
      }
    }
    expect(order).toEqual(Array.from({ length: 40 }, (_, index) => `p${index + 1}`));
  });

  test("an error that will not go away rejects, and lets the next go on", async () => {
    const world = setUp();
    world.open();
    const topic = world.client.topic("a");
    const result = codeOf(topic.publish("x"));
    world.socket.refuse(world.socket.takeOne("publish"), "PAYLOAD_INVALID");
    expect(await result).toBe("PAYLOAD_INVALID");
    codeOf(topic.publish("y"));
    world.socket.takeOne("publish");
  });

  test("the queue is bounded in entries, bytes and age", async () => {
    const world = setUp({ autoConnect: false, queue: { entriesMax: 2, bytesMax: 200, ageMaxMs: 1_000 } });
    const topic = world.client.topic("a");
    const large = codeOf(topic.publish("x", "y".repeat(300)));
    const kept = [codeOf(topic.publish("x")), codeOf(topic.publish("x"))];
    const third = codeOf(topic.publish("x"));
    expect(await large).toBe("QUEUE_FULL");
    expect(await third).toBe("QUEUE_FULL");
    world.clock.advance(999);
    expect(world.client.pending).toBe(2);
    world.clock.advance(1);
    expect(await Promise.all(kept)).toEqual(["QUEUE_EXPIRED", "QUEUE_EXPIRED"]);
    expect(world.client.pending).toBe(0);
  });

  test("what was sent and is not answered ends as TIMEOUT: its outcome is not known", async () => {
    const world = setUp();
    world.open();
    const topic = world.client.topic("a");
    const slow = codeOf(topic.call("x"));
    world.clock.advance(10_000);
    expect(await slow).toBe("TIMEOUT");
    const lost = codeOf(topic.call("x"));
    world.client.disconnect();
    world.clock.advance(30_000);
    expect(await lost).toBe("TIMEOUT");
  });

  test("offline fail rejects at once and is not sent again; drop resolves and is forgotten", async () => {
    const world = setUp();
    const topic = world.client.topic("a");
    expect(await codeOf(topic.publish("x", 1, { offline: "fail" }))).toBe("DISCONNECTED");
    expect(await topic.publish("x", 1, { offline: "drop" })).toEqual({ position: null });
    world.open();
    const lost = codeOf(topic.publish("x", 1, { offline: "fail" }));
    const refused = codeOf(topic.publish("x", 1, { offline: "fail" }));
    world.socket.refuse(world.socket.take()[1]!, "RATE_LIMITED");
    expect(await refused).toBe("RATE_LIMITED");
    world.reconnect();
    expect(await lost).toBe("DISCONNECTED");
    expect(world.socket.take()).toEqual([]);
  });

  test("a message the server would not take is refused here, and the connection lives", async () => {
    const world = setUp();
    const topic = world.client.topic("a");
    const result = codeOf(topic.publish("x", "é".repeat(32_600)));
    world.open();
    expect(await result).toBe("MESSAGE_TOO_LARGE");
    expect(world.socket.take()).toEqual([]);
  });

  test("a payload that is not JSON is refused before it is queued", async () => {
    const world = setUp();
    expect(await codeOf(world.client.topic("a").publish("x", 1n))).toBe("PAYLOAD_INVALID");
    expect(world.client.pending).toBe(0);
  });
});
