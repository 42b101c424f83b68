import { createTestServer, probe } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Feature } from "./feature/feature.ts";
import type { OwnObserver, OwnTopic } from "./feature/own-topic.ts";
import type { Socket } from "./session/socket.ts";

/** A feature whose API is the topic itself. */
function opened(): Feature {
  return { ...probe("board:{id}", { history: {} }), api: (topic: OwnTopic) => topic };
}

async function start() {
  const server = await createTestServer({ topics: { board: opened() } });
  onTestFinished(() => server.close());
  const apis = server.app as unknown as Record<string, (name: string, params: object) => OwnTopic>;
  const [feature] = Object.values(server.app.topics).map((one) => one.feature);
  const topic = (id: string) => apis[feature as string]!("board", { id });
  const follow = (own: OwnTopic) => {
    const heard: unknown[] = [];
    const observer: OwnObserver = {
      onSubscribed: () => heard.push("subscribed"),
      onPush: ({ event, user }) => heard.push(`${event} by ${user}`),
      onGap: ({ reason }) => heard.push(`gap ${reason}`),
      onEnd: ({ code }) => heard.push(`end ${code}`),
    };
    return { heard, leave: own.follow({}, observer) };
  };
  const record = (id: string, tenant: string) =>
    server.app.records.set({
      ...{ topic: `board:${id}`, tenant, clearance: 0, owner: null },
      ...{ editors: [], viewers: [], openToTenant: true },
    });
  return { server, topic, follow, record };
}

describe("a topic in the hands of the server's own code", () => {
  test("is the one of its record's tenant, also where the record comes later", async () => {
    const { server, topic, follow, record } = await start();
    const own = topic("1");
    const early = follow(own);
    await server.settle();
    expect(early.heard).toEqual(["subscribed"]);
    await record("1", "acme");
    await server.settle(5);
    // What it followed was another topic, of nobody's now.
    expect(early.heard.at(-1)).toMatch(/^end /);
    const late = follow(own);
    await server.settle();
    const token = server.issue("ada", { tenant: "acme", role: "editor" } as never);
    const ada = await server.connect("ada", { token });
    await ada.ask({ type: "subscribe", topic: "board:1" });
    await ada.ask({ type: "publish", topic: "board:1", event: "e" });
    await server.settle(5);
    expect(late.heard).toEqual(["subscribed", "e by ada"]);
  });

  test("is told when the server closes, and nothing is done afterwards", async () => {
    const { server, topic, follow } = await start();
    const own = topic("1");
    const { heard } = follow(own);
    await server.settle();
    await server.close();
    expect(heard).toEqual(["subscribed", "end CLIENT_CLOSED"]);
    await expect(own.call("echo", {})).rejects.toMatchObject({ code: "CLIENT_CLOSED", retry: "never" });
    const after = follow(own);
    await server.settle();
    expect(after.heard).toEqual(["end CLIENT_CLOSED"]);
  });

  test("is nobody's by name: a token of the same id has the rights of its own", async () => {
    const { server, record } = await start();
    await record("1", "acme");
    const token = server.issue("server", { kind: "user", tenant: "default", claims: { kind: "service" } });
    const forger = await server.connect("server", { token });
    await expect(forger.ask({ type: "subscribe", topic: "board:1" })).rejects.toThrow("FORBIDDEN");
  });
});

test("a server that is closing takes no socket, and a client finds nobody", async () => {
  const { server } = await start();
  await server.close();
  expect(() => server.app.accept({} as Socket, { request: {} as never })).toThrow(
    expect.objectContaining({ code: "SHUTTING_DOWN" }),
  );
  expect(server.network.isDown).toBe(true);
});
