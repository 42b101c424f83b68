import { createHmac } from "node:crypto";
import { createMemoryStorage, createServer, type Decision, jwt, systemRandom } from "@plexline/server";
import { createTestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { createClient } from "../../../client.ts";
import { doc } from "../../server.ts";
import { scanUpdate } from "../../update/scan.ts";
import { fold } from "../../worker/fold.ts";
import type { FoldJob } from "../../worker/jobs.ts";
import { yWebsocket } from "../y-websocket/endpoint.ts";
import { combined } from "./endpoint.ts";

// The messages of the seed as they are written there, over plain sockets, against a server as applications start it.

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 15_000, interval: 5 };
/** Waits until `look` stops throwing. */
const eventually = <T>(look: () => T) => vi.waitFor(look, FACT);

const worker = {
  scan: async (...[update, limits]: Parameters<typeof scanUpdate>) => scanUpdate(update, limits),
  fold: async (job: FoldJob) => fold(job),
};

function sign(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

async function start(
  roles: Readonly<Record<string, Decision>> = {},
  storage = createMemoryStorage({ random: systemRandom }),
) {
  const app = createServer({
    topics: {
      page: doc("doc:{id}", { worker, authorize: ({ principal }) => roles[principal.id] ?? "write" }),
    },
    endpoints: [combined(), yWebsocket()],
    auth: jwt({ secret: SECRET }),
    storage,
  });
  const { port } = await app.listen(0);
  onTestFinished(() => app.close({ graceMs: 100 }));
  return { app, port, storage };
}

type Told = Readonly<Record<string, unknown>>;

/** A connection of a user, and everything that it was told. `first` is sent before the server can have said anything. */
async function connect(
  port: number,
  user: string | null,
  { first = [], query = "" }: { first?: readonly unknown[]; query?: string } = {},
) {
  const token = user === null ? "" : `token=${sign({ sub: user })}`;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/api/ws?${[token, query].filter(Boolean).join("&")}`);
  onTestFinished(() => ws.terminate());
  const told: Told[] = [];
  const closed: { code: number; reason: string }[] = [];
  ws.on("message", (data) => void told.push(JSON.parse(String(data))));
  ws.on("close", (code, reason) => void closed.push({ code, reason: String(reason) }));
  ws.on("error", () => {});
  const send = (message: unknown) => ws.send(typeof message === "string" ? message : JSON.stringify(message));
  await new Promise<void>((resolve) =>
    ws.on("open", () => {
      for (const message of first) send(message);
      resolve();
    }),
  );
  const of = (type: string) => told.filter((message) => message.type === type);
  /** Waits until it has been told something of this shape. */
  const toldOf = (shape: object) =>
    eventually(() => expect(told).toContainEqual(expect.objectContaining(shape)));
  /** Waits until all that it has sent has been looked at: what is asked last is answered last. */
  let markers = 0;
  const marked = async () => {
    markers += 1;
    send({ type: `marker-${markers}` });
    await eventually(() =>
      expect(told.filter(({ code }) => code === "UNKNOWN_MESSAGE")).toHaveLength(markers),
    );
  };
  return { ws, send, told, of, toldOf, marked, closed };
}

/** A document that follows what a connection is told of a room, as a client would. */
function follow({ ws, told }: { ws: WebSocket; told: readonly Told[] }, room: string) {
  const ydoc = new Y.Doc();
  const take = (message: Told) => {
    if (message.room !== room || message.update === undefined) return;
    const { update } = message as { update: string | object };
    const bytes = typeof update === "string" ? Buffer.from(update, "base64") : Object.values(update);
    Y.applyUpdate(ydoc, Uint8Array.from(bytes), "server");
  };
  for (const message of told) take(message);
  ws.on("message", (data) => take(JSON.parse(String(data))));
  ydoc.on("update", (update, origin) => {
    if (origin !== "server") ws.send(JSON.stringify({ type: "yjs:update", room, update }));
  });
  return { ydoc, text: ydoc.getText("text") };
}

/** An update of one insertion. */
function insertion(text: string): Uint8Array {
  const ydoc = new Y.Doc();
  ydoc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(ydoc);
}

const textOf = (update: unknown): string => {
  const ydoc = new Y.Doc();
  const bytes = typeof update === "string" ? Buffer.from(update, "base64") : Object.values(update as object);
  Y.applyUpdate(ydoc, Uint8Array.from(bytes));
  return ydoc.getText("text").toString();
};

const agentPartial = { type: "agent:partial", sessionId: "session-123", content: "Generated code..." };
const presence = { type: "presence", userId: "user-789", cursor: { line: 42, col: 10 } };
const yjsUpdate = (text: string, room = "room-456") => ({
  type: "yjs:update",
  room,
  update: insertion(text),
});

describe("the seed's messages", () => {
  test("[CB4] [CB8] [CB14] all three, before the server has said anything", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    await bob.toldOf({ type: "yjs:sync", update: expect.anything() });
    const ada = await connect(port, "ada", { first: [agentPartial, yjsUpdate("hello"), presence] });
    await bob.toldOf({ type: "presence" });
    expect(bob.of("yjs:update").map(({ update }) => textOf(update))).toEqual(["hello"]);
    expect(bob.of("presence")).toEqual([
      {
        type: "presence",
        userId: "ada",
        cursor: { line: 42, col: 10 },
        room: "room-456",
        clientId: expect.any(Number),
      },
    ]);
    await eventually(() => expect(ada.of("error")).toHaveLength(1));
    expect(ada.of("error")[0]).toMatchObject({ code: "UNKNOWN_MESSAGE" });
    expect([ada.of("yjs:update"), ada.of("presence"), ada.closed]).toEqual([[], [], []]);
  });

  test("[CB8] [CB16] twice: others are told once", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    await bob.toldOf({ type: "yjs:sync", update: expect.anything() });
    const update = yjsUpdate("hello");
    await connect(port, "ada", {
      first: [update, update, presence, presence, { ...presence, cursor: { line: 43, col: 1 } }],
    });
    await bob.toldOf({ type: "presence", cursor: { line: 43, col: 1 } });
    expect(bob.of("yjs:update")).toHaveLength(1);
    expect(bob.of("presence")).toHaveLength(2);
  });

  test("[CB2] [CB7] [CB12] malformed: each is told, nobody else notices, and the connection goes on", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    await bob.toldOf({ type: "yjs:sync", update: expect.anything() });
    const broken: readonly [unknown, string][] = [
      ["", "MALFORMED_MESSAGE"],
      ["null", "MALFORMED_MESSAGE"],
      ['{"type":"yjs:update"', "MALFORMED_MESSAGE"],
      [{ type: "yjs:update", room: "room-456" }, "MALFORMED_MESSAGE"],
      [{ type: "yjs:update", room: "room-456", update: "%%%" }, "MALFORMED_MESSAGE"],
      [{ type: "yjs:update", room: "room-456", update: { 0: 1, 2: 1 } }, "MALFORMED_MESSAGE"],
      [{ type: "yjs:update", room: { a: 1 }, update: [0, 0] }, "MALFORMED_MESSAGE"],
      [{ type: "yjs:update", room: "room 456", update: [0, 0] }, "TOPIC_INVALID"],
      [{ type: "yjs:update", room: "room-456", update: [] }, "UPDATE_INVALID"],
      [{ type: "yjs:update", room: "room-456", update: [9, 9, 9] }, "UPDATE_INVALID"],
      [{ type: "yjs:sync", room: "room-456", stateVector: [9, 9, 9] }, "UPDATE_INVALID"],
      [{ type: "presence", userId: "user-789" }, "MALFORMED_MESSAGE"],
      [{ type: "presence", userId: "user-789", cursor: "42:10" }, "MALFORMED_MESSAGE"],
      [{ ...presence, room: "room-456", cursor: { big: "x".repeat(5_000) } }, "PRESENCE_INVALID"],
      ["[".repeat(1_000), "JSON_TOO_DEEP"],
    ];
    const ada = await connect(port, "ada");
    for (const [message, code] of broken) {
      const before = ada.of("error").length;
      ada.send(message);
      await eventually(() => expect(ada.of("error").length).toBeGreaterThan(before));
      expect([message, ada.of("error").at(-1)?.code]).toEqual([message, code]);
    }
    ada.send(yjsUpdate("still here"));
    await bob.toldOf({ type: "yjs:update" });
    expect(bob.of("presence")).toEqual([]);
    expect([ada.closed, bob.closed, bob.of("error")]).toEqual([[], [], []]);
  });

  test("[CB14] with another's userId: everybody is told who it really was", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [yjsUpdate("x")] });
    const ada = await connect(port, "ada", { first: [{ ...presence, userId: "bob", room: "room-456" }] });
    await bob.toldOf({ type: "presence", userId: "ada" });
    ada.send({ ...presence, userId: { evil: true }, cursor: { line: 1, col: 1 } });
    await bob.toldOf({ type: "presence", userId: "ada", cursor: { line: 1, col: 1 } });
    expect(bob.of("presence").every(({ userId }) => userId === "ada")).toBe(true);
  });

  test("[CB12] by a reader: edits are refused with the room, the cursor is shown, and edits of others arrive", async () => {
    const { port } = await start({ rae: "read" });
    const ada = await connect(port, "ada", { first: [yjsUpdate("read this")] });
    const rae = await connect(port, "rae", { first: [yjsUpdate("not this"), presence] });
    await rae.toldOf({ type: "error", code: "FORBIDDEN", room: "room-456" });
    await ada.toldOf({ type: "presence", userId: "rae" });
    await eventually(() =>
      expect(rae.of("yjs:update").map(({ update }) => textOf(update))).toEqual(["read this"]),
    );
    expect(rae.of("yjs:sync")).toEqual([]);
    expect(ada.of("yjs:update")).toEqual([]);
    expect(rae.closed).toEqual([]);
  });

  test("[CB6] by somebody who may not: each room is told, and the rest goes on", async () => {
    const { port } = await start({ eve: false });
    const eve = await connect(port, "eve", {
      first: [yjsUpdate("x"), presence, { type: "yjs:sync", room: "other" }],
    });
    await eve.toldOf({ type: "error", code: "FORBIDDEN", room: "room-456" });
    await eve.toldOf({ type: "error", code: "FORBIDDEN", room: "other" });
    await eve.marked();
    expect([eve.closed, eve.told.length]).toEqual([[], 3]);
  });

  test("[CB6] in 200 rooms: as many as the server allows, then words, and leaving one makes room", async () => {
    const { port } = await start();
    const first = Array.from({ length: 200 }, (_, at) => yjsUpdate("x", `room-${at}`));
    const ada = await connect(port, "ada", { first });
    await eventually(() => expect(ada.of("error")).toHaveLength(72));
    const rooms = new Set(ada.of("error").map(({ room }) => room));
    expect(rooms.size).toBe(72);
    expect(ada.of("error")[0]).toMatchObject({
      code: "SUBSCRIPTIONS_MAX",
      fix: expect.stringContaining("yjs:leave"),
    });
    const inside = first.map(({ room }) => room).find((room) => !rooms.has(room));
    const outside = [...rooms][0];
    ada.send({ type: "yjs:leave", room: inside });
    ada.send({ type: "yjs:sync", room: outside });
    await ada.toldOf({ type: "yjs:sync", room: outside, update: expect.anything() });
    expect(ada.of("error")).toHaveLength(72);
    expect(ada.closed).toEqual([]);
  });
});

describe("the connection", () => {
  test.each(["yjs", "agent", "other", ""])(
    "[CB1] with the type %j is nobody's, and closes with 1008",
    async (type) => {
      const { port } = await start();
      const ada = await connect(port, "ada", { query: `type=${type}`, first: [yjsUpdate("x")] });
      await eventually(() =>
        expect(ada.closed).toEqual([{ code: 1008, reason: expect.stringContaining("query") }]),
      );
      expect(ada.told).toEqual([]);
    },
  );

  test("[CB19] without a token, or with one that is over, closes with 4401 and takes nothing", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    const nobody = await connect(port, null, { first: [yjsUpdate("x"), presence] });
    const late = await connect(port, null, {
      query: `token=${sign({ sub: "ada", exp: Date.now() / 1_000 - 600 })}`,
      first: [yjsUpdate("x"), presence],
    });
    await eventually(() =>
      expect(nobody.closed).toMatchObject([{ code: 4401, reason: /^TOKEN_/ }].map(({ code }) => ({ code }))),
    );
    await eventually(() =>
      expect(late.closed).toEqual([{ code: 4401, reason: expect.stringMatching(/^TOKEN_EXPIRED/) }]),
    );
    await connect(port, "ada", { first: [yjsUpdate("marker")] });
    await bob.toldOf({ type: "yjs:update" });
    expect(bob.of("yjs:update").map(({ update }) => textOf(update))).toEqual(["marker"]);
    expect(bob.of("presence")).toEqual([]);
  });

  test("[CB17] when it goes, the others are told that its cursor has", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    const ada = await connect(port, "ada", { first: [{ ...presence, room: "room-456" }] });
    await bob.toldOf({ type: "presence", userId: "ada", cursor: presence.cursor });
    ada.ws.close();
    await bob.toldOf({ type: "presence", userId: "ada", cursor: null });
  });

  test("[CB7] long updates arrive in every form, and go out in the receiver's", async () => {
    const { port } = await start();
    const long = "x".repeat(250_000);
    const forms = {
      base64: (update: Uint8Array) => Buffer.from(update).toString("base64"),
      numbers: (update: Uint8Array) => [...update],
      object: (update: Uint8Array) => update,
    };
    for (const [name, write] of Object.entries(forms)) {
      const room = `room-${name}`;
      const bob = await connect(port, "bob", {
        first: [{ type: "yjs:sync", room, stateVector: write(Uint8Array.of(0)) }],
      });
      await bob.toldOf({ type: "yjs:sync", room, update: expect.anything() });
      const ada = await connect(port, "ada", {
        first: [{ type: "yjs:update", room, update: write(insertion(long)) }],
      });
      await bob.toldOf({ type: "yjs:update" });
      const [message] = bob.of("yjs:update");
      expect(Array.isArray(message?.update) ? "numbers" : typeof message?.update).toBe(
        name === "base64" ? "string" : name,
      );
      expect(textOf(message?.update)).toBe(long);
      expect(ada.of("error")).toEqual([]);
    }
  });
});

describe("one document", () => {
  test("[CB8] [CB10] two clients that know the seed's messages alone become the same", async () => {
    const { port } = await start();
    const ada = follow(await connect(port, "ada"), "room-456");
    ada.text.insert(0, "first ");
    const second = await connect(port, "bob");
    const bob = follow(second, "room-456");
    // Joins by an edit, and is sent what was there before.
    bob.text.insert(0, "second ");
    await eventually(() => expect(bob.text.toString()).toContain("first "));
    await eventually(() => expect(ada.text.toString()).toBe(bob.text.toString()));
    ada.text.insert(0, "and ");
    await eventually(() => expect(bob.text.toString()).toBe(ada.text.toString()));
    expect(second.of("error")).toEqual([]);
  });

  test("[CB11] what a client wrote while it was away is asked for, and taken", async () => {
    const { port } = await start();
    const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room: "room-456" }] });
    const ada = await connect(port, "ada");
    const ydoc = new Y.Doc();
    ydoc.getText("text").insert(0, "offline");
    ada.ws.on("message", (data) => {
      const { type, stateVector } = JSON.parse(String(data));
      if (type !== "yjs:sync" || stateVector === undefined) return;
      const update = Y.encodeStateAsUpdate(ydoc, Uint8Array.from(Object.values(stateVector)));
      ada.send({ type: "yjs:sync", room: "room-456", update });
    });
    ada.send({ type: "yjs:sync", room: "room-456", stateVector: Y.encodeStateVector(ydoc) });
    await bob.toldOf({ type: "yjs:update" });
    expect(bob.of("yjs:update").map(({ update }) => textOf(update))).toEqual(["offline"]);
    expect(ada.of("error")).toEqual([]);
  });

  test.each(["yjs:update", "yjs:sync"])(
    "[CB11] of a whole document, sent by %s, what the server has only the beginning of is taken as well",
    async (type) => {
      const { app, port, storage } = await start();
      const room = "plan";
      const bob = await connect(port, "bob", { first: [{ type: "yjs:sync", room }] });
      const { text } = follow(bob, room);
      await bob.toldOf({ type: "yjs:sync", update: expect.anything() });
      const hers = new Y.Doc();
      hers.getText("text").insert(0, "hel");
      const ada = await connect(port, "ada");
      ada.send({ type: "yjs:update", room, update: Y.encodeStateAsUpdate(hers) });
      await eventually(() => expect(text.toString()).toBe("hel"));
      text.insert(3, " you");
      await ada.toldOf({ type: "yjs:update" });
      ada.ws.terminate();
      // One struct of which the server has three letters; the client has not heard of Bob's.
      hers.getText("text").insert(3, "lo");
      const back = await connect(port, "ada");
      back.send({ type, room, update: Y.encodeStateAsUpdate(hers) });
      await eventually(() => expect(text.toString()).toMatch(/^hel(lo you| youlo)$/));
      await back.marked();
      expect([back.of("error").filter(({ code }) => code !== "UNKNOWN_MESSAGE"), bob.of("error")]).toEqual([
        [],
        [],
      ]);

      await app.close({ graceMs: 100 });
      const again = await start({}, storage);
      const cyd = await connect(again.port, "cyd", { first: [{ type: "yjs:sync", room }] });
      await cyd.toldOf({ type: "yjs:sync", update: expect.anything() });
      expect(follow(cyd, room).text.toString()).toBe(text.toString());
    },
  );

  test("[CB15] [CB16] [CB17] a combined client, a y-websocket provider and a native client see each other", async () => {
    const { app, port } = await start();
    const ada = await connect(port, "ada");
    const hers = follow(ada, "plan");
    hers.text.insert(0, "ada ");
    ada.send({ ...presence, userId: "somebody" });

    const bobDoc = new Y.Doc();
    const bob = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, "plan", bobDoc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      params: { token: sign({ sub: "bob" }) },
    });
    onTestFinished(() => bob.destroy());
    bob.awareness.setLocalState({
      user: { id: "bob", name: "Bob" },
      cursor: { anchor: { tname: "text" }, head: null },
    });

    const plex = createClient<typeof app>({
      url: `ws://127.0.0.1:${port}/ws`,
      token: () => sign({ sub: "cyd" }),
      WebSocket: WebSocket as never,
    });
    onTestFinished(() => plex.close());
    const cyd = plex.doc("page", { id: "plan" });
    cyd.awareness?.setLocalState({ user: { name: "Cyd" } });

    await Promise.all([cyd.whenSynced(), eventually(() => expect(bob.synced).toBe(true))]);
    bobDoc.getText("text").insert(0, "bob ");
    cyd.doc.getText("text").insert(0, "cyd ");
    const texts = () => [hers.text, bobDoc.getText("text"), cyd.doc.getText("text")].map(String);
    await eventually(() => {
      const [first, ...others] = texts();
      expect(first).toHaveLength(12);
      expect(others).toEqual([first, first]);
    });

    const state = { user: { id: "ada", name: "ada" }, lineCursor: presence.cursor };
    await eventually(() => {
      expect([...bob.awareness.getStates().values()]).toContainEqual(state);
      expect([...(cyd.awareness?.getStates().values() ?? [])]).toContainEqual(state);
    });
    await ada.toldOf({
      type: "presence",
      userId: "bob",
      cursor: { anchor: { tname: "text" }, head: null },
      clientId: bobDoc.clientID,
    });
    cyd.awareness?.setLocalStateField("cursor", { anchor: 1, head: 2 });
    await ada.toldOf({ type: "presence", userId: "Cyd", cursor: { anchor: 1, head: 2 } });
    bob.awareness.setLocalState(null);
    await ada.toldOf({ type: "presence", userId: "bob", cursor: null });
    ada.ws.close();
    await eventually(() => expect([...bob.awareness.getStates().values()]).not.toContainEqual(state));
    expect(ada.of("error")).toEqual([]);
  });
});

describe("with the time in the test's hands", () => {
  async function startTest() {
    const server = await createTestServer({ topics: { page: doc("doc:{id}", { worker }) } });
    onTestFinished(() => server.close());
    const endpoint = combined();
    const open = async (user: string, principal = {}) => {
      const client = await server.open({ token: server.issue(user, principal), endpoint });
      const told = () => client.received as unknown as readonly Told[];
      return { client, send: (message: unknown) => client.send(JSON.stringify(message)), told };
    };
    return { server, open };
  }

  test("[CB19] when the token ends the connection does, with 4401, and what comes after is not taken", async () => {
    const { server, open } = await startTest();
    const ada = await open("ada", { expiresAtMs: server.clock.nowMs() + 5_000 });
    const bob = await open("bob");
    for (const { send } of [ada, bob]) send({ type: "yjs:sync", room: "a" });
    ada.send({ ...presence, room: "a" });
    await server.settle(4_000);
    expect(bob.told()).toContainEqual(expect.objectContaining({ type: "presence", userId: "ada" }));
    await server.settle(2_000);
    expect(await ada.client.ended()).toMatchObject({
      code: 4401,
      reason: expect.stringMatching(/^TOKEN_EXPIRED/),
    });
    ada.send({ type: "yjs:update", room: "a", update: [...insertion("late")] });
    await server.settle(1_000);
    expect(bob.told().filter(({ type }) => type === "yjs:update")).toEqual([]);
    expect(bob.told().at(-1)).toMatchObject({ type: "presence", userId: "ada", cursor: null });
  });

  test("[CB13] a room that is taken away is told, and the others go on", async () => {
    const { server, open } = await startTest();
    const ada = await open("ada");
    for (const room of ["a", "b"]) ada.send({ type: "yjs:sync", room });
    await server.settle(100);
    await server.app.records.set({
      topic: "doc:a",
      tenant: "default",
      clearance: 0,
      owner: "cyd",
      editors: [],
      viewers: [],
      openToTenant: false,
    });
    await server.settle(100);
    expect(ada.told().at(-1)).toMatchObject({ type: "error", code: "FORBIDDEN", room: "a" });
    ada.send({ type: "yjs:sync", room: "a" });
    ada.send({ type: "yjs:sync", room: "b" });
    await server.settle(100);
    expect(ada.told().slice(-2)).toMatchObject([
      { type: "error", code: "FORBIDDEN", room: "a" },
      { type: "yjs:sync", room: "b" },
    ]);
    expect(ada.client.closed).toBeUndefined();
    expect(server.app.stats()).toMatchObject({ subscriptions: 1 });
  });

  test("[CB12] an update of which something is missing is told when it has waited in vain", async () => {
    const { server, open } = await startTest();
    const ada = await open("ada");
    const ydoc = new Y.Doc();
    ydoc.getText("text").insert(0, "never sent");
    let update: Uint8Array = new Uint8Array(0);
    ydoc.on("update", (bytes) => {
      update = bytes;
    });
    ydoc.getText("text").insert(3, "sent");
    ada.send({ type: "yjs:update", room: "a", update });
    await server.settle(1_000);
    const asked = ada.told().filter(({ stateVector }) => stateVector !== undefined);
    expect(asked.length).toBeGreaterThan(0);
    expect(ada.told().filter(({ type }) => type === "error")).toEqual([]);
    await server.settle(60_000);
    expect(ada.told()).toContainEqual(
      expect.objectContaining({ type: "error", code: "UPDATE_GAP", room: "a" }),
    );
    expect(ada.client.closed).toBeUndefined();
  });

  test("[CB18] what comes too fast is taken all the same", async () => {
    const { server, open } = await startTest();
    const [ada, bob] = [await open("ada"), await open("bob")];
    bob.send({ type: "yjs:sync", room: "a" });
    const ydoc = new Y.Doc();
    ydoc.on("update", (update: Uint8Array) =>
      ada.send({ type: "yjs:update", room: "a", update: [...update] }),
    );
    for (let n = 0; n < 400; n += 1) ydoc.getText("text").insert(n, "z");
    await server.settle(20_000);
    const copy = new Y.Doc();
    for (const { update } of bob.told()) {
      if (typeof update === "string") Y.applyUpdate(copy, Buffer.from(update, "base64"));
    }
    expect(copy.getText("text").toString()).toBe("z".repeat(400));
    expect(ada.client.closed).toBeUndefined();
  });
});
