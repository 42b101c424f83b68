import { createHmac } from "node:crypto";
import { createMemoryStorage, createServer, jwt, type Logger, systemRandom } from "@plexline/server";
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
import { draft } from "./endpoint.ts";

// What clients of this protocol do, word by word, over plain sockets against a server as applications start it.

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 10_000, interval: 5 };
/** Waits until `look` stops throwing. */
const eventually = <T>(look: () => T) => vi.waitFor(look, FACT);

type Line = Readonly<Record<string, unknown>>;
interface Told {
  readonly type: string;
  readonly data?: readonly number[];
  readonly error?: string;
}

function sign(claims: object, secret = SECRET): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

const tokenOf = (userId: string, claims: object = {}) =>
  sign({ userId, firmId: "firm-456", role: "editor", email: `${userId}@example.com`, ...claims });

function recordLog(lines: Line[], bound: Line = {}): Logger {
  const write = (level: string) => (fields: Line) => void lines.push({ level, ...bound, ...fields });
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => recordLog(lines, { ...bound, ...fields }),
  };
}

async function start() {
  const lines: Line[] = [];
  const drafts = draft();
  // On this thread, so that the tests need no build.
  const worker = {
    scan: async (...[update, limits]: Parameters<typeof scanUpdate>) => scanUpdate(update, limits),
    fold: async (job: FoldJob) => fold(job),
  };
  const app = createServer({
    topics: { page: doc("doc:{id}", { worker }) },
    endpoints: [drafts, yWebsocket()],
    auth: jwt({ secret: SECRET }),
    storage: createMemoryStorage({ random: systemRandom }),
    resources: "auto",
    log: recordLog(lines),
  });
  const { port } = await app.listen(0);
  onTestFinished(() => app.close({ graceMs: 100 }));
  /** The lines of an action, without what every line has. */
  const logged = (action: string) => lines.filter((line) => line.action === action);
  return { app, drafts, port, lines, logged };
}

/** A plain WebSocket, with what it was sent. */
function connect(port: number, query: string) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws${query}`);
  const told: Told[] = [];
  let closed: { code: number; reason: string } | undefined;
  let pings = 0;
  ws.on("message", (data: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(false);
    told.push(JSON.parse(data.toString()) as Told);
  });
  ws.on("close", (code, reason) => {
    closed = { code, reason: reason.toString() };
  });
  ws.on("ping", () => {
    pings += 1;
  });
  ws.on("error", () => {});
  onTestFinished(() => ws.terminate());
  return {
    ws,
    told,
    send: (message: object | string) =>
      ws.send(typeof message === "string" ? message : JSON.stringify(message)),
    opened: () => eventually(() => expect(ws.readyState).toBe(WebSocket.OPEN)),
    ended: () =>
      eventually(() => {
        expect(closed).toBeDefined();
        return closed;
      }),
    isOpen: () => closed === undefined,
    all: (type: string) => told.filter((message) => message.type === type),
    pings: () => pings,
  };
}

/** The client that the protocol's document describes: a Y.Doc bound to a plain WebSocket. */
function open(port: number, userId: string, draftId = "draft-789", token = tokenOf(userId)) {
  const socket = connect(port, `?token=${token}&draftId=${draftId}`);
  const ydoc = new Y.Doc();
  socket.ws.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Told;
    if (message.type === "yjs-update" || message.type === "yjs-state-response")
      Y.applyUpdate(ydoc, new Uint8Array(message.data ?? []), socket);
  });
  ydoc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== socket) socket.send({ type: "yjs-update", data: Array.from(update) });
  });
  onTestFinished(() => ydoc.destroy());
  const text = ydoc.getText("text");
  return {
    ...socket,
    ydoc,
    text,
    joined: () => eventually(() => expect(socket.told[0]?.type).toBe("yjs-state-response")),
    reads: (expected: string) => eventually(() => expect(text.toString() === expected).toBe(true)),
    /** What was sent before is with the server: it has answered what came after. */
    async heard() {
      const before = socket.all("pong").length;
      socket.send({ type: "ping" });
      await eventually(() => expect(socket.all("pong").length).toBeGreaterThan(before));
    },
  };
}

describe("the protocol's own messages", () => {
  test("[DR3] [DR5] the state at once, updates to all others of the draft, and no echo", async () => {
    const { port } = await start();
    const [ada, bob, cyd] = [open(port, "ada"), open(port, "bob"), open(port, "cyd")];
    const other = open(port, "ada", "draft-1");
    await Promise.all([ada, bob, cyd, other].map((one) => one.joined()));
    ada.text.insert(0, "Dear Sir");
    await Promise.all([bob.reads("Dear Sir"), cyd.reads("Dear Sir")]);
    bob.text.insert(8, " or Madam");
    await Promise.all([ada.reads("Dear Sir or Madam"), cyd.reads("Dear Sir or Madam")]);
    await Promise.all([ada.heard(), bob.heard(), other.heard()]);
    expect([ada, bob, cyd, other].map((one) => one.all("yjs-update").length)).toEqual([1, 1, 2, 0]);
    const late = open(port, "dan");
    await late.reads("Dear Sir or Madam");
    expect(late.told.map(({ type }) => type)).toEqual(["yjs-state-response"]);
    expect(late.told[0]?.data).toEqual(expect.arrayContaining([expect.any(Number)]));
  });

  test("[DR6] yjs-state-request is answered with the whole document", async () => {
    const { port } = await start();
    const ada = open(port, "ada");
    await ada.joined();
    ada.text.insert(0, "x");
    const bob = open(port, "bob");
    await bob.reads("x");
    bob.send({ type: "yjs-state-request" });
    await eventually(() => expect(bob.all("yjs-state-response")).toHaveLength(2));
    const copy = new Y.Doc();
    Y.applyUpdate(copy, new Uint8Array(bob.told[1]?.data ?? []));
    expect(copy.getText("text").toString()).toBe("x");
  });

  test("[DR8] ping is answered by pong, pong by nothing, and a WebSocket ping by a WebSocket pong", async () => {
    const { port } = await start();
    const ada = open(port, "ada");
    await ada.joined();
    const ponged = new Promise<string>((resolve) => ada.ws.once("pong", (data) => resolve(data.toString())));
    ada.ws.ping("mark");
    ada.send({ type: "pong" });
    ada.send({ type: "ping" });
    expect(await ponged).toBe("mark");
    await eventually(() => expect(ada.told.slice(1)).toEqual([{ type: "pong" }]));
  });

  test("[DR3] what is sent before the state came is taken", async () => {
    const { port } = await start();
    const bob = open(port, "bob");
    await bob.joined();
    const ada = open(port, "ada");
    ada.ws.once("open", () => ada.text.insert(0, "early"));
    await bob.reads("early");
    await ada.joined();
    expect(ada.text.toString()).toBe("early");
  });

  test("[DR4] numbers, base64 and bytes are all taken; what is told is numbers", async () => {
    const { port } = await start();
    const [ada, bob] = [connect(port, `?token=${tokenOf("ada")}&draftId=d`), open(port, "bob", "d")];
    await Promise.all([ada.opened(), bob.joined()]);
    const ydoc = new Y.Doc();
    const updates: Uint8Array[] = [];
    ydoc.on("update", (update: Uint8Array) => void updates.push(update));
    for (const letter of "abc") ydoc.getText("text").insert(ydoc.getText("text").length, letter);
    ada.send({ type: "yjs-update", data: Array.from(updates[0]!) });
    ada.send({ type: "yjs-update", data: Buffer.from(updates[1]!).toString("base64") });
    ada.ws.send(updates[2]!);
    await bob.reads("abc");
    expect(bob.all("yjs-update").map(({ data }) => data)).toEqual(updates.map((update) => [...update]));
  });

  test("[DR13] an update of a megabyte in numbers is taken, one beyond the message's size closes with 4413", async () => {
    const { port } = await start();
    const [ada, bob] = [open(port, "ada"), open(port, "bob")];
    await Promise.all([ada.joined(), bob.joined()]);
    // Letters are numbers of three digits: the most that an update takes.
    ada.text.insert(0, "z".repeat(1024 * 1024 - 100));
    await bob.reads(ada.text.toString());
    ada.send(`{"type":"ping"${" ".repeat(4 * 1024 * 1024 + 256)}}`);
    expect(await ada.ended()).toMatchObject({
      code: 4413,
      reason: expect.stringMatching(/^MESSAGE_TOO_LARGE/),
    });
    await bob.heard();
  });
});

describe("who may not", () => {
  test.each<[string, string, string]>([
    ["no parameters", "", "Missing token"],
    ["no token", "?draftId=d", "Missing token"],
    ["an empty token", "?token=&draftId=d", "Missing token"],
    ["no draftId", `?token=${tokenOf("ada")}`, "Missing draftId"],
    ["an empty draftId", `?token=${tokenOf("ada")}&draftId=`, "Missing draftId"],
    ["a token that is none", "?token=abc&draftId=d", "Invalid token"],
    [
      "a token with another key",
      `?token=${sign({ userId: "ada" }, `${SECRET}!`)}&draftId=d`,
      "Invalid token",
    ],
    ["an expired token", `?token=${tokenOf("ada", { exp: 1_600_000_000 })}&draftId=d`, "Token expired"],
  ])("[DR2] [DR18] %s: close 1008, one ws.error, and no token in any line", async (_name, query, reason) => {
    const { port, drafts, lines, logged } = await start();
    const socket = connect(port, query);
    expect(await socket.ended()).toEqual({ code: 1008, reason });
    await eventually(() => expect(logged("ws.disconnect")).toHaveLength(1));
    expect(logged("ws.error")).toEqual([
      expect.objectContaining({
        level: "error",
        error: reason,
        connectionId: expect.stringMatching(/^ws_\d+_/),
        context: expect.any(String),
      }),
    ]);
    expect([logged("ws.refuse"), socket.told, drafts.getConnectionsCount()]).toEqual([[], [], 0]);
    const token = new URLSearchParams(query).get("token");
    if (token) expect(JSON.stringify(lines)).not.toContain(token);
  });

  test("[DR2] a token of another firm: Access denied, and the draft is not touched", async () => {
    const { port } = await start();
    const ada = open(port, "ada");
    await ada.joined();
    const mallory = open(port, "mallory", "draft-789", tokenOf("mallory", { firmId: "firm-1" }));
    expect(await mallory.ended()).toEqual({ code: 1008, reason: "Access denied" });
    expect(mallory.told).toEqual([]);
    await ada.heard();
    expect(ada.all("yjs-update")).toEqual([]);
  });

  test("[DR15] a token that ends: close 1008, and what comes afterwards is not heard", async () => {
    const { port } = await start();
    const bob = open(port, "bob");
    await bob.joined();
    const ada = open(port, "ada", "draft-789", tokenOf("ada", { exp: Date.now() / 1_000 + 1 }));
    expect(await ada.ended()).toEqual({ code: 1008, reason: "Token expired" });
    ada.text.insert(0, "late");
    await bob.heard();
    expect(bob.text.toString()).toBe("");
  });
});

describe("bad messages", () => {
  test.each<[string, string | object, RegExp]>([
    ["malformed JSON", "{", /^MALFORMED_MESSAGE: /],
    ["JSON that is no object", "[]", /^MALFORMED_MESSAGE: /],
    ["no type", {}, /^MALFORMED_MESSAGE: /],
    ["an unknown type", { type: "cursor" }, /^UNKNOWN_MESSAGE: /],
    ["a number that is no byte", { type: "yjs-update", data: [1, 256] }, /^MALFORMED_MESSAGE: .*data\[1\]/],
    ["a word among the numbers", { type: "yjs-update", data: [1, "2"] }, /^MALFORMED_MESSAGE: .*data\[1\]/],
    ["an update without data", { type: "yjs-update" }, /^MALFORMED_MESSAGE: /],
    ["bytes that are no update", { type: "yjs-update", data: [1, 2, 3] }, /^UPDATE_INVALID: /],
    ["an empty update", { type: "yjs-update", data: [] }, /^UPDATE_INVALID: /],
  ])("[DR9] [DR10] %s is told by error, and the connection stays", async (_name, message, error) => {
    const { port } = await start();
    const [ada, bob] = [open(port, "ada"), open(port, "bob")];
    await Promise.all([ada.joined(), bob.joined()]);
    ada.send(message);
    await eventually(() =>
      expect(ada.told.slice(1)).toEqual([{ type: "error", error: expect.stringMatching(error) }]),
    );
    ada.text.insert(0, "goes on");
    await bob.reads("goes on");
    expect([ada.isOpen(), bob.all("error")]).toEqual([true, []]);
  });
});

describe("what operators see", () => {
  test("[DR18] connect, update and disconnect have the fields of the protocol's document", async () => {
    const { port, logged } = await start();
    const [ada, bob] = [open(port, "user-123"), open(port, "bob")];
    await Promise.all([ada.joined(), bob.joined()]);
    const [line] = logged("ws.connect").filter(({ userId }) => userId === "user-123");
    expect(line).toMatchObject({
      level: "info",
      action: "ws.connect",
      userId: "user-123",
      firmId: "firm-456",
      draftId: "draft-789",
      connectionId: expect.stringMatching(/^ws_\d+_\w+$/),
    });
    ada.text.insert(0, "x");
    await bob.reads("x");
    await eventually(() =>
      expect(logged("yjs.update")).toEqual([
        {
          level: "debug",
          action: "yjs.update",
          draftId: "draft-789",
          fromUserId: "user-123",
          clientCount: 2,
          updateSize: bob.all("yjs-update")[0]?.data?.length,
          connectionId: line?.connectionId,
        },
      ]),
    );
    ada.ws.close();
    await eventually(() =>
      expect(logged("ws.disconnect")).toEqual([
        expect.objectContaining({
          level: "info",
          userId: "user-123",
          connectionId: line?.connectionId,
          reason: "Client closed connection",
        }),
      ]),
    );
    bob.send({ type: "cursor" });
    await eventually(() =>
      expect(logged("ws.unknown")).toEqual([expect.objectContaining({ level: "warn" })]),
    );
  });

  test("[DR19] connections and rooms are counted, by the endpoint and on /api/health", async () => {
    const { port, drafts } = await start();
    const clients = [open(port, "ada"), open(port, "bob"), open(port, "ada", "draft-1")];
    await Promise.all(clients.map((one) => one.joined()));
    expect([drafts.getConnectionsCount(), drafts.getRoomsCount()]).toEqual([3, 2]);
    const health = await (await fetch(`http://127.0.0.1:${port}/api/health`)).json();
    expect(health).toMatchObject({ status: "ok", websocket: { connections: 3, rooms: 2 } });
    for (const { ws } of clients) ws.close();
    await eventually(() => expect([drafts.getConnectionsCount(), drafts.getRoomsCount()]).toEqual([0, 0]));
  });
});

test("[DR17] a draft client, a y-websocket provider and a native client of one document see each other's edits", async () => {
  const { app, port } = await start();
  const plain = open(port, "ada", "plan");
  const stock = new Y.Doc();
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, "plan", stock, {
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
    params: { token: tokenOf("bob") },
  });
  onTestFinished(() => provider.destroy());
  const plex = createClient<typeof app>({
    url: `ws://127.0.0.1:${port}/ws`,
    token: () => tokenOf("cyd"),
    WebSocket: WebSocket as never,
  });
  onTestFinished(() => plex.close());
  const native = plex.doc("page", { id: "plan" });
  const texts = [plain.text, stock.getText("text"), native.doc.getText("text")];
  const allRead = (...words: string[]) =>
    eventually(() => {
      for (const text of texts) for (const word of words) expect(text.toString()).toContain(word);
      expect(new Set(texts.map(String)).size).toBe(1);
    });
  await plain.joined();
  await eventually(() => expect(provider.synced).toBe(true));
  provider.awareness.setLocalStateField("cursor", 1);
  for (const [at, text] of texts.entries()) {
    text.insert(0, `${["plain", "stock", "native"][at]} `);
    await allRead(...["plain", "stock", "native"].slice(0, at + 1));
  }
  await native.whenSaved();
  // All at once.
  for (const [at, text] of texts.entries()) text.insert(text.length, `${["eins", "zwei", "drei"][at]} `);
  await allRead("eins", "zwei", "drei");
  // Cursors are not part of this protocol.
  expect(new Set(plain.told.map(({ type }) => type))).toEqual(new Set(["yjs-state-response", "yjs-update"]));
});
