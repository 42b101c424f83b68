import { channel } from "@plexline/features/server";
import {
  type App,
  createMemoryStorage,
  type Feature,
  type ServerOptions,
  systemRandom,
} from "@plexline/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createFaultyStorage } from "../../packages/testing/src/faulty-storage.ts";
import { beside, eventually, expectError, startServer, type TestClient } from "./server-fixture.ts";

// What a client of ours can be refused, as its application sees it: on a server that others use meanwhile.

const ONCE = { offline: "fail" } as const;
/** Text of an error in the application's code, which is nobody's business. */
const INNER_TEXT = "connection string of the application";

const doomed: Feature = {
  feature: "doomed",
  template: "doomed:{id}",
  roles: { controller: ["subscribe", "publish", "call", "presence"] },
  defaultRole: "controller",
  open: () => ({
    onSubscribe(_member, input) {
      if (input === "throw") throw new Error(INNER_TEXT);
      return input === "hang" ? new Promise(() => {}) : undefined;
    },
    onMessage(_sender, message) {
      if (message.type === "call" && message.command === "throw") throw new Error(INNER_TEXT);
      if (message.type === "call" && message.command === "reject") return Promise.reject(INNER_TEXT);
      return new Promise(() => {});
    },
  }),
};

/** Features whose code fails before a request reaches their room. */
const early = (feature: string, parts: Partial<Feature>): Feature => ({
  ...{ feature, template: `${feature}:{id}`, roles: doomed.roles, defaultRole: doomed.defaultRole },
  open: () => ({ onMessage: () => {} }),
  ...parts,
});
const fail = () => {
  throw new Error(INNER_TEXT);
};
const hang = () => new Promise<never>(() => {});

const topics: App["topics"] = {
  undecided: early("undecided", { authorize: hang }),
  unreasonable: early("unreasonable", { authorize: fail }),
  stuck: early("stuck", { open: hang }),
  broken: early("broken", { open: fail }),
  room: channel("room:{id}", {
    events: { moved: z.object({ x: z.number() }) },
    presence: z.object({ name: z.string() }),
    history: {},
  }),
  vault: channel("vault:{id}", { authorize: () => false, history: {} }),
  stage: channel("stage:{id}", { authorize: () => "viewer", history: {} }),
  doomed,
};

function start(options: Partial<ServerOptions<App["topics"]>> = {}) {
  return startServer({ topics, limits: { handlerTimeoutMs: 200 }, ...options });
}

const requests: Record<string, { send: (client: TestClient) => Promise<unknown>; code: string }> = {
  "publishing on a topic of nobody [S1]": {
    send: (client) => client.topic("nowhere:1").publish("moved", { x: 1 }, ONCE),
    code: "TOPIC_UNKNOWN",
  },
  "publishing on a topic by a name that there is not [S1]": {
    send: (client) => client.topic({ name: "nowhere", params: {} }).publish("moved", { x: 1 }, ONCE),
    code: "TOPIC_UNKNOWN",
  },
  "publishing on what is no address [A1]": {
    send: (client) => client.topic("room:*").publish("moved", { x: 1 }, ONCE),
    code: "TOPIC_INVALID",
  },
  "publishing where one may not even look [T7]": {
    send: (client) => client.topic("vault:1").publish("moved", { x: 1 }, ONCE),
    code: "FORBIDDEN",
  },
  "publishing where one may only look [T7]": {
    send: (client) => client.topic("stage:1").publish("moved", { x: 1 }, ONCE),
    code: "FORBIDDEN",
  },
  "an event that the topic does not have [P3]": {
    send: (client) => client.topic("room:1").publish("flown", { x: 1 }, ONCE),
    code: "EVENT_UNKNOWN",
  },
  "a payload that does not fit [P3]": {
    send: (client) => client.topic("room:1").publish("moved", { x: "far" }, ONCE),
    code: "PAYLOAD_INVALID",
  },
  "a command that the topic does not have [C3]": {
    send: (client) => client.topic("room:1").call("fly", {}, ONCE),
    code: "COMMAND_UNKNOWN",
  },
  "a handler that hangs [C2]": {
    send: (client) => client.topic("doomed:1").call("hang", {}, ONCE),
    code: "HANDLER_TIMEOUT",
  },
  "an authorize function that hangs [C2]": {
    send: (client) => client.topic("undecided:1").call("any", {}, ONCE),
    code: "HANDLER_TIMEOUT",
  },
  "an authorize function that throws [X7]": {
    send: (client) => client.topic("unreasonable:1").call("any", {}, ONCE),
    code: "HANDLER_FAILED",
  },
  "a room that does not open [C2]": {
    send: (client) => client.topic("stuck:1").call("any", {}, ONCE),
    code: "HANDLER_TIMEOUT",
  },
  "a room that fails to open [X7]": {
    send: (client) => client.topic("broken:1").call("any", {}, ONCE),
    code: "HANDLER_FAILED",
  },
  "a handler that throws [X7]": {
    send: (client) => client.topic("doomed:1").call("throw", {}, ONCE),
    code: "HANDLER_FAILED",
  },
  "a handler that rejects with a string [X7]": {
    send: (client) => client.topic("doomed:1").call("reject", {}, ONCE),
    code: "HANDLER_FAILED",
  },
};

describe("the promise of a request is rejected, and nobody else notices:", () => {
  test.each(Object.entries(requests))("%s", async (_name, { send, code }) => {
    const server = await start();
    await beside(server, async () => {
      const client = server.client("mallory");
      await connected(client);
      const error = await send(client).then(
        () => undefined,
        (reason) => reason,
      );
      expectError(error, code);
      expect(JSON.stringify(error.toBody())).not.toContain(INNER_TEXT);
      if (code === "HANDLER_FAILED") expect(server.log.join("")).toContain(INNER_TEXT);
      // The connection that was refused something goes on as well.
      await client.topic("room:1").publish("moved", { x: 2 });
      expect(client.closes).toEqual([]);
    });
  });
});

const subscribes: Record<string, { topic: string; input?: unknown; code: string }> = {
  "a topic of nobody [S1]": { topic: "nowhere:1", code: "TOPIC_UNKNOWN" },
  "what is no address [A1]": { topic: "room:a b", code: "TOPIC_INVALID" },
  "a topic that one may not receive [S1]": { topic: "vault:1", code: "FORBIDDEN" },
  "an input that does not fit": { topic: "room:1", input: 7, code: "PAYLOAD_INVALID" },
  "a presence in the input that does not fit": {
    topic: "room:1",
    input: { presence: { name: 7 } },
    code: "PRESENCE_INVALID",
  },
};

describe("a subscription is refused, and nobody else notices:", () => {
  test.each(Object.entries(subscribes))("%s", async (_name, { topic: address, input, code }) => {
    const server = await start();
    await beside(server, async () => {
      const topic = server.client("mallory").topic(address);
      topic.subscribe(input);
      const error = await topic.whenSubscribed().then(
        () => undefined,
        (reason) => reason,
      );
      expectError(error, code);
      expect(topic.status).toMatchObject({ state: "unsubscribed", error: { code } });
    });
  });

  test.each([
    ["throw", "HANDLER_FAILED"],
    ["hang", "HANDLER_TIMEOUT"],
  ])("a handler that would %s, which the client asks again later", async (input, code) => {
    const server = await start();
    await beside(server, async () => {
      const client = server.client("mallory");
      const topic = client.topic("doomed:1");
      topic.subscribe(input);
      const replies = () =>
        client.received.filter((message) => message.type === "reply" && !message.ok && message.error);
      await eventually(() => expect(replies().length).toBeGreaterThan(1));
      for (const reply of replies()) expectError("error" in reply ? reply.error : undefined, code);
      expect(JSON.stringify(replies())).not.toContain(INNER_TEXT);
      expect(topic.status.state).toBe("subscribing");
      topic.unsubscribe();
    });
  });
});

describe("a presence is refused by an error of the client, and nobody else notices:", () => {
  const states = {
    "one that is too large [N1]": [{ name: "x".repeat(5_000) }, "PRESENCE_INVALID"],
    "one that does not fit [N1]": [{ name: 7 }, "PRESENCE_INVALID"],
  } as const;
  test.each(Object.entries(states))("%s", async (_name, [state, code]) => {
    const server = await start();
    await beside(server, async () => {
      const client = server.client("mallory");
      const topic = client.topic("room:1");
      topic.subscribe();
      await topic.whenSubscribed();
      topic.setPresence(state);
      await eventually(() => expectError(client.errors[0], code));
      expect(client.closes).toEqual([]);
    });
  });

  test("one of somebody who is not subscribed [N1]", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      raw.send({ type: "presence", topic: "room:1", state: { name: "M" } });
      expectError(await raw.refusal("NOT_SUBSCRIBED"), "NOT_SUBSCRIBED");
    });
  });
});

describe("a token is refused with the reason in the client's status, and nobody else notices:", () => {
  const expired = { expiresInMs: -60_000 };
  const forged = { secret: "not the secret of this server, though long enough" };
  const tokens = {
    "one with another signature [H9]": [forged, "TOKEN_INVALID"],
    "one that has expired [H9]": [expired, "TOKEN_EXPIRED"],
  } as const;
  test.each(Object.entries(tokens))("%s", async (_name, [flaw, code]) => {
    const server = await start();
    await beside(server, async () => {
      const asked: string[] = [];
      const client = server.client("mallory", {
        token: ({ reason }) => {
          asked.push(reason);
          return server.token("mallory", asked.length === 1 ? flaw : {});
        },
      });
      const reasons: unknown[] = [];
      client.on("status", (status) => {
        if (status.state === "disconnected") reasons.push(status.reason);
      });
      await eventually(() => expect(client.status.state).toBe("connected"));
      expectError(client.errors[0], code);
      expect(reasons).toEqual([expect.objectContaining({ code, fix: expect.any(String) })]);
      expect(client.closes).toEqual([4401]);
      // The token function was told why it was asked again, and the fresh token let the client in.
      expect(asked).toEqual(["connect", code === "TOKEN_EXPIRED" ? "expired" : "rejected"]);
    });
  });

  test("none at all [H9]", async () => {
    const server = await start();
    await beside(server, async () => {
      const client = server.client("mallory", { token: () => null });
      await eventually(() => expectError(statusReason(client), "TOKEN_MISSING"));
    });
  });

  test("another user's in place of one's own [T2]", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      raw.send({ type: "refresh", ref: 1, token: server.token("ada") });
      expectError(await raw.refusal("FORBIDDEN"), "FORBIDDEN");
    });
  });

  test("one that ends without having been replaced [T5]", async () => {
    const server = await start();
    await beside(server, async () => {
      const raw = server.raw();
      await raw.opened;
      // The last moment of the leeway: its authority ends in about a second.
      raw.send({ type: "hello", token: server.token("mallory", { expiresInMs: -3_000 }) });
      const { code, reason } = await raw.closed;
      expect(code).toBe(4401);
      expect(reason).toMatch(/^TOKEN_EXPIRED: .{10,}/);
      expectError(await raw.refusal("TOKEN_EXPIRED"), "TOKEN_EXPIRED");
    });
  });
});

describe("a storage that fails", () => {
  const startFaulty = async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    return { storage, server: await start({ storage }) };
  };

  test("refuses the publication, of which nothing is there, and the next one passes [P4]", async () => {
    const { storage, server } = await startFaulty();
    await beside(server, async () => {
      const client = server.client("ada");
      await connected(client);
      const topic = client.topic("room:1");
      const first = await topic.publish("moved", { x: 1 }, ONCE);
      storage.fail(1);
      const error = await topic.publish("moved", { x: 2 }, { ...ONCE, key: "k" }).catch((reason) => reason);
      expectError(error, "STORAGE_UNAVAILABLE");
      const again = await topic.publish("moved", { x: 2 }, { ...ONCE, key: "k" });
      expect(again.repeated).toBeUndefined();
      expect(again.position?.offset).toBe((first.position?.offset ?? 0) + 1);
    });
  });

  test("holds up nobody's publications for good: clients send them again, in order [K1]", async () => {
    const { storage, server } = await startFaulty();
    await beside(server, async () => {
      const topic = server.client("ada").topic("room:1");
      await topic.publish("moved", { x: 0 });
      storage.fail(3);
      const results = await Promise.all([1, 2, 3, 4, 5].map((x) => topic.publish("moved", { x })));
      const offsets = results.map(({ position }) => position?.offset);
      expect(new Set(offsets).size).toBe(5);
    });
  });
});

function connected(client: TestClient): Promise<void> {
  return eventually(() => expect(client.status.state).toBe("connected"));
}

/** Why a client is not connected. */
function statusReason(client: TestClient) {
  return "reason" in client.status ? client.status.reason : undefined;
}
