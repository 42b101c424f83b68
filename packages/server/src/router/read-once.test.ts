import type { Position } from "@plexline/protocol";
import { createTestServer, probe } from "@plexline/testing";
import { expect, onTestFinished, test } from "vitest";
import type { EndpointSession } from "../feature/endpoint.ts";

/** A server with a session that reads, and somebody who may publish. */
async function start(given: Partial<Parameters<typeof createTestServer>[0]> = {}) {
  const server = await createTestServer({
    topics: {
      board: probe("board:{id}", { history: { entriesMax: 5 } }),
      passing: probe("passing:{id}"),
      secret: probe("secret:{id}", { history: {}, roles: { controller: ["publish"] } }),
    },
    ...given,
  });
  onTestFinished(() => server.close());
  let session: EndpointSession | undefined;
  await server.open({
    token: server.issue("ada"),
    endpoint: {
      path: "/read",
      onConnect(ws) {
        session = ws;
      },
    },
  });
  await server.settle();
  const publish = async (...events: string[]): Promise<Position> => {
    let last: Position | null = null;
    for (const event of events) last = (await server.app.publish("board:1", event, null)).position;
    return last as Position;
  };
  const read = async (since: Position | "start" | "head", limits = {}) => {
    const { events, ...rest } = await (session as EndpointSession).read("board:1", { since, ...limits });
    return { ...rest, events: events.map(({ event }) => event) };
  };
  return { server, session: session as EndpointSession, publish, read };
}

test("reads what comes after a position, from the start, or only where the head is", async () => {
  const { publish, read, server } = await start();
  const at = await publish("a", "b");
  const { epoch } = await publish("c");
  const window = { epoch, head: 3, floor: 0 };
  const end = { epoch, offset: 3 };
  expect(await read("start")).toEqual({ events: ["a", "b", "c"], position: end, window, gap: null });
  expect(await read(at)).toEqual({ events: ["c"], position: end, window, gap: null });
  expect(await read(end)).toEqual({ events: [], position: end, window, gap: null });
  expect(await read("head")).toEqual({ events: [], position: end, window, gap: null });
  expect(server.app.stats()).toMatchObject({ subscriptions: 0 });
});

test("reads page by page", async () => {
  const { publish, read } = await start();
  await publish("a", "b", "c");
  const first = await read("start", { entriesMax: 2 });
  expect(first).toMatchObject({ events: ["a", "b"], position: { offset: 2 }, window: { head: 3 } });
  expect((await read(first.position, { bytesMax: 1 })).events).toEqual(["c"]);
  expect((await read("start", { bytesMax: 1 })).events).toEqual(["a"]);
});

test("goes on with the oldest that is kept where retention has dropped what was asked for", async () => {
  const { publish, read } = await start();
  const at = await publish("a");
  await publish("b", "c", "d", "e", "f", "g");
  expect(await read(at)).toMatchObject({
    events: ["c", "d", "e", "f", "g"],
    gap: "trimmed",
    window: { floor: 2, head: 7 },
  });
  expect(await read("start")).toMatchObject({ events: ["c", "d", "e", "f", "g"], gap: null });
});

test("goes on with the oldest of another history, and with none for a position nobody has been", async () => {
  const { publish, read } = await start();
  const { epoch } = await publish("a", "b");
  expect(await read({ epoch: "another", offset: 1 })).toMatchObject({ events: ["a", "b"], gap: "reset" });
  expect(await read({ epoch, offset: 9 })).toMatchObject({
    events: [],
    gap: "reset",
    position: { epoch, offset: 2 },
  });
});

test("leaves the topic as it was found: it closes like any other that nobody uses", async () => {
  const { publish, read, server } = await start();
  await publish("a");
  await server.settle(20_000);
  expect(server.app.stats().rooms).toBe(0);
  await read("start");
  expect(server.app.stats().rooms).toBe(1);
  await server.settle(20_000);
  expect(server.app.stats().rooms).toBe(0);
});

test("refuses a topic without a log, one that may not be subscribed to, and one of nobody", async () => {
  const { session } = await start();
  const codeOf = (topic: string) =>
    session.read(topic, { since: "start" }).then(
      () => "read",
      ({ code }: { code: string }) => code,
    );
  expect(await codeOf("passing:1")).toBe("OPERATION_UNSUPPORTED");
  expect(await codeOf("secret:1")).toBe("FORBIDDEN");
  expect(await codeOf("nowhere:1")).toBe("TOPIC_UNKNOWN");
});
