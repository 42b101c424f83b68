import type { PresenceDiffMessage } from "@plexline/protocol";
import type { Room } from "@plexline/server";
import { createTestMember, createTestSender, createTestTopic } from "@plexline/testing";
import { featureContract } from "@plexline/testing/contracts";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { ChannelOptions } from "./options.ts";
import { channel } from "./server.ts";

const definition = {
  events: { moved: z.object({ shape: z.string(), x: z.number() }), cleared: z.null() },
  ephemeral: { typing: z.boolean() },
  presence: z.object({ name: z.string() }),
  state: z.object({ title: z.string() }),
  history: { entriesMax: 500 },
} as const;
const ada = createTestMember("ada");
const bob = createTestMember("bob");
const moved = { type: "publish", event: "moved", payload: { shape: "a", x: 1 } } as const;

function open(options: ChannelOptions<"board:{id}"> = definition) {
  const topic = createTestTopic({ topic: "board:1", params: { id: "1" } });
  const room = channel("board:{id}", options).open(topic) as Room;
  const publish = async (event: string, payload: unknown) =>
    room.onMessage(ada, { type: "publish", event, payload });
  const subscribe = async (member = ada, input?: unknown) => room.onSubscribe?.(member, input);
  const setPresence = async (member: typeof ada, state: unknown) =>
    room.onMessage(member, { type: "presence", state });
  const diffs = () => topic.relayed.map(({ message }) => message as PresenceDiffMessage);
  return { topic, room, publish, subscribe, setPresence, diffs };
}

const samples = { topic: "board:1", params: { id: "1" } };
featureContract("a channel with everything", () => channel("board:{id}", definition), {
  ...samples,
  input: { presence: { name: "Ada" } },
  presence: { name: "Ada L." },
  messages: [
    moved,
    { type: "publish", event: "typing", payload: true },
    { type: "publish", event: "$state", payload: { title: "t" } },
  ],
  logged: moved,
});
featureContract("a bare channel", () => channel("board:{id}"), { ...samples, messages: [moved] });
featureContract(
  "a channel of anything",
  () => channel("board:{id}", { presence: true, state: true, history: {} }),
  {
    ...samples,
    input: { presence: 1 },
    presence: [null],
    messages: [moved],
    logged: moved,
  },
);

describe("a channel's definition", () => {
  test("types the client from its schemas", () => {
    const board = channel("board:{id}", {
      ...definition,
      authorize: ({ params }) => (params.id === "1" ? "viewer" : false),
    });
    type Types = NonNullable<typeof board.types>;
    expectTypeOf(board.template).toEqualTypeOf<"board:{id}">();
    expectTypeOf<Types["events"]["moved"]>().toEqualTypeOf<{ shape: string; x: number }>();
    expectTypeOf<Types["ephemeral"]["typing"]>().toEqualTypeOf<boolean>();
    expectTypeOf<Types["presence"]>().toEqualTypeOf<{ name: string }>();
    expectTypeOf<Types["state"]>().toEqualTypeOf<{ title: string }>();
    const bare = channel("room:{id}", { presence: true });
    expectTypeOf<NonNullable<typeof bare.types>["presence"]>().toEqualTypeOf<unknown>();
    expectTypeOf<NonNullable<typeof bare.types>["state"]>().toEqualTypeOf<undefined>();
    expectTypeOf<NonNullable<typeof bare.types>["events"]["any"]>().toEqualTypeOf<unknown>();
    expect(board.template).toBe("board:{id}");
  });

  test("gives the application's authorize the parts of the address", () => {
    const board = channel("board:{id}", {
      authorize: ({ params }) => (params.id === "1" ? "viewer" : false),
    });
    const ask = (id: string) =>
      board.authorize?.({ principal: ada.principal, topic: `board:${id}`, params: { id } });
    expect([ask("1"), ask("2")]).toEqual(["viewer", false]);
  });

  test("defaults to controller, and to viewer where roles are given", () => {
    expect(channel("a").defaultRole).toBe("controller");
    expect(channel("a", { roles: { viewer: ["subscribe"], editor: ["publish"] } }).defaultRole).toBe(
      "viewer",
    );
    expect(() => channel("a", { roles: { editor: ["publish"] } })).toThrow(/defaultRole/);
  });

  test("refuses reserved and ambiguous event names", () => {
    expect(() => channel("a", { events: { $x: z.any() } })).toThrow(/\$x/);
    expect(() => channel("a", { events: { x: z.any() }, ephemeral: { x: z.any() } })).toThrow(/keep one/);
  });
});

describe("publishing on a channel", () => {
  test("[CH1] an event of a channel with history goes to the log", async () => {
    const { topic, room } = open();
    const reply = await room.onMessage(ada, { ...moved, key: "k1" });
    expect(reply).toEqual({ position: { epoch: "test-epoch", offset: 1 } });
    expect(topic.appended).toEqual([{ event: "moved", payload: moved.payload, sender: ada, key: "k1" }]);
    expect(topic.relayed).toEqual([]);
  });

  test("[CH2] an ephemeral event is relayed, and may be dropped", async () => {
    const { topic, publish } = open();
    expect(await publish("typing", true)).toEqual({ position: null });
    expect(topic.appended).toEqual([]);
    expect(topic.relayed).toEqual([
      {
        message: {
          type: "push",
          topic: "board:1",
          event: "typing",
          payload: true,
          from: "s-ada",
          user: "ada",
          atMs: topic.clock.nowMs(),
        },
        outbox: { policy: "drop-oldest" },
      },
    ]);
  });

  test("[CH2] every event of a channel without history is ephemeral, whatever its name", async () => {
    const { topic, room } = open({});
    await room.onMessage(createTestSender("svc"), { type: "publish", event: "anything", payload: 1 });
    expect(topic.relayed[0]?.message).toEqual({
      type: "push",
      topic: "board:1",
      event: "anything",
      payload: 1,
      user: "svc",
      atMs: topic.clock.nowMs(),
    });
  });

  test("[CH3] a payload that does not fit is refused with its field, and nothing happens", async () => {
    const { topic, publish } = open();
    await expect(publish("moved", { shape: "a", x: "1" })).rejects.toMatchObject({
      code: "PAYLOAD_INVALID",
      message: expect.stringContaining("events.moved.x"),
    });
    await expect(publish("$state", {})).rejects.toMatchObject({
      message: expect.stringContaining("state.title"),
    });
    expect([topic.appended.length, topic.relayed.length, topic.values.size]).toEqual([0, 0, 0]);
  });

  test("[CH3] an asynchronous schema is waited for, and one that throws is the handler's failure", async () => {
    const { publish, topic } = open({
      events: {
        slow: z.string().refine(async (text) => text === "ok"),
        broken: z.any().refine(() => {
          throw new Error("secret");
        }),
      },
    });
    await publish("slow", "ok");
    await expect(publish("slow", "no")).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    await expect(publish("broken", 1)).rejects.toMatchObject({
      code: "HANDLER_FAILED",
      message: expect.not.stringContaining("secret"),
    });
    expect(topic.relayed.length).toBe(1);
  });

  test("[CH4] an unknown or reserved event is refused with the names there are", async () => {
    const { publish } = open();
    await expect(publish("move", {})).rejects.toMatchObject({
      code: "EVENT_UNKNOWN",
      message: expect.stringContaining("moved, cleared, typing"),
    });
    for (const event of ["$other", "__proto__", "toString"]) {
      await expect(publish(event, {})).rejects.toMatchObject({ code: "EVENT_UNKNOWN" });
    }
    await expect(open({}).publish("$state", {})).rejects.toMatchObject({
      code: "EVENT_UNKNOWN",
      message: expect.stringContaining("last state"),
    });
  });
});

describe("a channel's last state", () => {
  test("[CH5] is durable before it is answered and told", async () => {
    const { topic, publish, subscribe } = open();
    topic.holdWrites();
    const reply = publish("$state", { title: "one" });
    await new Promise((resolve) => setImmediate(resolve));
    expect([topic.relayed.length, await subscribe(bob)]).toEqual([0, { members: [] }]);
    topic.releaseWrites();
    expect(await reply).toEqual({ position: null });
    const atMs = topic.clock.nowMs();
    expect(topic.relayed).toEqual([
      {
        message: {
          type: "push",
          topic: "board:1",
          event: "$state",
          payload: { title: "one" },
          user: "ada",
          atMs,
          from: "s-ada",
        },
        outbox: { policy: "coalesce", key: "state" },
      },
    ]);
    expect(await subscribe(bob)).toEqual({
      state: { payload: { title: "one" }, user: "ada", atMs },
      members: [],
    });
    expect(topic.appended).toEqual([]);
  });

  test("[CH6] is what subscribers were told last, however many set it at once", async () => {
    const { topic, publish, subscribe } = open();
    topic.holdWrites();
    const replies = ["one", "two", "three"].map((title) => publish("$state", { title }));
    await new Promise((resolve) => setImmediate(resolve));
    topic.releaseWrites();
    await Promise.all(replies);
    const told = topic.relayed.map(
      ({ message }) => (message as { payload: { title: string } }).payload.title,
    );
    expect(told).toEqual(["one", "two", "three"]);
    expect(await subscribe(bob)).toMatchObject({ state: { payload: { title: "three" } } });
  });

  test("[CH5] stays what it was when it cannot be stored", async () => {
    const { topic, publish, subscribe } = open();
    await publish("$state", { title: "one" });
    topic.failWrites();
    await expect(publish("$state", { title: "two" })).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    topic.releaseWrites();
    expect(topic.relayed.length).toBe(1);
    expect(await subscribe(bob)).toMatchObject({ state: { payload: { title: "one" } } });
    await publish("$state", { title: "three" });
    expect(topic.relayed.length).toBe(2);
  });

  test("[CH6] refuses more sets than may wait", async () => {
    const { topic, publish } = open();
    topic.holdWrites();
    const replies = Array.from({ length: 65 }, (_, index) => publish("$state", { title: `${index}` }));
    await expect(replies.at(-1)).rejects.toMatchObject({ code: "OVERLOADED" });
    topic.releaseWrites();
    await Promise.all(replies.slice(0, -1));
    await publish("$state", { title: "after" });
  });
});

describe("a channel's presence", () => {
  test("[CH10] a newcomer gets everybody, themselves included", async () => {
    const { subscribe } = open();
    await subscribe(ada, { presence: { name: "Ada" } });
    expect(await subscribe(bob, { presence: { name: "Bob" } })).toEqual({
      members: [
        { id: "s-ada", user: "ada", state: { name: "Ada" } },
        { id: "s-bob", user: "bob", state: { name: "Bob" } },
      ],
    });
  });

  test("[CH11] changes are gathered and told once, and never dropped", async () => {
    const { topic, subscribe, setPresence } = open();
    await subscribe(ada, { presence: { name: "Ada" } });
    await subscribe(bob);
    await setPresence(bob, { name: "B" });
    await setPresence(bob, { name: "Bob" });
    topic.clock.advance(49);
    expect(topic.relayed).toEqual([]);
    topic.clock.advance(1);
    const joins = [
      { id: "s-ada", user: "ada", state: { name: "Ada" } },
      { id: "s-bob", user: "bob", state: { name: "Bob" } },
    ];
    expect(topic.relayed).toEqual([
      {
        message: { type: "presence-diff", topic: "board:1", joins, updates: [], leaves: [] },
        outbox: { policy: "close" },
      },
    ]);
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("[CH14] a lost socket is a leave after the grace, unless it comes back", async () => {
    const { topic, room, subscribe, diffs } = open();
    for (const member of [ada, bob]) await subscribe(member, { presence: { name: "x" } });
    topic.clock.advance(50);
    room.onAttachment?.(ada, false);
    room.onAttachment?.(bob, false);
    topic.clock.advance(4_000);
    room.onAttachment?.(bob, true);
    topic.clock.advance(1_050);
    expect(diffs().at(-1)?.leaves).toEqual(["s-ada"]);
    room.onAttachment?.(ada, true);
    topic.clock.advance(50);
    expect(
      diffs()
        .at(-1)
        ?.joins.map(({ id }) => id),
    ).toEqual(["s-ada"]);
    expect(diffs().length).toBe(3);
  });

  test("[CH15] unsubscribing and clearing leave at once", async () => {
    const { topic, room, subscribe, setPresence, diffs } = open();
    for (const member of [ada, bob]) await subscribe(member, { presence: { name: "x" } });
    topic.clock.advance(50);
    room.onUnsubscribe?.(ada);
    await setPresence(bob, null);
    topic.clock.advance(50);
    expect(diffs().at(-1)?.leaves).toEqual(["s-ada", "s-bob"]);
    await expect(setPresence(ada, { name: "x" })).rejects.toMatchObject({ code: "NOT_SUBSCRIBED" });
  });

  test("[CH17] a check that ends after its session left, or after a newer one, changes nothing", async () => {
    const pending: (() => void)[] = [];
    const slow = z
      .string()
      .refine((text) => text === "fast" || new Promise((resolve) => pending.push(() => resolve(true))));
    const { subscribe, setPresence, room } = open({ presence: slow });
    await subscribe(ada);
    const older = setPresence(ada, "slow");
    await setPresence(ada, "fast");
    pending.pop()?.();
    await older;
    expect(await subscribe(bob)).toMatchObject({ members: [{ state: "fast" }] });
    const late = setPresence(bob, "late");
    room.onUnsubscribe?.(bob);
    pending.pop()?.();
    await expect(late).rejects.toMatchObject({ code: "NOT_SUBSCRIBED" });
    expect(await subscribe(bob)).toMatchObject({ members: [{ id: "s-ada" }] });
  });

  test("[CH16] what does not fit is refused, on subscribing too, and leaves nobody behind", async () => {
    const { subscribe, setPresence, topic } = open();
    const refused = { code: "PRESENCE_INVALID", message: expect.stringContaining("presence.name") };
    await expect(subscribe(ada, { presence: { name: 1 } })).rejects.toMatchObject(refused);
    expect(await subscribe(bob)).toEqual({ members: [] });
    await expect(setPresence(bob, {})).rejects.toMatchObject(refused);
    await expect(subscribe(ada, "x")).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    await expect(setPresence(ada, { name: "x" })).rejects.toMatchObject({ code: "NOT_SUBSCRIBED" });
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("[CH9] a role without presence cannot take it by subscribing", async () => {
    const { subscribe } = open({ ...definition, roles: { viewer: ["subscribe"] } });
    const viewer = createTestMember("eve", { role: "viewer" });
    await expect(subscribe(viewer, { presence: { name: "Eve" } })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    expect(await subscribe(viewer)).toEqual({ members: [] });
  });

  test("[CH8] a channel without presence says so", async () => {
    const { subscribe, setPresence } = open({});
    await expect(subscribe(ada, { presence: 1 })).rejects.toMatchObject({ code: "OPERATION_UNSUPPORTED" });
    expect(await subscribe(ada)).toEqual({});
    await expect(setPresence(ada, 1)).rejects.toMatchObject({ code: "OPERATION_UNSUPPORTED" });
  });
});

test("[CH7] a channel knows no command and takes no binary message", async () => {
  const { room } = open();
  await expect(room.onMessage(ada, { type: "call", command: "x", input: 1 })).rejects.toMatchObject({
    code: "COMMAND_UNKNOWN",
  });
  const binary = { type: "binary", kind: 1, payload: new Uint8Array() } as const;
  await expect(room.onMessage(ada, binary)).rejects.toMatchObject({ code: "OPERATION_UNSUPPORTED" });
});

test("history and the flush window reach the engine as they were given, and are absent otherwise", () => {
  expect(channel("a:{id}", { history: { entriesMax: 5 }, flushWindowMs: 10 })).toMatchObject({
    history: { entriesMax: 5 },
    flushWindowMs: 10,
  });
  expect(channel("a:{id}")).not.toHaveProperty("history");
  expect(channel("a:{id}")).not.toHaveProperty("flushWindowMs");
});
