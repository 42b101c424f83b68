import type { Topic, TopicEvents, TopicStatus } from "@plexline/client";
import type { SubscribeResult } from "@plexline/protocol";
import { expect, test } from "vitest";
import { applyPresenceDiff, createChannelHandle } from "./client.ts";
import type { ChannelSnapshot } from "./protocol.ts";

/** A topic whose events a test emits and whose calls it reads. */
class FakeTopic implements Topic {
  readonly address = "board:7";
  readonly position = null;
  status: TopicStatus = { state: "unsubscribed" };
  readonly calls: unknown[][] = [];
  #listeners: [name: string, listener: (value: never) => void][] = [];
  on<Name extends keyof TopicEvents>(name: Name, listener: (value: TopicEvents[Name]) => void): () => void {
    const entry: [string, (value: never) => void] = [name, listener];
    this.#listeners.push(entry);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== entry);
    };
  }
  emit<Name extends keyof TopicEvents>(name: Name, value: TopicEvents[Name]): void {
    for (const [other, listener] of [...this.#listeners]) if (other === name) listener(value as never);
  }
  subscribe(input?: unknown): void {
    this.calls.push(["subscribe", structuredClone(input)]);
    this.status = { state: "subscribing" };
  }
  unsubscribe(): void {
    this.calls.push(["unsubscribe"]);
    this.status = { state: "unsubscribed" };
    this.emit("status", this.status);
  }
  async publish(event: string, payload?: unknown) {
    this.calls.push(["publish", event, payload]);
    return { position: null };
  }
  async call(): Promise<unknown> {
    return undefined;
  }
  setPresence(state: unknown): void {
    this.calls.push(["presence", state]);
  }
  sendBinary(): boolean {
    return false;
  }
  whenSubscribed(): Promise<SubscribeResult> {
    return new Promise(() => {});
  }
  accept(snapshot: ChannelSnapshot): void {
    const result = {
      topic: this.address,
      alias: 1,
      role: "controller",
      operations: [],
      position: null,
      head: 0,
    };
    this.emit("subscribed", { ...result, recovered: false, snapshot });
  }
  push(event: string, payload: unknown, more: Partial<TopicEvents["push"]> = {}): void {
    this.emit("push", { type: "push", topic: this.address, event, payload, recovered: false, ...more });
  }
  diff(diff: Partial<TopicEvents["presence-diff"]>): void {
    const none = { joins: [], updates: [], leaves: [] };
    this.emit("presence-diff", { type: "presence-diff", topic: this.address, ...none, ...diff });
  }
}

function setUp() {
  const topic = new FakeTopic();
  return { topic, channel: createChannelHandle(topic, () => "s1") };
}

function member(id: string, state: unknown = id) {
  return { id, user: `user-${id}`, state };
}

test("listening joins once, and events reach the listeners of their name with what they carry", () => {
  const { topic, channel } = setUp();
  const seen: unknown[] = [];
  const off = channel.on("moved", (payload, meta) => seen.push([payload, meta]));
  channel.on("typing", () => seen.push("typing"));
  expect(topic.calls).toEqual([["subscribe", {}]]);
  topic.push("moved", { x: 1 }, { offset: 4, user: "ada", recovered: true });
  off();
  topic.push("moved", { x: 2 });
  expect(seen).toEqual([[{ x: 1 }, { offset: 4, user: "ada", recovered: true }]]);
});

test("a refused channel is asked for again by joining, not by listening", () => {
  const { topic, channel } = setUp();
  channel.join();
  topic.status = { state: "unsubscribed", error: Object.assign(new Error(), { code: "FORBIDDEN" }) as never };
  channel.on("moved", () => {});
  expect(topic.calls).toHaveLength(1);
  channel.join();
  expect(topic.calls).toHaveLength(2);
});

test("join and presence.set carry the presence in the subscribe and as the latest", () => {
  const { topic, channel } = setUp();
  channel.join({ name: "Ada" });
  expect(topic.calls).toEqual([
    ["presence", { name: "Ada" }],
    ["subscribe", { presence: { name: "Ada" } }],
  ]);
  channel.presence.set({ name: "Eve" });
  channel.presence.clear();
  expect(topic.calls.slice(2)).toEqual([
    ["presence", { name: "Eve" }],
    ["presence", null],
  ]);
});

test("[CH13] a list and the diffs around it give the right members, twice or late", () => {
  const list = [member("a"), member("b")];
  const diff = { joins: [member("a"), member("c")], updates: [member("b", 2)], leaves: ["x"] };
  const once = applyPresenceDiff(list, diff);
  expect(once).toEqual([member("a"), member("b", 2), member("c")]);
  expect(applyPresenceDiff(once, diff)).toEqual(once);
  expect(applyPresenceDiff(once, { joins: [], updates: [member("d")], leaves: ["a"] })).toEqual([
    ...[member("b", 2), member("c"), member("d")],
  ]);
});

test("presence tells all members on change, and the others without this session", () => {
  const { topic, channel } = setUp();
  const seen: string[] = [];
  channel.presence.on((members) => seen.push(members.map(({ id }) => id).join()));
  topic.accept({ members: [member("s1"), member("s2")] });
  topic.diff({ joins: [member("s3")] });
  topic.emit("presence-state", { type: "presence-state", topic: "board:7", members: [member("s1")] });
  channel.leave();
  expect(seen).toEqual(["s1,s2", "s1,s2,s3", "s1", ""]);
  topic.accept({ members: [member("s1"), member("s2")] });
  expect(channel.presence.others.map(({ id }) => id)).toEqual(["s2"]);
});

test("the state comes from the snapshot and from $state, and an older one that is recovered does not win", () => {
  const { topic, channel } = setUp();
  const seen: unknown[] = [];
  channel.on("$state", (state) => seen.push(state?.payload));
  topic.accept({ state: { payload: "new", atMs: 20 } });
  topic.push("$state", "old", { atMs: 10, recovered: true });
  topic.accept({ state: { payload: "new", atMs: 20 } });
  topic.push("$state", "newer", { atMs: 30, user: "ada" });
  expect(channel.state).toEqual({ payload: "newer", atMs: 30, user: "ada" });
  topic.accept({});
  expect(seen).toEqual(["new", "newer", undefined]);
});

test("setState publishes the state event, and gaps are told", async () => {
  const { topic, channel } = setUp();
  await channel.setState({ title: "Plan" });
  expect(topic.calls).toEqual([["publish", "$state", { title: "Plan" }]]);
  const gaps: unknown[] = [];
  channel.on("$gap", (gap) => gaps.push(gap));
  topic.emit("gap", { position: { epoch: "e", offset: 3 }, reason: "trimmed" });
  expect(gaps).toEqual([{ position: { epoch: "e", offset: 3 }, reason: "trimmed" }]);
});
