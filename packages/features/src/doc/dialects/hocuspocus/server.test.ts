import { createMemoryStorage, systemRandom } from "@plexline/server";
import {
  createFaultyStorage,
  createTestServer,
  type RawClient,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { writeAwareness } from "../../awareness/codec.ts";
import { doc } from "../../server.ts";
import { hocuspocus } from "./endpoint.ts";
import {
  authenticatedOf,
  authOf,
  awarenessOf,
  broadcastOf,
  EMPTY,
  frameOf,
  leaveOf,
  leftOf,
  queryOf,
  statelessOf,
  statusOf,
  step1Of,
  step2Of,
  tokenRequestOf,
  updateOf,
} from "./frame.fixture.ts";

// The dialect on a server whose time, storage and network the test controls.

async function start(options: Partial<TestServerOptions> = {}) {
  const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
  const server = await createTestServer({ topics: { page: doc("doc:{id}") }, storage, ...options });
  onTestFinished(() => server.close());
  const endpoint = hocuspocus();
  const open = () => server.open({ endpoint });
  /** A client that is in, and whose first sync is over. */
  const join = async (user: string, address = "plan", principal = {}) => {
    const client = await open();
    await enter(client, server.issue(user, principal), address);
    return client;
  };
  const enter = async (client: RawClient, token: string, address: string) => {
    client.send(authOf(address, token, "4.8.0"));
    client.send(step1Of(address));
    await server.settle(100);
    client.send(step2Of(address));
    await server.settle(100);
  };
  const record = (editors: string[], viewers: string[] = []) =>
    server.app.records.set({
      topic: "doc:plan",
      tenant: "default",
      clearance: 0,
      owner: "zoe",
      editors,
      viewers,
      openToTenant: false,
    });
  return { server, storage, open, join, enter, record };
}

const framesOf = (client: RawClient) => client.received.filter((one) => one instanceof Uint8Array);
const plain = (frame: Uint8Array) => Uint8Array.from(frame);
/** What has come since a look before. */
const since = (client: RawClient, from: number) =>
  client.received.slice(from).flatMap((one) => (one instanceof Uint8Array ? [plain(one)] : []));
const textsOf = (client: RawClient) => framesOf(client).map((frame) => new TextDecoder().decode(frame));

/** An update for each letter that a client id types. */
function insertions(clientId: number, letters: string): Uint8Array[] {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  const updates: Uint8Array[] = [];
  ydoc.on("update", (update) => updates.push(update));
  for (const [at, letter] of [...letters].entries()) ydoc.getText("text").insert(at, letter);
  return updates;
}

describe("a Hocuspocus connection", () => {
  test("[HP2] [HP4] [HP6] [HP8] what is sent with the token is heard after it, in the order of the handshake", async () => {
    const { server, open } = await start();
    const ada = await open();
    const [update] = insertions(1, "x");
    ada.send(updateOf("plan", update!));
    ada.send(authOf("plan", server.issue("ada"), "4.8.0"));
    ada.send(step1Of("plan"));
    await server.settle(100);
    const frames = since(ada, 0);
    expect(frames[0]).toEqual(authenticatedOf("plan"));
    const kinds = frames.slice(1).map((frame) => [frame[5], frame[6]]);
    expect(kinds[0]).toEqual([0, 0]);
    expect(kinds.at(-1)).toEqual([0, 1]);
    // The update came before the sync, whose status is the one that counts.
    expect(frames).not.toContainEqual(statusOf("plan", 1));
    ada.send(step2Of("plan"));
    await server.settle(100);
    expect(since(ada, frames.length)).toEqual([statusOf("plan", 1)]);
  });

  test("[HP1] [HP8] addresses of one document are told on their own; nobody gets its own update back", async () => {
    const { server, join, enter } = await start();
    const bob = await join("bob");
    const ada = await join("ada", "plan\0x");
    await enter(ada, server.issue("ada"), "plan\0y");
    const [atAda, atBob] = [ada.received.length, bob.received.length];
    const updates = insertions(1, "xy");
    for (const update of updates) ada.send(updateOf("plan\0x", update));
    await server.settle(200);
    const told = since(ada, atAda);
    expect(told).toHaveLength(4);
    for (const update of updates) expect(told).toContainEqual(updateOf("plan\0y", update));
    expect(told.filter((frame) => String(frame) === String(statusOf("plan\0x", 1)))).toHaveLength(2);
    expect(since(bob, atBob)).toEqual(updates.map((update) => updateOf("plan", update)));
    const [his] = insertions(2, "z");
    bob.send(updateOf("plan", his!));
    await server.settle(200);
    expect(since(ada, atAda + 4)).toEqual([updateOf("plan\0x", his!), updateOf("plan\0y", his!)]);
  });

  test("[HP8] no status comes before the commit, and one for each update after it", async () => {
    const { server, storage, join } = await start();
    const ada = await join("ada");
    const from = ada.received.length;
    storage.hold();
    for (const update of insertions(1, "xyz")) ada.send(updateOf("plan", update));
    await server.settle(5_000);
    expect(since(ada, from)).toEqual([]);
    storage.release();
    await server.settle(200);
    expect(since(ada, from)).toEqual(Array(3).fill(statusOf("plan", 1)));
  });

  test("[HP11] what was written before the sync began and comes after it has no status of its own", async () => {
    const { server, storage, open } = await start();
    const ada = await open();
    const ydoc = new Y.Doc();
    const updates: Uint8Array[] = [];
    ydoc.on("update", (update) => updates.push(update));
    const text = ydoc.getText("text");
    text.insert(0, "a");
    text.insert(1, "b");
    text.delete(0, 1);
    const vector = Y.encodeStateVector(ydoc);
    text.insert(1, "c");
    text.insert(2, "d");
    const [a, b, deletion, c, d] = updates as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    ada.send(authOf("plan", server.issue("ada"), "4.8.0"));
    ada.send(step1Of("plan", vector));
    await server.settle(100);
    const from = ada.received.length;
    for (const update of [a, Y.mergeUpdates([b, c]), deletion]) ada.send(updateOf("plan", update));
    await server.settle(500);
    // All is durable, but a status would be taken for the sync's.
    expect(since(ada, from)).toEqual([]);
    storage.hold();
    ada.send(updateOf("plan", d));
    ada.send(step2Of("plan", Y.encodeStateAsUpdate(ydoc)));
    await server.settle(500);
    expect(since(ada, from)).toEqual([]);
    storage.release();
    await server.settle(500);
    // For the edit that was made after the sync began, and for the sync.
    expect(since(ada, from)).toEqual([statusOf("plan", 1), statusOf("plan", 1)]);
    // It has answered: from here on all is counted, also what only deletes.
    text.delete(0, 1);
    ada.send(updateOf("plan", updates.at(-1)!));
    await server.settle(500);
    expect(since(ada, from + 2)).toEqual([statusOf("plan", 1)]);
    // Another sync of the same connection has no backlog.
    ada.send(step1Of("plan", Y.encodeStateVector(ydoc)));
    await server.settle(500);
    const again = ada.received.length;
    text.delete(0, 1);
    ada.send(updateOf("plan", updates.at(-1)!));
    await server.settle(500);
    expect(since(ada, again)).toEqual([statusOf("plan", 1)]);
  });

  test("[HP8] an update in a gap has its status when it is covered, and the answer that covers it none", async () => {
    const { server, join } = await start();
    const ada = await join("ada");
    const [first, second] = insertions(1, "xy");
    const from = ada.received.length;
    ada.send(updateOf("plan", second!));
    await server.settle(1_000);
    expect(since(ada, from)).toEqual([step1Of("plan")]);
    ada.send(step2Of("plan", Y.mergeUpdates([first!, second!])));
    await server.settle(1_000);
    expect(since(ada, from + 1)).toEqual([statusOf("plan", 1)]);
  });

  test("[HP7] [HP9] what a failed commit lost is asked for, and its statuses follow the answer", async () => {
    const { server, storage, join } = await start();
    const ada = await join("ada");
    const updates = insertions(1, "xy");
    const from = ada.received.length;
    storage.fail(1);
    for (const update of updates) ada.send(updateOf("plan", update));
    await server.settle(5_000);
    const asked = since(ada, from);
    expect(asked.length).toBeGreaterThan(0);
    for (const frame of asked) expect(frame).toEqual(step1Of("plan"));
    for (const _ of asked) ada.send(step2Of("plan", Y.mergeUpdates(updates)));
    await server.settle(1_000);
    // The room may ask once more: of its requests it ties the oldest to the answer.
    const statuses = since(ada, from).filter((frame) => frame[5] === 8);
    expect(statuses).toEqual([statusOf("plan", 1), statusOf("plan", 1)]);
  });

  test("[HP9] what is under way while another address joins has its one status all the same", async () => {
    const { server, storage, join } = await start();
    const ada = await join("ada", "plan\0x");
    storage.hold();
    const [update] = insertions(1, "x");
    const from = ada.received.length;
    ada.send(updateOf("plan\0x", update!));
    ada.send(authOf("plan\0y", server.issue("ada"), "4.8.0"));
    ada.send(step1Of("plan\0y"));
    await server.settle(500);
    const early = since(ada, from).map(String);
    expect(early.filter((frame) => frame.startsWith(String(frameOf("plan\0x", [0, 0]))))).toHaveLength(1);
    ada.send(step2Of("plan\0x"));
    ada.send(step2Of("plan\0y"));
    await server.settle(500);
    const status = String(statusOf("plan\0x", 1));
    expect(since(ada, from).map(String)).not.toContain(status);
    storage.release();
    await server.settle(500);
    const late = since(ada, from).map(String);
    expect(late.filter((frame) => frame === status)).toHaveLength(1);
    expect(late.filter((frame) => frame === String(statusOf("plan\0y", 1)))).toHaveLength(1);
  });

  test("[HP10] an update that is refused has status 0, and the connection goes on", async () => {
    const { server, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    ada.send(updateOf("plan", insertions(1, "x")[0]!));
    await server.settle(200);
    const from = bob.received.length;
    bob.send(updateOf("plan", insertions(1, "mine")[3]!));
    bob.send(updateOf("plan", Uint8Array.of(9, 9, 9)));
    bob.send(updateOf("plan", insertions(2, "y")[0]!));
    await server.settle(500);
    const statuses = since(bob, from).filter((frame) => frame[5] === 8);
    expect(statuses).toEqual([statusOf("plan", 0), statusOf("plan", 0), statusOf("plan", 1)]);
    expect(bob.closed).toBeUndefined();
  });

  test("[HP2] [HP13] a writer who becomes a reader is told, and has status 0; the other way round too", async () => {
    const { server, join, record } = await start();
    const bob = await join("bob");
    const updates = insertions(2, "xyz");
    await record([], ["bob"]);
    await server.settle(100);
    const from = bob.received.length;
    bob.send(updateOf("plan", updates[0]!));
    await server.settle(200);
    expect(since(bob, from)).toEqual([authenticatedOf("plan", "readonly"), statusOf("plan", 0)]);
    await record(["bob"]);
    await server.settle(100);
    bob.send(updateOf("plan", updates[0]!));
    await server.settle(200);
    expect(since(bob, from + 2)).toEqual([authenticatedOf("plan"), statusOf("plan", 1)]);
  });

  test("[HP13] a reader's answer without news has status 1, one with an edit or a deletion of its own 0", async () => {
    const { server, join, open, record } = await start();
    const ada = await join("ada");
    const hers = new Y.Doc();
    hers.getText("text").insert(0, "hello");
    hers.getText("text").delete(0, 1);
    ada.send(updateOf("plan", Y.encodeStateAsUpdate(hers)));
    await server.settle(200);
    await record(["ada"], ["rae"]);
    await server.settle(100);
    const copy = () => {
      const ydoc = new Y.Doc();
      Y.applyUpdate(ydoc, Y.encodeStateAsUpdate(hers));
      return ydoc;
    };
    const [same, inserts, deletes, fresh] = [copy(), copy(), copy(), new Y.Doc()];
    inserts.getText("text").insert(0, "!");
    deletes.getText("text").delete(0, 1);
    for (const [ydoc, status] of [
      [same, 1],
      [inserts, 0],
      [deletes, 0],
      [fresh, 1],
    ] as const) {
      const rae = await open();
      rae.send(authOf("plan", server.issue("rae"), "4.8.0"));
      rae.send(step1Of("plan", Y.encodeStateVector(ydoc)));
      await server.settle(200);
      expect(since(rae, 0)[0]).toEqual(authenticatedOf("plan", "readonly"));
      const asked = since(rae, 0).find((frame) => frame[5] === 0 && frame[6] === 0)!;
      const from = rae.received.length;
      rae.send(step2Of("plan", Y.encodeStateAsUpdate(ydoc, asked.subarray(8))));
      await server.settle(200);
      expect(since(rae, from)).toEqual([statusOf("plan", status)]);
    }
  });

  test("[HP14] every address is asked for a token in time, and a new one keeps the connection", async () => {
    const { server, join, enter } = await start();
    const short = { expiresAtMs: server.clock.nowMs() + 50_000 };
    const token = server.issue("ada", short);
    const ada = await join("ada", "plan", short);
    await enter(ada, token, "memo");
    const from = ada.received.length;
    await server.settle(42_000);
    const asked = since(ada, from).filter((frame) => frame.length > 1);
    expect(asked).toEqual([tokenRequestOf("plan"), tokenRequestOf("memo")]);
    ada.send(authOf("plan", server.issue("ada"), "4.8.0"));
    await server.settle(60_000);
    expect(ada.closed).toBeUndefined();
    const bob = await join("bob", "plan", { expiresAtMs: server.clock.nowMs() + 5_000 });
    await server.settle(6_000);
    expect(await bob.ended()).toMatchObject({ code: 4401, reason: expect.stringMatching(/^TOKEN_EXPIRED/) });
  });

  test("[HP15] a connection that is idle is pinged; one of an older provider is sent nobody's awareness", async () => {
    const { server, join, open } = await start();
    const ada = await join("ada");
    const old = await open();
    old.send(authOf("plan", server.issue("bob")));
    await server.settle(100);
    for (let round = 0; round < 3; round += 1) {
      const [atAda, atOld] = [ada.received.length, old.received.length];
      await server.settle(14_000);
      expect(since(ada, atAda)).toEqual([Uint8Array.of(9)]);
      expect(since(old, atOld)).toEqual([awarenessOf("plan", Uint8Array.of(0))]);
      ada.send(Uint8Array.of(10));
    }
    expect([ada.closed, old.closed]).toEqual([undefined, undefined]);
  });

  test("[HP3] [HP5] a denied address is not heard, and may try again; the others go on", async () => {
    const { server, join } = await start();
    const ada = await join("ada");
    const from = ada.received.length;
    for (const [name, why] of [
      ["", /TOPIC_INVALID/],
      [" \t", /TOPIC_INVALID/],
      ["x".repeat(256), /TOPIC_INVALID/],
      ["with space", /TOPIC_INVALID/],
    ] as const) {
      const at = ada.received.length;
      ada.send(authOf(name, server.issue("ada"), "4.8.0"));
      ada.send(step1Of(name));
      await server.settle(100);
      expect(textsOf(ada).slice(at)).toEqual([expect.stringMatching(why)]);
    }
    ada.send(authOf("memo", server.issue("bob"), "4.8.0"));
    for (let n = 0; n < 2_000; n += 1) ada.send(step1Of("memo"));
    await server.settle(60_000);
    expect(textsOf(ada).filter((text) => text.includes("permission-denied: FORBIDDEN"))).toHaveLength(1);
    ada.send(authOf("memo", server.issue("ada"), "4.8.0"));
    ada.send(step1Of("memo"));
    await server.settle(100);
    expect(since(ada, from)).toContainEqual(authenticatedOf("memo"));
    expect(ada.closed).toBeUndefined();
  });

  test("[HP4] what waits for a token is bounded", async () => {
    const { server, open } = await start();
    const eve = await open();
    for (let n = 0; n < 40; n += 1) eve.send(updateOf("plan", new Uint8Array(60_000)));
    await server.settle(1_000);
    expect(await eve.ended()).toMatchObject({ code: 1013, reason: expect.stringMatching(/^OVERLOADED/) });
    const many = await open();
    for (let n = 0; n < 120; n += 1) many.send(step1Of(`plan-${n}`));
    many.send(authOf("one-more", server.issue("ada"), "4.8.0"));
    await server.settle(1_000);
    expect(textsOf(many)).toEqual([expect.stringMatching(/permission-denied: SUBSCRIPTIONS_MAX/)]);
  });

  test("[HP18] access that is taken away is denied on all addresses of the document, and on no other", async () => {
    const { server, join, enter, record } = await start();
    const ada = await join("ada", "plan\0x");
    const token = server.issue("ada");
    await enter(ada, token, "plan\0y");
    await enter(ada, token, "memo");
    const from = ada.received.length;
    await record([]);
    await server.settle(100);
    expect(textsOf(ada).slice(from)).toEqual([
      expect.stringContaining("plan\0x\u0002\u0001"),
      expect.stringContaining("plan\0y\u0002\u0001"),
    ]);
    const at = ada.received.length;
    ada.send(updateOf("plan\0x", insertions(1, "x")[0]!));
    ada.send(updateOf("memo", insertions(1, "x")[0]!));
    await server.settle(200);
    expect(since(ada, at)).toEqual([statusOf("memo", 1)]);
  });

  test("[HP17] leaving an address removes its cursor, leaves the others, and is answered", async () => {
    const { server, join, enter } = await start();
    const bob = await join("bob");
    const ada = await join("ada", "plan\0x");
    await enter(ada, server.issue("ada"), "plan\0y");
    const state = new TextEncoder().encode("{}");
    const shown = writeAwareness([{ client: 7, clock: 3, state }]);
    ada.send(awarenessOf("plan\0x", shown));
    await server.settle(100);
    expect(since(ada, 0)).toContainEqual(awarenessOf("plan\0y", shown));
    const [atAda, atBob] = [ada.received.length, bob.received.length];
    ada.send(leaveOf("plan\0x"));
    await server.settle(100);
    const gone = writeAwareness([{ client: 7, clock: 3, state: null }]);
    expect(since(ada, atAda)).toContainEqual(leftOf("plan\0x"));
    expect(since(ada, atAda)).toContainEqual(awarenessOf("plan\0y", gone));
    expect(since(bob, atBob)).toEqual([awarenessOf("plan", gone)]);
    ada.send(leaveOf("plan\0y"));
    await server.settle(100);
    expect(server.app.stats()).toMatchObject({ connections: 2, subscriptions: 1 });
  });

  test("[HP16] [HP19] stateless goes to the others; broadcast stateless and unknown types are ignored", async () => {
    const { server, join } = await start();
    const [ada, bob] = [await join("ada"), await join("bob")];
    const [atAda, atBob] = [ada.received.length, bob.received.length];
    ada.send(broadcastOf("plan", "no"));
    ada.send(frameOf("plan", [77]));
    ada.send(statelessOf("plan", "x".repeat(20_000)));
    ada.send(statelessOf("plan", "yes"));
    ada.send(queryOf("plan"));
    await server.settle(100);
    expect(since(bob, atBob)).toEqual([statelessOf("plan", "yes")]);
    expect(since(ada, atAda)).toEqual([awarenessOf("plan", Uint8Array.of(0))]);
  });

  test.each([
    ["text", "hello"],
    ["a cut-off frame", Uint8Array.of(4, 112)],
    ["an update that is cut off", Uint8Array.of(1, 112, 0, 2, 9, 1)],
    ["an address that is too long", frameOf("x".repeat(1_025), [3])],
    ["bytes behind its end", Uint8Array.of(...step2Of("plan", EMPTY), 0)],
  ])("[HP19] %s closes with 4400 and the reason", async (_what, message) => {
    const { server, join } = await start();
    const ada = await join("ada");
    ada.send(message as Uint8Array<ArrayBuffer>);
    await server.settle(100);
    expect(await ada.ended()).toMatchObject({
      code: 4400,
      reason: expect.stringMatching(/^MALFORMED_MESSAGE/),
    });
  });

  test("[HP20] what comes too fast is taken all the same", async () => {
    const { server, join } = await start();
    const ada = await join("ada");
    const from = ada.received.length;
    for (const update of insertions(1, "z".repeat(400))) ada.send(updateOf("plan", update));
    await server.settle(20_000);
    const statuses = since(ada, from).filter((frame) => frame.length > 1);
    expect(statuses).toEqual(Array(400).fill(statusOf("plan", 1)));
    expect(ada.closed).toBeUndefined();
  });
});
