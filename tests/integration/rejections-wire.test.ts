import { channel } from "@plexline/features/server";
import type { Limits, ServerOptions } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { beside, expectError, refusedUpgrade, startServer, type TestServer } from "./server-fixture.ts";

// What no client of ours would send, said by a bare socket to a server that others use meanwhile.

type Raw = ReturnType<TestServer["raw"]>;

interface Refused {
  /** Whether it says hello first. Default true. */
  readonly greets?: boolean;
  readonly send: (raw: Raw) => void;
  readonly code: string;
  /** The close code; without one the connection stays open. */
  readonly closes?: number;
  readonly limits?: Partial<Limits>;
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const publish = (payload: string) =>
  `{"type":"publish","ref":1,"topic":"room:1","event":"said","payload":${payload}}`;
const padded = (bytes: number) => {
  const empty = publish('""');
  return publish(JSON.stringify("x".repeat(bytes - empty.length)));
};
const hello = (fields: object) => (raw: Raw) => raw.send({ type: "hello", ...fields });

const cases: Record<string, Refused> = {
  "text that is no JSON [X1]": { send: (raw) => raw.socket.send("{nonsense"), code: "MALFORMED_MESSAGE" },
  "JSON that is no object [F1]": { send: (raw) => raw.socket.send("[1]"), code: "MALFORMED_MESSAGE" },
  "a forbidden key, escaped [F2]": {
    send: (raw) => raw.socket.send(publish('{"__pr\\u006fto__":1}')),
    code: "MALFORMED_MESSAGE",
  },
  "a topic that is a number [A1] [X3]": {
    send: (raw) => raw.send({ type: "publish", ref: 7, topic: 5, event: "said" }),
    code: "TOPIC_INVALID",
  },
  "an event that is a number [X1] [X3]": {
    send: (raw) => raw.send({ type: "publish", ref: 7, topic: "room:1", event: 5 }),
    code: "MALFORMED_MESSAGE",
  },
  "a ref that is a string [X1]": {
    send: (raw) => raw.send({ type: "subscribe", ref: "7", topic: "room:1" }),
    code: "MALFORMED_MESSAGE",
  },
  "null for an optional field [F3]": {
    send: (raw) => raw.send({ type: "publish", ref: 1, topic: "room:1", event: "said", key: null }),
    code: "MALFORMED_MESSAGE",
  },
  "a message of an unknown type [X2]": {
    send: (raw) => raw.send({ type: "teleport" }),
    code: "UNKNOWN_MESSAGE",
  },
  "JSON that is nested 33 deep [L4]": {
    send: (raw) => raw.socket.send(publish(nested(32))),
    code: "JSON_TOO_DEEP",
  },
  "JSON that is nested 20,000 deep [L4]": {
    send: (raw) => raw.socket.send("[".repeat(20_000)),
    code: "JSON_TOO_DEEP",
  },
  "a message of 65,537 bytes [L5]": {
    send: (raw) => raw.socket.send(padded(65_537)),
    code: "MESSAGE_TOO_LARGE",
    closes: 4413,
  },
  "a message of 8 MiB [L5]": {
    send: (raw) => raw.socket.send(padded(8 << 20)),
    code: "MESSAGE_TOO_LARGE",
    closes: 4413,
  },
  "binary that is no varint [B3]": {
    send: (raw) => raw.socket.send(Buffer.alloc(16, 0xff)),
    code: "MALFORMED_MESSAGE",
  },
  "an empty binary message [B1]": {
    send: (raw) => raw.socket.send(Buffer.alloc(0)),
    code: "MALFORMED_MESSAGE",
  },
  "binary for an alias that is not held [B5]": {
    send: (raw) => raw.socket.send(Buffer.from([99, 1, 2, 3])),
    code: "NOT_SUBSCRIBED",
  },
  "the 16th message that cannot be read [X6]": {
    send: (raw) => {
      for (let i = 0; i < 16; i++) raw.socket.send("garbage");
    },
    code: "MALFORMED_MESSAGE",
    closes: 4400,
  },
  "a second hello [H8]": { send: hello({}), code: "HELLO_REPEATED", closes: 4400 },
  "anything before hello [H6]": {
    greets: false,
    send: (raw) => raw.send({ type: "ping" }),
    code: "HELLO_REQUIRED",
    closes: 4400,
  },
  "binary before hello [H6]": {
    greets: false,
    send: (raw) => raw.socket.send(Buffer.from([1, 1])),
    code: "HELLO_REQUIRED",
    closes: 4400,
  },
  "what cannot be read in place of hello [X6]": {
    greets: false,
    send: (raw) => raw.socket.send("garbage"),
    code: "MALFORMED_MESSAGE",
    closes: 4400,
  },
  "a hello whose token is too long [H11]": {
    greets: false,
    send: hello({ token: "x".repeat(8_193) }),
    code: "MALFORMED_MESSAGE",
    closes: 4400,
  },
  "a hello without a token [H9]": { greets: false, send: hello({}), code: "TOKEN_MISSING", closes: 4401 },
  "a hello with a token that is none [H9]": {
    greets: false,
    send: hello({ token: "let me in" }),
    code: "TOKEN_INVALID",
    closes: 4401,
  },
  "nobody saying hello [H7]": {
    greets: false,
    send: () => {},
    code: "HANDSHAKE_TIMEOUT",
    closes: 4508,
    limits: { handshakeTimeoutMs: 200 },
  },
  "pings in place of hello [H7]": {
    greets: false,
    send: (raw) => raw.socket.ping(),
    code: "HANDSHAKE_TIMEOUT",
    closes: 4508,
    limits: { handshakeTimeoutMs: 200 },
  },
  "nobody answering the server's ping [L2] [L3]": {
    send: () => {},
    code: "HEARTBEAT_TIMEOUT",
    closes: 4508,
    limits: { heartbeatIntervalMs: 500, heartbeatDeadlineMs: 1_000 },
  },
};

function start(limits: Partial<Limits> = {}, options: Partial<ServerOptions<Record<never, never>>> = {}) {
  return startServer({ ...options, topics: { room: channel("room:{id}", { history: {} }) }, limits });
}

describe("is refused, and nobody else notices:", () => {
  test.each(Object.entries(cases))("%s", async (_name, refused) => {
    const server = await start(refused.limits);
    await beside(server, async () => {
      const raw = server.raw({ autoPong: false });
      await (refused.greets === false ? raw.opened : raw.hello("mallory"));
      refused.send(raw);
      if (refused.closes === undefined) {
        expectError(await raw.refusal(refused.code), refused.code);
        raw.send({ type: "publish", ref: 99, topic: "room:1", event: "said", payload: "still here" });
        await raw.first((message) => message.type === "reply" && message.ref === 99 && message.ok);
        return;
      }
      const { code, reason } = await raw.closed;
      expect(code).toBe(refused.closes);
      expect(reason).toMatch(new RegExp(`^${refused.code}: .{10,}`));
    });
  });

  test("text that is not UTF-8 [X6]", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      raw.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
      expect(await raw.closed).toMatchObject({ code: 1007, reason: "Text was not valid UTF-8." });
    });
  });

  test("a flood of pings, which closes with 4529", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      for (let i = 0; i < 200; i++) raw.socket.ping();
      const { code, reason } = await raw.closed;
      expect(code).toBe(4529);
      expect(reason).toMatch(/^RATE_LIMITED: too many ping/);
    });
  });

  test("a connection beyond what the server carries, before the upgrade [H5]", async () => {
    const server = await start({ connectionsMax: 3 });
    await beside(server, async () => {
      await server.raw().hello("the third");
      const answer = await refusedUpgrade(server);
      expect(answer.status).toBe(503);
      expectError(answer.body, "OVERLOADED");
    });
  });

  test("an upgrade from another origin, before the upgrade [H5]", async () => {
    const server = await start();
    await beside(server, async () => {
      const answer = await refusedUpgrade(server, { origin: "https://elsewhere.example" });
      expect(answer.status).toBe(403);
      expectError(answer.body, "ORIGIN_FORBIDDEN");
    });
  });
});

describe("a message at the limit", () => {
  test("is accepted when it is nested exactly 32 deep [L4], and when it has exactly 65,536 bytes [L5]", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("ada");
      for (const text of [publish(nested(31)), padded(65_536)]) {
        raw.messages.length = 0;
        raw.socket.send(text);
        expect(await raw.first(({ type }) => type === "reply")).toMatchObject({ ok: true });
      }
    });
  });
});

test("what a message holds is never repeated to whoever sent it [X1]", async () => {
  const server = await start();
  await beside(server, async () => {
    const raw = server.raw();
    await raw.hello("mallory");
    raw.send({ type: "publish", ref: 1, topic: "room:1", event: { word: "hunter2" } });
    const error = await raw.refusal("MALFORMED_MESSAGE");
    expect(error.message).toContain("publish.event");
    expect(JSON.stringify(error)).not.toContain("hunter2");
    expect(server.log.join("")).not.toContain("hunter2");
  });
});
