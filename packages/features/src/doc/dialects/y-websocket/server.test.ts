import { createMemoryStorage, systemRandom } from "@plexline/server";
import {
  createFaultyStorage,
  createTestServer,
  type RawClient,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { doc } from "../../server.ts";
import { yWebsocket } from "./endpoint.ts";
import { encodeStep1, encodeStep2, encodeUpdate } from "./frame.ts";

// The dialect on a server whose time, storage and network the test controls.

const KEEP_ALIVE = Uint8Array.of(1, 1, 0);

async function start(options: Partial<TestServerOptions> = {}) {
  const server = await createTestServer({ topics: { page: doc("doc:{id}") }, ...options });
  onTestFinished(() => server.close());
  const endpoint = yWebsocket({ topic: () => "doc:1" });
  const open = async (user: string, principal = {}) => {
    const client = await server.open({ token: server.issue(user, principal), endpoint });
    await server.settle(100);
    return client;
  };
  return { server, open };
}

const framesOf = (client: RawClient) => client.received.filter((one) => one instanceof Uint8Array);
const isUpdate = (frame: Uint8Array) => frame[0] === 0 && frame[1] === 2;

/** An update of one insertion, by a client id. */
function insertion(clientId: number, text = "x"): Uint8Array<ArrayBuffer> {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  ydoc.getText("text").insert(0, text);
  return encodeUpdate(Y.encodeStateAsUpdate(ydoc)) as Uint8Array<ArrayBuffer>;
}

/** An update for each letter that a client id types. */
function insertions(clientId: number, letters: string): Uint8Array<ArrayBuffer>[] {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  const updates: Uint8Array<ArrayBuffer>[] = [];
  ydoc.on("update", (update) => updates.push(encodeUpdate(update) as Uint8Array<ArrayBuffer>));
  for (const [at, letter] of [...letters].entries()) ydoc.getText("text").insert(at, letter);
  return updates;
}

describe("a y-websocket connection", () => {
  test("[YW3] a writer is asked for what it has, and is told all there is", async () => {
    const { server, open } = await start();
    const ada = await open("ada");
    expect(framesOf(ada)).toEqual([encodeStep1(Uint8Array.of(0))]);
    ada.send(insertion(1));
    await server.settle(100);
    const bob = await open("bob");
    bob.send(encodeStep1(Uint8Array.of(0)) as Uint8Array<ArrayBuffer>);
    await server.settle(100);
    expect(framesOf(bob).slice(1)).toEqual([insertion(1), Uint8Array.of(0, 1, 2, 0, 0)]);
  });

  test("[YW9] updates go to others at once, and come back when they are durable and not before", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const { server, open } = await start({ storage });
    const [ada, bob] = [await open("ada"), await open("bob")];
    const updates = insertions(1, "xy");
    // The first of a client id is handed on only once it is durable.
    ada.send(updates[0]!);
    await server.settle(200);
    storage.hold();
    ada.send(updates[1]!);
    await server.settle(1_000);
    expect(framesOf(bob).filter(isUpdate)).toEqual(updates);
    expect(framesOf(ada).filter(isUpdate)).toEqual(updates.slice(0, 1));
    storage.release();
    await server.settle(200);
    expect(framesOf(ada).filter(isUpdate)).toEqual(updates);
  });

  test("[YW9] [YW12] what a failed commit lost does not come back; what is sent again does", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const { server, open } = await start({ storage });
    const ada = await open("ada");
    ada.send(encodeStep2(Uint8Array.of(0, 0)) as Uint8Array<ArrayBuffer>);
    await server.settle(500);
    storage.fail(1);
    ada.send(insertion(1));
    const before = ada.received.length;
    await server.settle(5_000);
    const later = framesOf(ada).slice(before);
    expect(later.filter(isUpdate)).toEqual([]);
    expect(later).toContainEqual(encodeStep1(Uint8Array.of(0)));
    expect(later.filter(([type]) => type === 2)).toEqual([]);
    ada.send(encodeStep2(bodyOf(insertion(1))) as Uint8Array<ArrayBuffer>);
    await server.settle(500);
    expect(framesOf(ada).slice(before).filter(isUpdate)).toEqual([insertion(1)]);
  });

  test("[YW9] [YW11] an update that is refused comes back to nobody; its sender is told why, and goes on", async () => {
    const { server, open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    ada.send(insertion(1));
    await server.settle(100);
    bob.send(insertion(1, "mine"));
    bob.send(encodeUpdate(Uint8Array.of(9, 9, 9)) as Uint8Array<ArrayBuffer>);
    bob.send(insertion(2, "y"));
    await server.settle(200);
    expect(framesOf(bob).filter(isUpdate)).toEqual([insertion(1), insertion(2, "y")]);
    expect(framesOf(ada).filter(isUpdate)).toEqual([insertion(1), insertion(2, "y")]);
    expect(framesOf(bob).filter(([type]) => type === 2)).toHaveLength(2);
    expect(bob.closed).toBeUndefined();
  });

  test("[YW14] one that is idle is sent something well before its client gives up", async () => {
    const { server, open } = await start();
    const ada = await open("ada");
    for (let n = 0; n < 4; n += 1) {
      const before = ada.received.length;
      await server.settle(20_000);
      expect(ada.received.slice(before)).toContainEqual(KEEP_ALIVE);
    }
    expect(ada.closed).toBeUndefined();
  });

  test("[YW15] what comes too fast is taken all the same", async () => {
    const { server, open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    const hers = new Y.Doc();
    hers.on("update", (update: Uint8Array) => ada.send(encodeUpdate(update) as Uint8Array<ArrayBuffer>));
    for (let n = 0; n < 400; n += 1) hers.getText("text").insert(n, "z");
    await server.settle(20_000);
    const his = new Y.Doc();
    for (const frame of framesOf(bob).filter(isUpdate)) Y.applyUpdate(his, bodyOf(frame));
    expect(his.getText("text").toString()).toBe("z".repeat(400));
    expect(ada.closed).toBeUndefined();
  });

  test("[YW16] a document that is taken away closes with 4403, a token that ends with 4401", async () => {
    const { server, open } = await start();
    const ada = await open("ada");
    const bob = await open("bob", { expiresAtMs: server.clock.nowMs() + 5_000 });
    await server.app.records.set({
      topic: "doc:1",
      tenant: "default",
      clearance: 0,
      owner: "cyd",
      editors: ["bob"],
      viewers: [],
      openToTenant: false,
    });
    await server.settle(100);
    expect(await ada.ended()).toMatchObject({ code: 4403, reason: expect.stringMatching(/^REVOKED/) });
    await server.settle(6_000);
    expect(await bob.ended()).toMatchObject({ code: 4401, reason: expect.stringMatching(/^TOKEN_EXPIRED/) });
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0, subscriptions: 0 });
  });

  test("[YW8] a writer who is made a reader is told with the next update, and keeps the rest", async () => {
    const { server, open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    await server.app.records.set({
      topic: "doc:1",
      tenant: "default",
      clearance: 0,
      owner: "ada",
      editors: [],
      viewers: ["bob"],
      openToTenant: false,
    });
    await server.settle(100);
    bob.send(insertion(2));
    bob.send(insertion(2));
    ada.send(insertion(1));
    await server.settle(100);
    expect(framesOf(bob).filter(([type]) => type === 2)).toHaveLength(1);
    expect(framesOf(bob).filter(isUpdate)).toEqual([insertion(1)]);
    expect(framesOf(ada).filter(isUpdate)).toEqual([insertion(1)]);
    expect(bob.closed).toBeUndefined();
  });
});

/** The update of an update's frame. */
function bodyOf(frame: Uint8Array): Uint8Array {
  let at = 2;
  while ((frame[at] ?? 0) >= 0x80) at += 1;
  return frame.subarray(at + 1);
}
