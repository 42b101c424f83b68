import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  encodeServerMessage,
} from "./codec-json.ts";
import { type ErrorBody, PlexlineError } from "./error.ts";
import type { ErrorCode } from "./error-code.ts";
import { ERROR_CODES } from "./error-table.ts";
import type { ClientMessage, ServerMessage } from "./message.ts";
import {
  CLIENT_MESSAGE_TYPES,
  parseClientMessage,
  parseServerMessage,
  SERVER_MESSAGE_TYPES,
} from "./parse.ts";

const integer = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(2 ** 53 - 1));
const word = fc.string({
  unit: fc.constantFrom("a", "Z", "7", "-", "é", "€", "😀", " "),
  minLength: 1,
  maxLength: 24,
});
const topic = fc.string({
  unit: fc.constantFrom("a", "b", "7", ":", ".", "/", "é", "😀"),
  minLength: 1,
  maxLength: 30,
});
// What JSON itself keeps: no -0, no forbidden keys.
const json = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => {
    const text = JSON.stringify(value);
    return !/__proto__|constructor|prototype/.test(text);
  });
const position = fc.record({ epoch: word, offset: integer }, { noNullPrototype: true });
const errorBody: fc.Arbitrary<ErrorBody> = shape(
  { code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])), message: word, fix: word },
  { retryAfterMs: integer },
);
const members = fc.array(shape({ id: word, user: word, state: json }), { maxLength: 3 });

function shape<R extends object, O extends object = Record<never, never>>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional?: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<R & Partial<O>> {
  const requiredKeys = Object.keys(required);
  const record = fc.record(
    { ...required, ...optional },
    { requiredKeys: requiredKeys as never[], noNullPrototype: true },
  );
  return record as unknown as fc.Arbitrary<R & Partial<O>>;
}

function type<const T extends string>(name: T): fc.Arbitrary<T> {
  return fc.constant(name);
}

const clientMessages: { [T in ClientMessage["type"]]: fc.Arbitrary<Extract<ClientMessage, { type: T }>> } = {
  hello: shape({ type: type("hello") }, { token: word, resume: word, client: word }),
  refresh: shape({ type: type("refresh"), ref: integer, token: word }),
  subscribe: shape({ type: type("subscribe"), ref: integer, topic }, { since: position, input: json }),
  unsubscribe: shape({ type: type("unsubscribe"), ref: integer, topic }),
  publish: shape({ type: type("publish"), topic, event: word }, { ref: integer, payload: json, key: word }),
  call: shape({ type: type("call"), ref: integer, topic, command: word }, { input: json, key: word }),
  presence: shape({ type: type("presence"), topic, state: json }),
  ping: shape({ type: type("ping") }),
  pong: shape({ type: type("pong") }),
};

const serverMessages: { [T in ServerMessage["type"]]: fc.Arbitrary<Extract<ServerMessage, { type: T }>> } = {
  welcome: shape(
    {
      type: type("welcome"),
      sessionId: word,
      resumed: fc.boolean(),
      resumeToken: word,
      resumeWindowMs: integer,
      user: word,
      tenant: word,
      heartbeatIntervalMs: integer,
      heartbeatDeadlineMs: integer,
      limits: shape({ messageBytesMax: integer, subscriptionsMax: integer, messagesPerSecondMax: integer }),
      topics: fc.dictionary(word, shape({ feature: word, template: word }), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    },
    { expiresAtMs: integer },
  ),
  reply: fc.oneof(
    shape({ type: type("reply"), ref: integer, ok: fc.constant<true>(true) }, { result: json }),
    shape({ type: type("reply"), ref: integer, ok: fc.constant<false>(false), error: errorBody }),
  ),
  push: shape(
    { type: type("push"), topic, event: word },
    { payload: json, offset: integer, from: word, user: word, atMs: integer, key: word },
  ),
  "presence-state": shape({ type: type("presence-state"), topic, members }),
  "presence-diff": shape({
    type: type("presence-diff"),
    topic,
    joins: members,
    updates: members,
    leaves: fc.array(word),
  }),
  committed: shape({ type: type("committed"), alias: integer, offset: integer }, { acked: integer }),
  gap: shape({
    type: type("gap"),
    topic,
    position,
    reason: fc.constantFrom("trimmed" as const, "reset" as const),
  }),
  unsubscribed: shape({ type: type("unsubscribed"), topic, error: errorBody }),
  "token-expiring": shape({ type: type("token-expiring"), expiresAtMs: integer }),
  goaway: shape({ type: type("goaway"), reconnectAfterMs: integer }),
  error: shape({ type: type("error"), error: errorBody }, { topic }),
  ping: shape({ type: type("ping") }),
  pong: shape({ type: type("pong") }),
};

const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(...Object.values(clientMessages));
const serverMessage: fc.Arbitrary<ServerMessage> = fc.oneof(...Object.values(serverMessages));
const message = fc.oneof(clientMessage, serverMessage);

/** A valid message in which one field has another value, or none. */
const mutated = fc
  .tuple(message, fc.nat(), fc.option(fc.anything(), { nil: undefined }))
  .map(([valid, index, value]) => {
    const keys = Object.keys(valid);
    return { ...valid, [keys[index % keys.length]!]: value };
  });
/** The text of a valid message with a few characters changed. */
const mutatedText = fc
  .tuple(message, fc.nat(), fc.nat(3), fc.string({ maxLength: 3 }))
  .map(([valid, index, gone, added]) => {
    const text = JSON.stringify(valid);
    const at = index % text.length;
    return text.slice(0, at) + added + text.slice(at + gone);
  });

function refusesCleanly(parse: () => { type: string }, types: readonly string[]): void {
  try {
    expect(types).toContain(parse().type);
  } catch (error) {
    if (!(error instanceof PlexlineError)) throw error;
    expect(["MALFORMED_MESSAGE", "UNKNOWN_MESSAGE", "TOPIC_INVALID", "JSON_TOO_DEEP"]).toContain(error.code);
  }
}

describe("the JSON codec", () => {
  test("gives a client's messages back as they were", () => {
    fc.assert(
      fc.property(clientMessage, (valid) => {
        expect(decodeClientMessage(encodeClientMessage(valid))).toStrictEqual(valid);
      }),
      { numRuns: 1500 },
    );
  });

  test("gives a server's messages back as they were", () => {
    fc.assert(
      fc.property(serverMessage, (valid) => {
        expect(decodeServerMessage(encodeServerMessage(valid))).toStrictEqual(valid);
      }),
      { numRuns: 1500 },
    );
  });

  test("takes a depth of its own [L4]", () => {
    const text = '{"type":"publish","topic":"a","event":"e","payload":[[]]}';
    expect(decodeClientMessage(text, { depthMax: 3 })).toHaveProperty("payload", [[]]);
    expect(() => decodeClientMessage(text, { depthMax: 2 })).toThrow(
      expect.objectContaining({ code: "JSON_TOO_DEEP" }),
    );
    const push = text.replace("publish", "push");
    expect(() => decodeServerMessage(push, { depthMax: 2 })).toThrow(
      expect.objectContaining({ code: "JSON_TOO_DEEP" }),
    );
  });
});

describe("whatever arrives, only a PlexlineError escapes [X1]", () => {
  test("for messages with one wrong field", () => {
    fc.assert(
      fc.property(mutated, (value) => {
        refusesCleanly(() => parseClientMessage(value), CLIENT_MESSAGE_TYPES);
        refusesCleanly(() => parseServerMessage(value), SERVER_MESSAGE_TYPES);
      }),
      { numRuns: 2500 },
    );
  });

  test("for texts with some characters changed", () => {
    fc.assert(
      fc.property(mutatedText, (text) => {
        refusesCleanly(() => decodeClientMessage(text), CLIENT_MESSAGE_TYPES);
        refusesCleanly(() => decodeServerMessage(text), SERVER_MESSAGE_TYPES);
      }),
      { numRuns: 2500 },
    );
  });

  test("for any value and any text", () => {
    fc.assert(
      fc.property(fc.anything(), fc.oneof(fc.json(), fc.string({ unit: "binary" })), (value, text) => {
        refusesCleanly(() => parseClientMessage(value), CLIENT_MESSAGE_TYPES);
        refusesCleanly(() => parseServerMessage(value), SERVER_MESSAGE_TYPES);
        refusesCleanly(() => decodeClientMessage(text), CLIENT_MESSAGE_TYPES);
      }),
      { numRuns: 1000 },
    );
  });
});
