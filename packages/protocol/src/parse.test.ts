import { describe, expect, test } from "vitest";
import { type FieldRules, optional, readFields, readInteger } from "./field.ts";
import type { UnsubscribeMessage } from "./message.ts";
import { parseClientMessage, parseServerMessage, refOf } from "./parse.ts";
import { parseTopic } from "./topic.ts";

const publish = { type: "publish", ref: 1, topic: "board:7", event: "moved" };
const subscribe = { type: "subscribe", ref: 1, topic: "board:7" };
const welcome = {
  type: "welcome",
  sessionId: "s1",
  resumed: false,
  resumeToken: "r1",
  resumeWindowMs: 60_000,
  user: "ada",
  tenant: "default",
  heartbeatIntervalMs: 30_000,
  heartbeatDeadlineMs: 35_000,
  limits: { messageBytesMax: 65_536, subscriptionsMax: 128, messagesPerSecondMax: 60 },
  topics: { board: { feature: "channel", template: "board:{id}" } },
};
const push = { type: "push", topic: "board:7", event: "moved" };
const committed = { type: "committed", alias: 3, offset: 41 };
const error = { code: "FORBIDDEN", message: "No.", fix: "Ask." };

describe("a client's message", () => {
  test.each([
    [{ type: "hello", token: "" }, "hello.token must be a string of 1 to 8192 bytes."],
    [{ type: "hello", token: "x".repeat(8193) }, "hello.token must be a string of 1 to 8192 bytes."],
    [{ type: "hello", token: "é".repeat(4097) }, "hello.token must be a string of 1 to 8192 bytes."],
    [{ type: "hello", resume: "" }, "hello.resume must be a string of 1 to 256 characters."],
    [{ type: "hello", client: "x".repeat(129) }, "hello.client must be a string of 1 to 128 characters."],
    [{ type: "hello", client: "a\nb" }, "hello.client must not have control characters."],
    [{ type: "refresh", ref: 1 }, "refresh.token must be a string of 1 to 8192 bytes."],
    [{ ...subscribe, ref: undefined }, "subscribe.ref must be an integer of 0 to 9007199254740991."],
    [{ ...subscribe, ref: -1 }, "subscribe.ref must be an integer of 0 to 9007199254740991."],
    [{ ...subscribe, ref: 1.5 }, "subscribe.ref must be an integer of 0 to 9007199254740991."],
    [{ ...subscribe, ref: 2 ** 53 }, "subscribe.ref must be an integer of 0 to 9007199254740991."],
    [{ ...subscribe, ref: "1" }, "subscribe.ref must be an integer of 0 to 9007199254740991."],
    [{ ...subscribe, since: null }, "subscribe.since must be an object."],
    [{ ...subscribe, since: [] }, "subscribe.since must be an object."],
    [{ ...subscribe, since: { offset: 1 } }, "subscribe.since.epoch must be a string of 1 to 64 characters."],
    [
      { ...subscribe, since: { epoch: "e", offset: -1 } },
      "subscribe.since.offset must be an integer of 0 to 9007199254740991.",
    ],
    [{ ...publish, event: "" }, "publish.event must be a string of 1 to 64 characters."],
    [{ ...publish, event: "x".repeat(65) }, "publish.event must be a string of 1 to 64 characters."],
    [{ ...publish, event: "a\u0000" }, "publish.event must not have control characters."],
    [{ ...publish, key: "" }, "publish.key must be a string of 1 to 64 characters."],
    [{ ...publish, key: 7 }, "publish.key must be a string of 1 to 64 characters."],
    [{ ...publish, key: "\ud800" }, "publish.key must not have lone surrogates."],
    [
      { type: "call", ref: 1, topic: "a", command: "c\u0085" },
      "call.command must not have control characters.",
    ],
    [{ type: "presence", topic: "a" }, "presence.state is missing."],
    [{ type: 7 }, "The message must have a type, which is a string."],
    [[], "The message must be an object."],
    [null, "The message must be an object."],
    ["ping", "The message must be an object."],
  ])("%j is refused: %s [X1]", (value, sentence) => {
    expect(() => parseClientMessage(value)).toThrow(
      expect.objectContaining({ code: "MALFORMED_MESSAGE", message: sentence }),
    );
  });

  test.each([
    { ...publish, topic: "a b" },
    { ...subscribe, topic: "board:*" },
    { type: "unsubscribe", ref: 1 },
  ])("%j has an invalid topic", (value) => {
    const message = expect.stringMatching(new RegExp(`^${value.type}\\.topic must be a topic`));
    expect(() => parseClientMessage(value)).toThrow(
      expect.objectContaining({ code: "TOPIC_INVALID", message }),
    );
  });

  test.each(["welcome", "push", "publsh", "constructor", "__proto__", ""])(
    "of type %j is unknown [X2]",
    (type) => {
      expect(() => parseClientMessage({ type })).toThrow(
        expect.objectContaining({ code: "UNKNOWN_MESSAGE" }),
      );
    },
  );

  test("keeps what is known and ignores the rest [F3]", () => {
    expect(parseClientMessage({ ...publish, payload: null, colour: "red" })).toStrictEqual({
      ...publish,
      payload: null,
    });
    expect(parseClientMessage({ type: "ping", ref: "x" })).toStrictEqual({ type: "ping" });
  });

  test("takes the bounds of a ref", () => {
    expect(parseClientMessage({ ...publish, ref: 0 })).toStrictEqual({ ...publish, ref: 0 });
    expect(parseClientMessage({ ...publish, ref: -0 })).toStrictEqual({ ...publish, ref: 0 });
    expect(parseClientMessage({ ...publish, ref: 2 ** 53 - 1 })).toStrictEqual({
      ...publish,
      ref: 2 ** 53 - 1,
    });
  });

  test("that was refused still tells its ref [X3]", () => {
    expect(refOf({ ...publish, topic: "" })).toBe(1);
    for (const value of [null, "x", [], { ref: -1 }, { ref: "1" }, {}]) expect(refOf(value)).toBeUndefined();
  });

  test("narrows by its type", () => {
    const message = parseClientMessage(publish);
    if (message.type !== "publish") expect.fail(message.type);
    expect(message.event satisfies string).toBe("moved");
  });
});

describe("a server's message", () => {
  test.each([
    [
      { ...welcome, limits: { ...welcome.limits, subscriptionsMax: "128" } },
      "welcome.limits.subscriptionsMax must be",
    ],
    [
      { ...welcome, topics: { board: { feature: "channel" } } },
      "welcome.topics.board.template must be a string.",
    ],
    [
      { ...welcome, topics: JSON.parse('{"__proto__":{}}') },
      "welcome.topics must not have the key __proto__.",
    ],
    [{ ...welcome, resumed: 1 }, "welcome.resumed must be true or false."],
    [{ type: "reply", ref: 1 }, "reply.ok must be true or false."],
    [{ type: "reply", ok: true }, "reply.ref must be an integer"],
    [{ type: "reply", ref: 1, ok: false }, "reply.error must be an object."],
    [{ type: "reply", ref: 1, ok: false, error: { ...error, fix: 1 } }, "reply.error.fix must be a string."],
    [{ ...push, offset: 0.5 }, "push.offset must be an integer"],
    [
      { type: "presence-state", topic: "a", members: [{ id: "s", user: "u", state: 1 }, 7] },
      "presence-state.members[1] must be an object.",
    ],
    [
      { type: "presence-diff", topic: "a", joins: [], updates: [], leaves: [7] },
      "presence-diff.leaves[0] must be a string.",
    ],
    [{ ...committed, alias: "3" }, "committed.alias must be an integer"],
    [{ ...committed, alias: undefined }, "committed.alias must be an integer"],
    [{ ...committed, offset: -1 }, "committed.offset must be an integer"],
    [{ ...committed, offset: undefined }, "committed.offset must be an integer"],
    [{ ...committed, acked: null }, "committed.acked must be an integer"],
    [
      { type: "gap", topic: "a", position: { epoch: "e", offset: 1 }, reason: "lost" },
      "gap.reason must be one of trimmed, reset.",
    ],
    [{ type: "goaway" }, "goaway.reconnectAfterMs must be an integer"],
  ])("%j is refused: %s", (value, sentence) => {
    expect(() => parseServerMessage(value)).toThrow(
      expect.objectContaining({ code: "MALFORMED_MESSAGE", message: expect.stringContaining(sentence) }),
    );
  });

  test("may tell where a subscriber stands, with or without what is settled [B7, B8]", () => {
    expect(parseServerMessage(committed)).toStrictEqual(committed);
    expect(parseServerMessage({ ...committed, acked: 7, topic: "a" })).toStrictEqual({
      ...committed,
      acked: 7,
    });
  });

  test("of a client is unknown", () => {
    expect(() => parseServerMessage(publish)).toThrow(expect.objectContaining({ code: "UNKNOWN_MESSAGE" }));
  });

  test("with an error code of a newer version counts as INTERNAL [X4]", () => {
    const message = { type: "error", error: { ...error, code: "TOO_PURPLE" } };
    expect(parseServerMessage(message)).toEqual({ type: "error", error: { ...error, code: "INTERNAL" } });
    expect(parseServerMessage({ type: "error", error: { ...error, code: "constructor" } })).toHaveProperty(
      "error.code",
      "INTERNAL",
    );
  });
});

test("the compiler refuses rules that would lose a field or get its optionality wrong", () => {
  // @ts-expect-error: topic is forgotten.
  const forgotten: FieldRules<UnsubscribeMessage> = { ref: readInteger };
  expect(readFields(forgotten)({ ref: 1, topic: "a" }, "m")).toEqual({ ref: 1 });
  // @ts-expect-error: ref may not be absent.
  const lax: FieldRules<UnsubscribeMessage> = { ref: optional(readInteger), topic: parseTopic };
  expect(readFields(lax)({ topic: "a" }, "m")).toEqual({ topic: "a" });
  // @ts-expect-error: ref may be absent.
  const strict: FieldRules<{ type: "x"; ref?: number }> = { ref: readInteger };
  expect(() => readFields(strict)({}, "m")).toThrow("m.ref must be an integer");
});
