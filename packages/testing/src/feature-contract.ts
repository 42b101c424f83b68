import { PlexlineError } from "@plexline/protocol";
import type { Feature, Member, Room, RoomMessage } from "@plexline/server";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTestMember, createTestTopic, type TestTopic } from "./test-topic.ts";

/** What the suite needs to know to use a feature as its clients would. */
export interface FeatureSamples {
  /** An address of the feature's template. */
  readonly topic: string;
  readonly params: Readonly<Record<string, string>>;
  /** A `subscribe` input that is accepted. */
  readonly input?: unknown;
  /** A presence that is accepted, if the feature has presence. */
  readonly presence?: unknown;
  /** Messages that are accepted; their event and command names are also tried with unknown payloads. */
  readonly messages: readonly RoomMessage[];
  /** One that ends in the log, if the feature has one. */
  readonly logged?: RoomMessage;
}

interface Opened {
  readonly topic: TestTopic;
  readonly room: Room;
}

/** Time after which nothing of somebody who left may be due. */
const LONG_MS = 24 * 3_600_000;
const ada = createTestMember("ada");
const bob = createTestMember("bob");

/**
 * What the engine relies on in any feature, ours or yours, as a vitest suite.
 *
 * @example
 * featureContract("channel", () => channel("board:{id}"), {
 *   topic: "board:1", params: { id: "1" }, messages: [{ type: "publish", event: "moved", payload: {} }],
 * });
 */
export function featureContract(name: string, make: () => Feature, samples: FeatureSamples): void {
  const open = async (): Promise<Opened> => {
    const topic = createTestTopic({ topic: samples.topic, params: samples.params });
    return { topic, room: await make().open(topic) };
  };
  const subscribe = async ({ room }: Opened, member: Member): Promise<unknown> =>
    room.onSubscribe?.(member, samples.input);
  const send = async ({ room }: Opened, message: RoomMessage): Promise<unknown> =>
    room.onMessage(ada, message);
  const close = async ({ topic, room }: Opened): Promise<void> => {
    topic.abort();
    await room.close?.();
  };

  describe(`${name} keeps the feature contract`, () => {
    test("its default role is one of its roles", () => {
      const feature = make();
      expect(Object.keys(feature.roles)).toContain(feature.defaultRole);
      expect(feature.template).not.toBe("");
    });

    test("accepts its samples", async () => {
      const opened = await open();
      await subscribe(opened, ada);
      for (const message of samples.messages) await send(opened, message);
      if (samples.presence !== undefined) await send(opened, { type: "presence", state: samples.presence });
      await close(opened);
    });

    test("answers anything unknown with a PlexlineError or a result, and goes on", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(stepArbitrary(samples), { maxLength: 12 }), async (steps) => {
          const opened = await open();
          for (const step of steps) await expectPlexlineErrorAtMost(() => takeStep(opened.room, step));
          opened.topic.clock.advance(LONG_MS);
          await subscribe(opened, bob);
          for (const message of samples.messages) await send(opened, message);
          await close(opened);
          expect(opened.topic.clock.pendingTimers).toBe(0);
        }),
        { numRuns: 200 },
      );
    });

    test("keeps nothing of somebody who unsubscribed", async () => {
      const [fresh, used] = [await open(), await open()];
      await subscribe(used, ada);
      if (samples.presence !== undefined) await send(used, { type: "presence", state: samples.presence });
      used.room.onAttachment?.(ada, false);
      used.room.onUnsubscribe?.(ada);
      expect(await subscribe(used, bob)).toEqual(await subscribe(fresh, bob));
      used.topic.clock.advance(LONG_MS);
      const [relayed, pushed] = [used.topic.relayed.length, used.topic.pushed.length];
      used.topic.clock.advance(LONG_MS);
      expect([used.topic.relayed.length, used.topic.pushed.length]).toEqual([relayed, pushed]);
    });

    test("keeps nothing of somebody who unsubscribed while they were being let in", async () => {
      const [fresh, used] = [await open(), await open()];
      const entering = expectPlexlineErrorAtMost(() => subscribe(used, ada));
      used.room.onUnsubscribe?.(ada);
      await entering;
      used.room.onUnsubscribe?.(ada);
      expect(await subscribe(used, bob)).toEqual(await subscribe(fresh, bob));
    });

    test("cancels its timers and says nothing more when it closes", async () => {
      const opened = await open();
      await subscribe(opened, ada);
      for (const message of samples.messages) await send(opened, message);
      if (samples.presence !== undefined) await send(opened, { type: "presence", state: samples.presence });
      opened.room.onAttachment?.(ada, false);
      await close(opened);
      expect(opened.topic.clock.pendingTimers).toBe(0);
      const relayed = opened.topic.relayed.length;
      opened.topic.clock.advance(LONG_MS);
      expect(opened.topic.relayed.length).toBe(relayed);
    });

    test("refuses messages and subscribers after it closed", async () => {
      const opened = await open();
      await close(opened);
      for (const message of samples.messages) {
        await expect(send(opened, message)).rejects.toBeInstanceOf(PlexlineError);
      }
      if (opened.room.onSubscribe) await expect(subscribe(opened, ada)).rejects.toBeInstanceOf(PlexlineError);
      expect(opened.topic.relayed).toEqual([]);
      expect(opened.topic.appended).toEqual([]);
    });

    const { logged } = samples;
    if (!logged) return;

    test("answers a logged message only once it is durable", async () => {
      const opened = await open();
      await subscribe(opened, ada);
      opened.topic.holdWrites();
      let answered = false;
      const reply = send(opened, logged).then(() => {
        answered = true;
      });
      await settle();
      expect([answered, opened.topic.announced.length]).toEqual([false, 0]);
      opened.topic.releaseWrites();
      await reply;
      expect(opened.topic.announced.length).toBe(1);
    });

    test("rejects a logged message that could not be stored, and tells nobody", async () => {
      const opened = await open();
      await subscribe(opened, ada);
      opened.topic.clock.advance(LONG_MS);
      const relayed = opened.topic.relayed.length;
      opened.topic.failWrites();
      await expect(send(opened, logged)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
      expect([opened.topic.relayed.length, opened.topic.announced.length]).toEqual([relayed, 0]);
      opened.topic.releaseWrites();
      await send(opened, logged);
      expect(opened.topic.announced.length).toBe(1);
    });
  });
}

type Step =
  | { readonly kind: "subscribe"; readonly input: unknown }
  | { readonly kind: "message"; readonly message: RoomMessage }
  | { readonly kind: "attachment"; readonly attached: boolean }
  | { readonly kind: "unsubscribe" };

function stepArbitrary(samples: FeatureSamples): fc.Arbitrary<Step> {
  const payload = fc.oneof(fc.jsonValue(), fc.anything());
  const names = ["$state", "__proto__", "constructor", "", "$", ...samples.messages.flatMap(nameOf)];
  const name = fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 64 }));
  const message: fc.Arbitrary<RoomMessage> = fc.oneof(
    fc.record({ type: fc.constant("publish" as const), event: name, payload }),
    fc.record({ type: fc.constant("call" as const), command: name, input: payload }),
    fc.record({ type: fc.constant("presence" as const), state: payload }),
    fc.record({ type: fc.constant("binary" as const), kind: fc.nat(), payload: fc.uint8Array() }),
    fc.constantFrom(...samples.messages),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), input: payload }) },
    { weight: 1, arbitrary: fc.constant({ kind: "subscribe" as const, input: samples.input }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("message" as const), message }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("attachment" as const), attached: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ kind: "unsubscribe" as const }) },
  );
}

function nameOf(message: RoomMessage): string[] {
  if (message.type === "publish") return [message.event];
  return message.type === "call" ? [message.command] : [];
}

async function takeStep(room: Room, step: Step): Promise<unknown> {
  switch (step.kind) {
    case "subscribe":
      return room.onSubscribe?.(ada, step.input);
    case "message":
      return room.onMessage(ada, step.message);
    case "attachment":
      return room.onAttachment?.(ada, step.attached);
    case "unsubscribe":
      return room.onUnsubscribe?.(ada);
  }
}

async function expectPlexlineErrorAtMost(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof PlexlineError)) throw error;
  }
}

/** Lets everything that only waits for promises go on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
