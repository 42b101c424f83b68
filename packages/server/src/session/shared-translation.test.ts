import type { Position } from "@plexline/protocol";
import { createTestServer, probe } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Endpoint, EndpointSession } from "../feature/endpoint.ts";
import { createSharedTranslation, type SharedTranslation } from "../feature/shared-translation.ts";

/** Endpoints whose sessions subscribe with one translation, and clients of them. */
async function start(translation: SharedTranslation, count: number) {
  const board = probe("board:{id}", { history: { entriesMax: 5 } });
  const server = await createTestServer({ topics: { board }, limits: { outboxBytesMax: 64 * 1024 } });
  onTestFinished(() => server.close());
  const sessions: EndpointSession[] = [];
  const open = async (user: string, since?: Position | "start") => {
    let listen = () => {};
    const isHeard = new Promise<void>((resolve) => {
      listen = resolve;
    });
    const endpoint: Endpoint = {
      path: "/shared",
      async onConnect(ws) {
        await isHeard;
        sessions.push(ws);
        const options = since === undefined ? {} : { since };
        await ws.subscribe("board:1", { translate: translation, ...options });
      },
    };
    const client = await server.open({ token: server.issue(user), endpoint });
    const received: unknown[] = [];
    client.socket.onmessage = ({ data }) => void received.push(data);
    listen();
    await server.settle();
    return { client, received };
  };
  const clients = [];
  for (let index = 0; index < count; index += 1) clients.push(await open(`user-${index}`));
  const publish = (...events: string[]) =>
    Promise.all(events.map((event) => server.app.publish("board:1", event, null)));
  return { server, sessions, clients, open, publish };
}

describe("a shared translation", () => {
  test("is made anew for each who catches up: by then it may say something else about the same entry", async () => {
    let made = 0;
    const { clients, open, publish } = await start(
      createSharedTranslation((message) => {
        if (!("type" in message) || message.type !== "push") return null;
        made += 1;
        return `${message.event} ${made}`;
      }),
      0,
    );
    await publish("a", "b");
    for (let reader = 1; reader <= 4; reader += 1) clients.push(await open(`user-${reader}`, "start"));
    expect(clients.map(({ received }) => received)).toEqual([
      ["a 1", "b 2"],
      ["a 3", "b 4"],
      ["a 5", "b 6"],
      ["a 7", "b 8"],
    ]);
  });

  test("is made once for all who have it, whether text or bytes, and nothing where it is null", async () => {
    const seen: string[] = [];
    const { server, clients, publish } = await start(
      createSharedTranslation((message) => {
        if (!("type" in message) || message.type !== "push") return null;
        seen.push(message.event);
        if (message.event === "silent") return null;
        return message.event === "bytes" ? Uint8Array.of(1, 2) : `text ${message.event}`;
      }),
      3,
    );
    await publish("one", "silent", "bytes");
    await publish("silent");
    await publish("two");
    await server.settle();
    for (const { received } of clients)
      expect(received).toEqual(["text one", Uint8Array.of(1, 2), "text two"]);
    expect(seen).toEqual(["one", "silent", "bytes", "silent", "two"]);
  });

  test("sits beside the native wire and translations of one's own on a topic", async () => {
    const { server, clients, publish } = await start(
      createSharedTranslation((message) => ("type" in message && message.type === "push" ? "shared" : null)),
      2,
    );
    const native = await server.connect("native");
    await native.ask({ type: "subscribe", topic: "board:1" });
    const heard: unknown[] = [];
    await server.open({
      token: server.issue("own"),
      endpoint: {
        path: "/own",
        async onConnect(ws) {
          await ws.subscribe("board:1", {
            translate(message) {
              heard.push(message);
              return null;
            },
          });
        },
      },
    });
    await server.settle();
    await publish("one", "two");
    await server.settle();
    expect(clients.map(({ received }) => received)).toEqual(Array(2).fill(["shared", "shared"]));
    expect(heard).toHaveLength(2);
    const events = native.received.flatMap((message) => ("event" in message ? [message.event] : []));
    expect(events).toEqual(["one", "two"]);
  });

  test("tells recovered publications and a gap as it tells live ones, in their order", async () => {
    const { server, open, publish } = await start(
      createSharedTranslation((message) => {
        if (!("type" in message)) return null;
        if (message.type === "gap") return `gap ${message.reason}`;
        return message.type === "push" ? message.event : null;
      }),
      0,
    );
    await publish("1", "2", "3");
    const [early, late] = [await open("early", "start"), await open("late")];
    await publish("4");
    await server.settle();
    expect([early.received, late.received]).toEqual([["1", "2", "3", "4"], ["4"]]);
    await server.storage.reset("default/board:1");
    await publish("5");
    await server.settle(10);
    for (const { received } of [early, late]) expect(received.slice(-1)).toEqual(["gap reset"]);
    await publish("6");
    await server.settle();
    for (const { received } of [early, late]) expect(received.slice(-2)).toEqual(["gap reset", "6"]);
  });

  test("that throws ends those it was given for, and nobody else", async () => {
    let calls = 0;
    const { server, clients, publish } = await start(
      createSharedTranslation((message) => {
        if (!("type" in message) || message.type !== "push") return null;
        calls += 1;
        if (message.event === "bad") throw new Error("broken");
        return message.event;
      }),
      3,
    );
    const native = await server.connect("native");
    await native.ask({ type: "subscribe", topic: "board:1" });
    await publish("good", "bad", "after");
    await server.settle();
    for (const { client, received } of clients) {
      expect(received).toEqual(["good"]);
      expect((await client.ended()).code).toBe(1011);
    }
    expect(calls).toBe(3);
    const events = native.received.flatMap((message) => ("event" in message ? [message.event] : []));
    expect(events).toEqual(["good", "bad", "after"]);
  });

  test("may go with words of one's own: nothing follows a gap, and it is known how far one was handed", async () => {
    const shared = createSharedTranslation((message) =>
      "type" in message && message.type === "push" ? message.event : "shared",
    );
    const { server, sessions, clients, publish } = await start(shared, 2);
    const session = sessions[0] as EndpointSession;
    const handed: number[] = [];
    const subscribe = (since?: "start") =>
      session.subscribe("board:1", {
        translate: shared,
        ...(since ? { since } : {}),
        own: {
          translate: (message) => ("type" in message ? `own ${message.type}` : null),
          handed: (offset) => void handed.push(offset),
        },
      });
    session.unsubscribe("board:1");
    await subscribe();
    await publish("1", "2");
    await server.settle();
    expect(handed.at(-1)).toBe(2);
    await server.storage.reset("default/board:1");
    await publish("3");
    await server.settle(10);
    await publish("4");
    await server.settle(10);
    const told = clients.map(({ received }) => received);
    expect(told).toEqual([
      ["1", "2", "own gap"],
      ["1", "2", "shared", "4"],
    ]);
    session.unsubscribe("board:1");
    await subscribe("start");
    await server.settle(10);
    expect(told[0]?.slice(3)).toEqual(["3", "4"]);
  });
});
