import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@plexline/features/client";
import { yWebsocket } from "@plexline/features/doc/y-websocket";
import { doc } from "@plexline/features/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { DOC_KIND } from "../../packages/features/src/doc/protocol.ts";
import {
  clockPoisoning,
  gapFlood,
  HOSTILE_UPDATES,
  section,
  sized,
  textItem,
  uint,
  update,
} from "../../packages/features/src/doc/update/hostile.fixture.ts";
import { readStoredDocuments } from "./oracle-documents/stored.mjs";
import { eventually, startServer, type TestServer } from "./server-fixture.ts";

// Somebody who may write sends everything that no client would, on both wires, to a document that others are typing into.

const TOPIC = "doc:novel";
const GAPS = 3_000;
const GAPS_WAITING = 256;
const NOBODY = 4_000_000_000;
const UPDATE_BYTES_MAX = 1024 * 1024;
/** As a sync-response it is allowed: that is how much a client may have written offline. */
const ALLOWED_AS_RESPONSE = "more structs than allowed";

/** What fits into an update; the rest may only be a first sync-response, and closes the connection anywhere else. */
const updates = HOSTILE_UPDATES.filter(({ bytes }) => bytes.length <= UPDATE_BYTES_MAX);
const responses = updates.filter(({ name }) => name !== ALLOWED_AS_RESPONSE);
const tooLong = HOSTILE_UPDATES.filter(({ bytes }) => bytes.length > UPDATE_BYTES_MAX);
const [manyIds] = tooLong.map(({ bytes }) => bytes) as [Uint8Array];
const stateVector = (clients: number) =>
  Uint8Array.from([
    ...uint(clients),
    ...Array.from({ length: clients }, (_, index) => [...uint(index), 1]).flat(),
  ]);
const awareness = (...states: readonly (readonly [client: number, clock: number, state: unknown])[]) =>
  Uint8Array.from([
    ...uint(states.length),
    ...states.flatMap(([client, clock, state]) => [
      ...uint(client),
      ...uint(clock),
      ...sized(JSON.stringify(state)),
    ]),
  ]);

/** What is done to others in their name: by update and by sync-response. */
function forgeries(victim: Y.Doc): Uint8Array[] {
  const clock = Y.getState(victim.store, victim.clientID);
  return [
    clockPoisoning(victim.clientID, clock, 2 ** 20),
    clockPoisoning(victim.clientID, clock + 1_000_000, 2 ** 20),
    update([section(victim.clientID, 0, [textItem("z".repeat(clock + 1_000))])]),
  ];
}

function awarenessFlood(victims: readonly Y.Doc[]): Uint8Array[] {
  return [
    ...victims.map(({ clientID }) => awareness([clientID, 1_000_000, null])),
    ...victims.map(({ clientID }) => awareness([clientID, 1_000_000, { name: "mallory" }])),
    awareness([NOBODY, 1, "x".repeat(10_000)]),
    ...Array.from({ length: 500 }, (_, index) => awareness([NOBODY + index, 1, {}])),
    Uint8Array.of(5, 1, 1),
    Uint8Array.of(...uint(2 ** 30)),
  ];
}

/** Types a word at a time, each as soon as the last one is saved, until told to stop. */
function startTyping(page: { doc: Y.Doc; whenSaved(): Promise<void> }, name: string) {
  let isStopped = false;
  const text = page.doc.getText("content");
  let words = 0;
  const done = (async () => {
    while (!isStopped) {
      text.insert((words * 7_919) % (text.length + 1), `${name}-${++words} `);
      await page.whenSaved();
    }
  })();
  done.catch(() => undefined); // told by `stop`
  return {
    async stop() {
      isStopped = true;
      await done;
      return words;
    },
  };
}

function openHonest(server: TestServer, user: string) {
  const client = createClient({
    url: server.url,
    WebSocket: WebSocket as never,
    token: () => server.token(user),
  });
  onTestFinished(() => client.close());
  const errors: string[] = [];
  const page = client.doc(TOPIC, { broadcast: false });
  page.on("error", ({ code }) => errors.push(code));
  page.on("status", ({ status }) => status === "disconnected" && errors.push(status));
  return { page, errors };
}

function openStock(server: TestServer, user: string) {
  const ydoc = new Y.Doc();
  const provider = new WebsocketProvider(`ws://127.0.0.1:${server.port}/yjs`, "novel", ydoc, {
    WebSocketPolyfill: WebSocket as never,
    params: { token: server.token(user) },
    disableBc: true,
  });
  onTestFinished(() => provider.destroy());
  const closes: unknown[] = [];
  provider.on("connection-close", (event) => closes.push(event?.code));
  return { provider, ydoc, closes };
}

/** An attacker on our own wire. */
async function attackNative(server: TestServer, victims: readonly Y.Doc[]) {
  const raw = server.raw();
  await raw.hello("mallory");
  raw.send({ type: "subscribe", ref: 1, topic: TOPIC, input: { parts: true } });
  const reply = await raw.first((message) => message.type === "reply" && message.ref === 1);
  const { alias } = (reply as unknown as { result: { alias: number } }).result;
  const send = (kind: number, payload: Uint8Array) =>
    raw.socket.send(Buffer.concat([Uint8Array.from([...uint(alias), ...uint(kind)]), payload]));
  const told = (code: string) =>
    raw.messages.filter((message) => message.type === "error" && message.error.code === code).length;

  send(DOC_KIND.syncResponse, manyIds);
  await raw.refusal("UPDATE_INVALID");
  for (const { bytes } of updates) send(DOC_KIND.update, bytes);
  for (const { bytes } of responses) send(DOC_KIND.syncResponse, bytes);
  await eventually(() => expect(told("UPDATE_INVALID")).toBe(1 + updates.length + responses.length));

  const forged = victims.flatMap(forgeries);
  for (const bytes of forged) send(DOC_KIND.update, bytes);
  await eventually(() => expect(told("CLIENT_ID_TAKEN")).toBe(forged.length));
  for (const bytes of awarenessFlood(victims)) send(DOC_KIND.awareness, bytes);
  await eventually(() => expect(told("PRESENCE_INVALID")).toBeGreaterThan(0));

  for (const bytes of [stateVector(100_000), Uint8Array.of(3, 1), Uint8Array.from([...uint(2 ** 40)])])
    send(DOC_KIND.syncRequest, bytes);
  send(77, Uint8Array.of());
  await raw.refusal("UNKNOWN_MESSAGE");

  for (const bytes of gapFlood(GAPS, NOBODY)) send(DOC_KIND.update, bytes);
  await eventually(() => expect(told("UPDATE_GAP")).toBeGreaterThanOrEqual(GAPS - GAPS_WAITING));

  send(DOC_KIND.update, manyIds);
  expect((await raw.closed).code).toBe(4413);
  return raw.messages.flatMap((message) => (message.type === "error" ? [message.error] : []));
}

const frame = (...parts: readonly (number | Uint8Array)[]) =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === "number"
        ? Uint8Array.of(part)
        : Buffer.concat([Uint8Array.from(uint(part.length)), part]),
    ),
  );

function openStockAttacker(server: TestServer) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/yjs/novel?token=${server.token("mallory")}`);
  onTestFinished(() => socket.terminate());
  const denials: string[] = [];
  socket.on("message", (data: Buffer) => data[0] === 2 && denials.push(data.subarray(3).toString()));
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const opened = new Promise((resolve) => socket.once("open", resolve));
  return { socket, denials, closed, opened };
}

/** The same on the wire of y-websocket, where a refusal is told by permission denied, once for each code, or by a close code. */
async function attackStock(server: TestServer, victims: readonly Y.Doc[]) {
  const { socket, denials, closed, opened } = openStockAttacker(server);
  await opened;
  const denied = (code: RegExp) => eventually(() => expect(denials.join("\n")).toMatch(code));
  socket.send(frame(0, 1, manyIds));
  for (const { bytes } of updates) socket.send(frame(0, 2, bytes));
  await denied(/is refused at byte/);
  for (const { bytes } of responses) socket.send(frame(0, 1, bytes));
  for (const bytes of victims.flatMap(forgeries)) socket.send(frame(0, 2, bytes));
  await denied(/client id/);
  for (const bytes of awarenessFlood(victims)) socket.send(frame(1, bytes));
  for (const bytes of gapFlood(GAPS, NOBODY + 1)) socket.send(frame(0, 2, bytes));
  socket.send(frame(0, 0, stateVector(100_000)));
  socket.send(frame(0, 2, manyIds));
  expect(await closed).toBe(4413);

  const codes: number[] = [];
  for (const bytes of [
    frame(0, 2).subarray(0, 2),
    frame(0),
    Buffer.of(0x80),
    Buffer.from([0, 2, 0x90, 0x4e, 1]),
  ]) {
    const next = openStockAttacker(server);
    await next.opened;
    next.socket.send(bytes);
    codes.push(await next.closed);
  }
  return codes;
}

test("everything hostile on both wires leaves a document and those who type into it alone [DC5] [DC8] [DC10] [DC13] [DC14] [YW6] [YW11]", async () => {
  const directory = await mkdtemp(join(tmpdir(), "plexline-hostile-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startServer({
    directory,
    topics: { doc: doc("doc:{name}", { compactAfterEntries: 50 }) },
    endpoints: [yWebsocket()],
    limits: { messagesPerSecondMax: 100_000, messagesBurstMax: 100_000 },
  });
  const [ada, bob] = [openHonest(server, "ada"), openHonest(server, "bob")];
  const cleo = openStock(server, "cleo");
  await Promise.all([ada.page.whenSynced(), bob.page.whenSynced()]);
  await eventually(() => expect(cleo.provider.synced).toBe(true));
  ada.page.awareness?.setLocalState({ name: "ada" });
  bob.page.awareness?.setLocalState({ name: "bob" });
  cleo.provider.awareness.setLocalState({ name: "cleo" });
  const typing = [startTyping(ada.page, "ada"), startTyping(bob.page, "bob")];
  cleo.ydoc.getText("content").insert(0, "cleo ");
  const docs = [ada.page.doc, bob.page.doc, cleo.ydoc];
  await eventually(() => {
    for (const { clientID } of docs) expect(Y.getState(ada.page.doc.store, clientID)).toBeGreaterThan(0);
  });

  const errors = await attackNative(server, docs);
  const codes = await attackStock(server, docs);
  expect(codes).toEqual([4400, 4400, 4400, 4400]);
  for (const { message, fix } of errors) expect([message, fix]).not.toContain("");

  const words = await Promise.all(typing.map(({ stop }) => stop()));
  cleo.ydoc.getText("content").insert(0, "still ");
  expect(Math.min(...words)).toBeGreaterThan(5);
  expect([ada.errors, bob.errors, cleo.closes]).toEqual([[], [], []]);
  await eventually(() => {
    for (const ydoc of docs) expect(contentOf(ydoc)).toEqual(contentOf(ada.page.doc));
  });
  expect(ada.page.doc.getText("content").toString()).toMatch(/^still /);
  for (const [index, name] of ["ada", "bob", "cleo"].entries())
    expect(ada.page.awareness?.getStates().get((docs[index] as Y.Doc).clientID)).toEqual({ name });
  const health = await fetch(`http://127.0.0.1:${server.port}/healthz`);
  expect(health.status).toBe(200);

  const fresh = openHonest(server, "dora");
  await fresh.page.whenSynced();
  await eventually(() => expect(contentOf(fresh.page.doc)).toEqual(contentOf(ada.page.doc)));
  await server.app.close({ graceMs: 0 });
  const [stored] = await readStoredDocuments(directory, ["novel"]);
  expect(contentOf(stored.log)).toEqual(contentOf(ada.page.doc));
  expect(contentOf(stored.folded)).toEqual(contentOf(ada.page.doc));
  expect(new Set(stored.entries.map(({ user }) => user))).toEqual(new Set(["ada", "bob", "cleo"]));
});

/** A document as bytes that do not depend on how it was put together. */
function contentOf(ydoc: Y.Doc): Buffer {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(ydoc));
  return Buffer.from(Y.encodeStateAsUpdate(copy));
}
