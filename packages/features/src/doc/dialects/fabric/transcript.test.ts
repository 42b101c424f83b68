import {
  authenticateWith,
  createMemoryStorage,
  createServer,
  type ResourceRecord,
  systemRandom,
} from "@plexline/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { createClient } from "../../../client.ts";
import { decodeBase64 } from "../../../encoding/base64.ts";
import { encodeDocEvent } from "../../event.ts";
import { DOC_KIND } from "../../protocol.ts";
import { doc } from "../../server.ts";
import { yWebsocket } from "../y-websocket/endpoint.ts";
import { fabric } from "./endpoint.ts";

// Fabric's own messages over plain sockets, against a server that knows people by a session cookie and their clearance.

const FACT = { timeout: 10_000, interval: 5 };
/** Waits until `look` stops throwing. */
const eventually = <T>(look: () => T) => vi.waitFor(look, FACT);
let lastMarker = 0;
const DENIED = { type: "error", message: "Access denied" };

/** Sessions of the application, by the value of its cookie. */
const PEOPLE: Readonly<Record<string, { readonly id: string; readonly clearance: number }>> = {
  "session-of-ada": { id: "ada", clearance: 5 },
  "session-of-bob": { id: "bob", clearance: 5 },
  "session-of-eve": { id: "eve", clearance: 1 },
};

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

function recordOf(changes: Partial<ResourceRecord> = {}): ResourceRecord {
  const record = { topic: "doc:plan", tenant: "default", clearance: 3, owner: "ada" };
  return { ...record, editors: ["bob", "eve"], viewers: [], openToTenant: false, ...changes };
}

async function start({ tokenMs = 600_000 } = {}) {
  const topics = { page: doc("doc:{id}") };
  const app = createServer({
    topics,
    endpoints: [fabric(), yWebsocket()],
    auth: authenticateWith(({ token, request }) => {
      const session = token ?? /(?:^|; )sid=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
      const person = PEOPLE[session ?? ""];
      if (!person) throw new Error("There is no such session.");
      return { ...person, expiresAtMs: Date.now() + tokenMs };
    }),
    storage: createMemoryStorage({ random: systemRandom }),
  });
  const { port } = await app.listen(0);
  onTestFinished(() => app.close({ graceMs: 100 }));
  await app.records.set(recordOf());
  const open = (user: string, options: OpenOptions = {}) => {
    const client = openFabric(port, user, options);
    onTestFinished(() => client.socket.terminate());
    return client;
  };
  /** Opens a connection and waits for its first message. */
  const join = async (user: string, options: OpenOptions = {}) => {
    const client = open(user, options);
    await client.next("connected");
    return client;
  };
  return { app, port, open, join };
}

interface OpenOptions {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: string[];
  /** What it sends as soon as it may, before it has been told anything. */
  readonly atOnce?: readonly object[];
}

/** A plain WebSocket, with all that it was sent and how it ended. */
function openFabric(port: number, user: string, options: OpenOptions) {
  const { query = `?documentId=plan&clientID=${user}-1`, atOnce = [], protocols = [] } = options;
  const headers = options.headers ?? { Cookie: `theme=dark; sid=session-of-${user}` };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/fabric${query}`, protocols, { headers });
  const received: Message[] = [];
  const closed: { code: number; reason: string }[] = [];
  const taken = new Set<Message>();
  socket.on("open", () => {
    for (const message of atOnce) socket.send(JSON.stringify(message));
  });
  socket.on("message", (data, isBinary) => {
    expect(isBinary).toBe(false);
    received.push(JSON.parse(String(data)));
  });
  socket.on("close", (code, reason) => void closed.push({ code, reason: String(reason) }));
  return {
    socket,
    received,
    closed,
    all: (type: string) => received.filter((message) => message.type === type),
    say: (type: string, data?: unknown, more: object = {}) =>
      socket.send(JSON.stringify({ type, documentId: "plan", clientID: `${user}-1`, data, ...more })),
    /** The oldest message of a type that has not been taken yet. */
    next: (type: string) =>
      eventually(() => {
        const found = received.find((message) => message.type === type && !taken.has(message));
        expect(found, `a ${type} among ${JSON.stringify(received)}`).toBeDefined();
        taken.add(found as Message);
        return found as Message;
      }),
    ended: () =>
      eventually(() => {
        expect(closed).toHaveLength(1);
        return closed[0];
      }),
  };
}

type Fabric = ReturnType<typeof openFabric>;

/** Shows what has arrived by now: a selection of the one reaches the other after all that went before it. */
async function mark(from: Fabric, to: Fabric): Promise<void> {
  lastMarker += 1;
  const marker = `marker ${lastMarker}`;
  from.say("selection", marker);
  await eventually(() =>
    expect(to.all("selection")).toContainEqual(expect.objectContaining({ data: marker })),
  );
}

const bytesOf = (data: unknown) => decodeBase64(String(data)) as Uint8Array;

function insertion(clientId: number, text: string): Uint8Array {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  ydoc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(ydoc);
}

function cursor(clientId: number): Uint8Array {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  const awareness = new Awareness(ydoc);
  awareness.setLocalState({ cursor: clientId });
  const update = encodeAwarenessUpdate(awareness, [clientId]);
  awareness.destroy();
  return update;
}

function textOf(messages: readonly Message[]): string {
  const ydoc = new Y.Doc();
  for (const { type, data } of messages)
    if (type === "sync" || type === "update") Y.applyUpdate(ydoc, bytesOf(data));
  return ydoc.getText("text").toString();
}

/** The messages of a client, and how they look to another one. */
const MESSAGES: readonly {
  readonly type: string;
  readonly data: () => unknown;
  readonly seen: readonly object[];
}[] = [
  { type: "sync", data: () => [0], seen: [] },
  {
    type: "update",
    data: () => insertion(1, "x"),
    seen: [{ type: "update", documentId: "plan", data: Buffer.from(insertion(1, "x")).toString("base64") }],
  },
  {
    type: "awareness",
    data: () => Array.from(cursor(1)),
    seen: [{ type: "awareness", documentId: "plan", data: Buffer.from(cursor(1)).toString("base64") }],
  },
  {
    type: "selection",
    data: () => ({ anchor: 1 }),
    seen: [{ type: "selection", documentId: "plan", clientID: "ada-1", data: { anchor: 1 } }],
  },
];
const withoutMarkers = (messages: readonly Message[]) =>
  messages.filter(({ data }) => !String(data).startsWith("marker "));
/** What somebody was told after `connected`. */
const told = ({ received }: Fabric) => withoutMarkers(received.slice(1));

describe("connecting", () => {
  test("[FB1] [FB2] the first message is connected, with the clientID of the query", async () => {
    const { join } = await start();
    const ada = await join("ada");
    expect(ada.received[0]).toEqual({ type: "connected", clientID: "ada-1", mode: "yjs" });
    const nameless = await join("ada", { query: "?documentId=plan" });
    expect(nameless.received[0]?.clientID).toMatch(/^ws_/);
  });

  test("[FB1] the token may come as Authorization and as a subprotocol, and not in the query", async () => {
    const { join, open } = await start();
    await join("ada", { headers: { Authorization: "Bearer session-of-ada" } });
    const byProtocol = await join("ada", { headers: {}, protocols: ["fabric", "bearer.session-of-ada"] });
    expect(byProtocol.socket.protocol).toBe("fabric");
    const { closed } = open("ada", { headers: {}, query: "?documentId=plan&token=session-of-ada" });
    await eventually(() => expect(closed).toEqual([{ code: 4401, reason: "Unauthorized" }]));
  });

  test.each<[string, OpenOptions]>([
    ["no session", { headers: {} }],
    ["a session that there is not", { headers: { Cookie: "sid=forged" } }],
    ["no session and no documentId", { headers: {}, query: "" }],
  ])("[FB17] %s: accepted, then closed with 4401 Unauthorized", async (_name, options) => {
    const { open } = await start();
    const nobody = open("nobody", { ...options, atOnce: [{ type: "sync", documentId: "plan" }] });
    const opened = vi.fn();
    nobody.socket.on("open", opened);
    expect(await nobody.ended()).toEqual({ code: 4401, reason: "Unauthorized" });
    expect([opened.mock.calls.length, nobody.received]).toEqual([1, []]);
  });

  test("[FB1] no documentId closes with 1008 and says so", async () => {
    const { open } = await start();
    expect(await open("ada", { query: "?clientID=ada-1" }).ended()).toEqual({
      code: 1008,
      reason: "documentId is missing in the query.",
    });
  });

  test("[FB17] a session that ends closes with 4401 Unauthorized, and does not come in again", async () => {
    const { open } = await start({ tokenMs: 1_000 });
    const ada = open("ada", { atOnce: [{ type: "sync", documentId: "plan" }] });
    expect(await ada.ended()).toEqual({ code: 4401, reason: "Unauthorized" });
    expect(ada.all("error")).toEqual([]);
  });
});

describe.each(MESSAGES)("$type", ({ type, data, seen }) => {
  test("[FB10] reaches the others, and does not come back", async () => {
    const { join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    ada.say(type, data());
    await mark(ada, bob);
    expect(told(bob)).toEqual(seen);
    if (type === "sync") await ada.next("sync");
    await mark(bob, ada);
    expect(told(ada).filter((message) => message.type !== "sync")).toEqual([]);
  });

  test("[FB3] is taken when it comes before connected", async () => {
    const { join, open } = await start();
    const bob = await join("bob");
    const ada = open("ada", { atOnce: [{ type, documentId: "plan", clientID: "ada-1", data: data() }] });
    await ada.next("connected");
    expect(ada.received[0]?.type).toBe("connected");
    if (type === "sync") expect(await ada.next("sync")).toMatchObject({ documentId: "plan", data: "AAA=" });
    await mark(ada, bob);
    expect(told(bob)).toEqual(seen);
    expect(ada.all("error")).toEqual([]);
  });

  test("[FB10] sent twice is no error", async () => {
    const { join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    ada.say(type, data());
    ada.say(type, data());
    await mark(ada, bob);
    // What is known already is not handed on again; a selection is an event, and happens twice.
    expect(told(bob)).toEqual(type === "selection" ? [...seen, ...seen] : seen);
    await mark(bob, ada);
    expect([ada.all("error"), ada.closed]).toEqual([[], []]);
  });

  test("[FB4] [FB5] malformed is told, and the connection stays", async () => {
    const { join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    const bad = type === "selection" ? "x".repeat(20_000) : { 0: "bytes?" };
    ada.socket.send(`{"type":"${type}","documentId":"plan",`);
    ada.say(type, bad);
    ada.say(type, data(), { documentId: 5 });
    await mark(ada, bob);
    expect(told(bob)).toEqual([]);
    await mark(bob, ada);
    expect(ada.all("error").map(({ code }) => code)).toEqual(Array(3).fill("MALFORMED_MESSAGE"));
    ada.say(type, data());
    await mark(ada, bob);
    expect(told(bob)).toEqual(seen);
    expect(ada.closed).toEqual([]);
  });

  test("[FB13] is refused below the document's clearance, each time, and the connection stays", async () => {
    const { join } = await start();
    const [ada, eve] = [await join("ada"), await join("eve")];
    ada.say("update", insertion(9, "secret"));
    eve.say(type, data());
    eve.say(type, data());
    await eventually(() => expect(eve.all("error")).toHaveLength(2));
    const bob = await join("bob");
    await mark(ada, bob);
    expect(told(eve)).toEqual([DENIED, DENIED]);
    expect(told(ada)).toEqual([]);
    expect(eve.closed).toEqual([]);
  });

  test("[FB15] is refused for another document without clearance", async () => {
    const { app, join } = await start();
    await app.records.set(recordOf({ topic: "doc:vault", clearance: 9 }));
    const ada = await join("ada");
    ada.say(type, data(), { documentId: "vault" });
    ada.say(type, data(), { documentId: "nowhere" });
    await eventually(() => expect(ada.all("error")).toEqual([DENIED, DENIED]));
    expect(ada.closed).toEqual([]);
  });

  test("[FB14] is refused after access was taken away, and taken once it is given back", async () => {
    const { app, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    await app.records.set(recordOf({ owner: "bob" }));
    expect(await ada.next("error")).toMatchObject({ code: "REVOKED", documentId: "plan" });
    ada.say(type, data());
    expect(await ada.next("error")).toEqual(DENIED);
    bob.say("update", insertion(9, "meanwhile"));
    const cyd = await join("bob");
    await mark(bob, cyd);
    expect(told(ada).filter((message) => message.type !== "error")).toEqual([]);
    await app.records.set(recordOf());
    ada.say(type, data());
    expect(textOf([await ada.next("sync")])).toContain("meanwhile");
    await mark(ada, bob);
    expect(told(bob)).toEqual(seen);
    expect(ada.closed).toEqual([]);
  });
});

describe("a document", () => {
  test("[FB15] may be one of several on a connection", async () => {
    const { app, join } = await start();
    await app.records.set(recordOf({ topic: "doc:other" }));
    const [ada, bob] = [await join("ada"), await join("bob", { query: "?documentId=other&clientID=bob-1" })];
    ada.say("selection", 1, { documentId: "other" });
    expect(await bob.next("selection")).toMatchObject({ documentId: "other", clientID: "ada-1", data: 1 });
    bob.say("selection", 2, { documentId: "other" });
    expect(await ada.next("selection")).toMatchObject({ documentId: "other", clientID: "bob-1", data: 2 });
  });

  test("[FB6] [FB8] may be large: an update of a megabyte as numbers, and all of it in one sync", async () => {
    const { join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    const texts = [1, 2, 3].map((id) => String(id).repeat(1_000_000));
    for (const [index, text] of texts.entries()) {
      const update = insertion(index + 1, text);
      ada.say("update", Array.from(update));
      await eventually(() => expect(bob.all("update")).toHaveLength(index + 1));
    }
    const cyd = await join("bob");
    cyd.say("sync");
    const whole = textOf([await cyd.next("sync")]);
    for (const text of texts) expect(whole.includes(text)).toBe(true);
    expect([ada.all("error"), ada.closed, cyd.closed]).toEqual([[], [], []]);
  });

  test("[FB6] has a message that is too long closed with 4413", async () => {
    const { app, join } = await start();
    await app.records.set(recordOf({ editors: [], viewers: ["bob"] }));
    const bob = await join("bob");
    bob.say("sync", "A".repeat(5 * 1024 * 1024));
    expect(await bob.ended()).toMatchObject({ code: 4413 });
  });

  test("[FB16] refuses an update that writes with another user's client id, and goes on", async () => {
    const { join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    ada.say("update", insertion(1, "hers"));
    await bob.next("update");
    bob.say("update", insertion(1, "not his"));
    expect(await bob.next("error")).toMatchObject({ documentId: "plan", code: "CLIENT_ID_TAKEN" });
    await mark(bob, ada);
    expect(told(ada)).toEqual([]);
  });

  test("[FB12] the application's agent changes reach fabric clients, who may not send any", async () => {
    const { port, join } = await start();
    const ada = await join("ada");
    const plex = createClient({
      url: `ws://127.0.0.1:${port}/ws`,
      token: () => "session-of-bob",
      WebSocket: WebSocket as never,
    });
    onTestFinished(() => plex.close());
    const topic = plex.topic("doc:plan");
    topic.subscribe();
    await eventually(() => expect(topic.status.state).toBe("subscribed"));
    const change = { name: "agent-change-proposed", data: { id: 7 } };
    topic.sendBinary(DOC_KIND.notice, encodeDocEvent(change));
    expect(await ada.next("agent-change-proposed")).toEqual({
      type: "agent-change-proposed",
      documentId: "plan",
      data: { id: 7 },
    });
    ada.say("agent-change-proposed", { id: 8 });
    expect(await ada.next("error")).toMatchObject({ code: "UNKNOWN_MESSAGE" });
  });

  test("[FB8] [FB9] [FB10] is the same for fabric, y-websocket and native clients, edits and cursors", async () => {
    const { port, join } = await start();
    const ada = await join("ada");
    const hers = new Y.Doc();
    const awareness = new Awareness(hers);
    onTestFinished(() => awareness.destroy());
    // What FABRIC.md shows.
    const take = ({ type, data, stateVector }: Message) => {
      if (type === "sync" || type === "update") Y.applyUpdate(hers, bytesOf(data), ada);
      if (type === "awareness") applyAwarenessUpdate(awareness, bytesOf(data), ada);
      if (typeof stateVector === "string") ada.say("sync", Y.encodeStateAsUpdate(hers, bytesOf(stateVector)));
    };
    hers.getText("text").insert(0, "fabric ");
    for (const message of ada.received) take(message);
    ada.socket.on("message", (data) => take(JSON.parse(String(data))));
    hers.on("update", (update: Uint8Array, origin: unknown) => origin === ada || ada.say("update", update));
    awareness.on("update", (_changes: unknown, origin: unknown) => {
      if (origin !== ada) ada.say("awareness", encodeAwarenessUpdate(awareness, [hers.clientID]));
    });
    ada.say("sync", Y.encodeStateVector(hers));

    const his = new Y.Doc();
    const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, "plan", his, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      params: { token: "session-of-bob" },
    });
    onTestFinished(() => provider.destroy());
    const plex = createClient<Awaited<ReturnType<typeof start>>["app"]>({
      url: `ws://127.0.0.1:${port}/ws`,
      token: () => "session-of-bob",
      WebSocket: WebSocket as never,
    });
    onTestFinished(() => plex.close());
    const page = plex.doc("page", { id: "plan" });

    const docs = [hers, his, page.doc];
    const texts = () => docs.map((ydoc) => ydoc.getText("text").toString());
    await eventually(() => expect(texts()).toEqual(Array(3).fill("fabric ")));
    his.getText("text").insert(his.getText("text").length, "y-websocket ");
    await eventually(() => expect(texts()).toEqual(Array(3).fill("fabric y-websocket ")));
    page.doc.getText("text").insert(page.doc.getText("text").length, "native ");
    await eventually(() => expect(texts()).toEqual(Array(3).fill("fabric y-websocket native ")));
    hers.getText("text").delete(0, 7);
    await eventually(() => expect(texts()).toEqual(Array(3).fill("y-websocket native ")));

    awareness.setLocalState({ cursor: "fabric" });
    provider.awareness.setLocalState({ cursor: "y-websocket" });
    page.awareness?.setLocalState({ cursor: "native" });
    await eventually(() => {
      for (const seen of [awareness, provider.awareness, page.awareness]) {
        const states = Object.fromEntries(seen?.getStates() ?? []);
        expect(states).toMatchObject({
          [hers.clientID]: { cursor: "fabric" },
          [his.clientID]: { cursor: "y-websocket" },
          [page.doc.clientID]: { cursor: "native" },
        });
      }
    });
  });
});
