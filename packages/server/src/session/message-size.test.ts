import type { ErrorBody } from "@plexline/protocol";
import { createTestServer, type TestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Endpoint } from "../feature/endpoint.ts";
import { createScriptedSocket } from "./scripted-socket.fixture.ts";
import { createSink, numbered, REFUSE, TOO_LARGE } from "./sink.fixture.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;

async function start(options: Partial<Parameters<typeof createTestServer>[0]> = {}) {
  const topics = { big: createSink("big:{id}", MIB), bigger: createSink("bigger:{id}", 64 * MIB) };
  const server = await createTestServer({ topics, ...options });
  onTestFinished(() => server.close());
  return { server, ...topics };
}

/** Ada over a socket that notes what it is told to accept. */
async function connect(server: TestServer, endpoint?: Endpoint, resume?: string) {
  const scripted = createScriptedSocket();
  const { socket, request, receive, sent } = scripted;
  const credentials = { token: server.issue("ada"), source: "subprotocol", request } as const;
  server.app.accept(socket, credentials, endpoint ? { kind: "endpoint", endpoint } : { kind: "native" });
  if (!endpoint) receive({ type: "hello", ...(resume === undefined ? {} : { resume }) });
  await server.settle();
  let lastRef = 0;
  const ask = async (body: object) => {
    lastRef += 1;
    receive({ ref: lastRef, ...body });
    await server.settle();
    return sent.find(({ ref }) => ref === lastRef)?.result as { alias: number };
  };
  return { ...scripted, ask, errors: () => sent.filter(({ type }) => type === "error") };
}

const subscribe = (topic: string) => ({ type: "subscribe", topic, input: "large" });
const small = (topic: string) => ({ type: "subscribe", topic });

describe("the largest message", () => {
  test("[L5] is what the largest of the subscribed topics allows, and goes back as they end", async () => {
    const { server } = await start();
    const ada = await connect(server);
    expect(ada.bytesMax).toEqual([64 * KIB]);
    await ada.ask(small("bigger:1"));
    expect(ada.bytesMax).toEqual([64 * KIB]);
    await ada.ask(subscribe("big:1"));
    await ada.ask(subscribe("bigger:2"));
    await ada.ask(subscribe("big:2"));
    expect(ada.bytesMax).toEqual([64 * KIB, MIB, 64 * MIB]);
    await ada.ask({ type: "unsubscribe", topic: "big:1" });
    await ada.ask({ type: "unsubscribe", topic: "bigger:2" });
    await ada.ask({ type: "unsubscribe", topic: "big:2" });
    expect(ada.bytesMax).toEqual([64 * KIB, MIB, 64 * MIB, MIB, 64 * KIB]);
  });

  test("[L5] [G5] goes with the session to its next connection, once that has said hello", async () => {
    const { server } = await start();
    const ada = await connect(server);
    await ada.ask(subscribe("big:1"));
    const { resumeToken } = ada.sent[0] as unknown as { resumeToken: string };
    ada.end();
    await server.settle();
    const back = await connect(server, undefined, resumeToken);
    expect(back.sent[0]).toMatchObject({ type: "welcome", resumed: true });
    expect(back.bytesMax).toEqual([64 * KIB, MIB]);
  });

  test("[L5] of text stays what it was", async () => {
    const { server } = await start();
    const ada = await connect(server);
    await ada.ask(subscribe("big:1"));
    // Two bytes per character: its length alone would not tell.
    const padding = (bytes: number) => "é".repeat((bytes - '{"type":"ping","x":""}'.length) / 2);
    ada.receive(`{"type":"ping","x":"${padding(64 * KIB)}"}`);
    expect([ada.sent.at(-1)?.type, ada.closes]).toEqual(["pong", []]);
    ada.receive(`{"type":"ping","x":"${padding(64 * KIB + 2)}"}`);
    expect(ada.sent.at(-1)).toMatchObject({ type: "error", error: { code: "MESSAGE_TOO_LARGE" } });
    expect(ada.closes).toEqual([4413]);
  });

  test("of an endpoint is its own, or what its topics allow if that is more", async () => {
    const { server } = await start();
    const sessions: Parameters<NonNullable<Endpoint["onConnect"]>>[0][] = [];
    const endpoint: Endpoint = {
      path: "/foreign",
      messageBytesMax: 2 * MIB,
      onConnect: (ws) => void sessions.push(ws),
    };
    const ada = await connect(server, endpoint);
    const [ws] = sessions;
    const join = async (topic: string) => {
      void ws?.subscribe(topic, { input: "large", translate: () => null });
      await server.settle();
    };
    await join("big:1");
    expect(ada.bytesMax).toEqual([64 * KIB, 2 * MIB]);
    await join("bigger:1");
    ws?.unsubscribe("bigger:1");
    await server.settle();
    expect(ada.bytesMax).toEqual([64 * KIB, 2 * MIB, 64 * MIB, 2 * MIB]);
  });

  test("of an endpoint that takes little is little from the beginning", async () => {
    const { server } = await start();
    const ada = await connect(server, { path: "/foreign", messageBytesMax: 100 });
    expect([ada.bytesMax, ada.turns]).toEqual([[100], []]);
  });

  test("counts only for those who are known: until then a connection that may send more is not read", async () => {
    let letIn: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    const authenticate = async () => {
      await asked;
      return { id: "ada", kind: "user", tenant: "default", clearance: 0, claims: {} } as const;
    };
    const { server } = await start({ auth: { authenticate } });
    const ada = await connect(server, { path: "/foreign", messageBytesMax: MIB });
    expect([ada.bytesMax, ada.turns]).toEqual([[64 * KIB], ["pause"]]);
    letIn();
    await server.settle();
    expect([ada.bytesMax, ada.turns]).toEqual([
      [64 * KIB, MIB],
      ["pause", "resume"],
    ]);
  });
});

describe("a binary message that is refused", () => {
  test("[B8] [B10] is named by its topic", async () => {
    const { server } = await start();
    const ada = await connect(server);
    const { alias } = await ada.ask(small("big:1"));
    ada.receive(numbered(alias, 1, REFUSE));
    await server.settle();
    expect(ada.errors()).toEqual([
      { type: "error", topic: "big:1", error: expect.objectContaining({ code: "PAYLOAD_INVALID" }) },
    ]);
  });

  test("[B5] tells nobody the topic of an alias that is somebody else's", async () => {
    const { server } = await start();
    const bob = await server.connect("bob");
    const { alias } = await bob.ask<{ alias: number }>({ type: "subscribe", topic: "big:secret" });
    const ada = await connect(server);
    ada.receive(numbered(alias, 1));
    await server.settle();
    expect(ada.errors()).toEqual([
      { type: "error", error: expect.objectContaining({ code: "NOT_SUBSCRIBED" }) },
    ]);
  });

  test("[L5] because it is larger than its topic takes closes with 4413", async () => {
    const { server } = await start();
    const ada = await connect(server);
    const { alias } = await ada.ask(small("big:1"));
    ada.receive(numbered(alias, 1, TOO_LARGE));
    await server.settle();
    expect(ada.errors().map(({ error }) => (error as ErrorBody).code)).toEqual(["MESSAGE_TOO_LARGE"]);
    expect(ada.closes).toEqual([4413]);
  });
});
