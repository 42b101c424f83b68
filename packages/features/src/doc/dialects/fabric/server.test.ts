import { createMemoryStorage, type Endpoint, systemRandom } from "@plexline/server";
import { createFaultyStorage, createTestServer, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { decodeBase64, encodeBase64 } from "../../../encoding/base64.ts";
import { doc } from "../../server.ts";
import { fabric } from "./endpoint.ts";

// The dialect on a server whose time, storage and network the test controls.

interface Heard {
  readonly type: string;
  readonly documentId?: string;
  readonly clientID?: string;
  readonly code?: string;
  readonly message?: string;
  readonly data?: unknown;
  readonly stateVector?: string;
}

async function start(options: Partial<TestServerOptions> = {}) {
  const server = await createTestServer({ topics: { page: doc("doc:{id}") }, ...options });
  onTestFinished(() => server.close());
  const shared = fabric();
  /** The in-memory network has no queries: the test says what a client's would be. */
  const endpointFor = (clientID: string): Endpoint => ({
    ...shared,
    onConnect: (ws, request) =>
      shared.onConnect?.(ws, { ...request, query: new URLSearchParams({ documentId: "1", clientID }) }),
  });
  const open = async (user: string, principal = {}) => {
    const token = server.issue(user, principal);
    const client = await server.open({ token, endpoint: endpointFor(user) });
    await server.settle(100);
    const say = async (type: string, data?: unknown) => {
      client.send({ type, documentId: "1", clientID: user, data });
      await server.settle(100);
    };
    const heard = () => client.received as unknown as readonly Heard[];
    const all = (type: string) => heard().filter((message) => message.type === type);
    /** Asks for the document and waits for it, which a worker thread may have to make first. */
    const sync = async (data?: unknown) => {
      const before = all("sync").length;
      await say("sync", data);
      await vi.waitFor(
        async () => {
          await server.settle(1);
          expect(all("sync").length).toBeGreaterThan(before);
        },
        { timeout: 10_000, interval: 5 },
      );
      return all("sync").at(-1) as Heard;
    };
    return { client, say, sync, heard, all };
  };
  return { server, open };
}

/** A document of one insertion by a client id. */
function insertion(clientId: number, text: string): Y.Doc {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  ydoc.getText("text").insert(0, text);
  return ydoc;
}

const updateOf = (ydoc: Y.Doc) => encodeBase64(Y.encodeStateAsUpdate(ydoc));
const bytesOf = (data: unknown) => decodeBase64(String(data)) as Uint8Array;

/** The text that the updates of messages make together. */
function textOf(messages: readonly Heard[]): string {
  const ydoc = new Y.Doc();
  for (const { type, data } of messages)
    if (type === "sync" || type === "update") Y.applyUpdate(ydoc, bytesOf(data));
  return ydoc.getText("text").toString();
}

const record = (members: { clearance?: number; editors?: string[]; viewers?: string[] }) => ({
  topic: "doc:1",
  tenant: "default",
  clearance: 0,
  owner: "ada",
  editors: [],
  viewers: [],
  openToTenant: false,
  ...members,
});

describe("a fabric connection", () => {
  test("[FB8] one sync has the whole document, whatever the question was", async () => {
    const { open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    const hers = insertion(1, "one ");
    await ada.say("update", updateOf(hers));
    const his = new Y.Doc();
    Y.applyUpdate(his, bytesOf(bob.all("update")[0]?.data));
    his.getText("text").insert(4, "two");
    await bob.say("update", encodeBase64(Y.encodeStateAsUpdate(his, Y.encodeStateVector(hers))));
    const answer = await bob.sync([...Y.encodeStateVector(his)]);
    expect([textOf([answer]), bob.all("sync").length]).toEqual(["one two", 1]);
    const cyd = await open("cyd");
    expect(textOf([await cyd.sync()])).toBe("one two");
    expect(cyd.all("update")).toEqual([]);
  });

  test("[FB9] a client that answers the server brings what it wrote while it was away", async () => {
    const { open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    const offline = insertion(1, "while away");
    const { data, stateVector } = await ada.sync([...Y.encodeStateVector(offline)]);
    Y.applyUpdate(offline, bytesOf(data));
    await ada.say("sync", encodeBase64(Y.encodeStateAsUpdate(offline, bytesOf(stateVector))));
    expect(textOf(bob.all("update"))).toBe("while away");
    expect([ada.all("error"), ada.all("sync").length]).toEqual([[], 1]);
  });

  test.each(["update", "sync"])(
    "[FB9] of a whole document, sent by %s, what the server has only the beginning of is taken as well",
    async (type) => {
      const { server, open } = await start();
      const [ada, bob] = [await open("ada"), await open("bob")];
      const hers = insertion(1, "hel");
      await ada.say("update", updateOf(hers));
      const his = new Y.Doc();
      Y.applyUpdate(his, bytesOf(bob.all("update")[0]?.data));
      his.getText("text").insert(3, " you");
      await bob.say("update", encodeBase64(Y.encodeStateAsUpdate(his, Y.encodeStateVector(hers))));
      ada.client.close();
      // One struct of which the server has three letters; the client has not heard of Bob's.
      hers.getText("text").insert(3, "lo");
      const back = await open("ada");
      await back.say(type, updateOf(hers));
      expect([back.all("error"), bob.all("error"), bob.all("update").length]).toEqual([[], [], 2]);
      Y.applyUpdate(his, bytesOf(bob.all("update")[1]?.data));
      expect(his.getText("text").toString()).toMatch(/^hel(lo you| youlo)$/);

      await server.close();
      const again = await start({ storage: server.storage, clock: server.clock });
      const cyd = await again.open("cyd");
      expect(textOf([await cyd.sync()])).toBe(his.getText("text").toString());
    },
  );

  test("[FB9] a client that ignores the question, and applies every sync, is served all the same", async () => {
    const { open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    expect(await ada.sync()).toHaveProperty("stateVector");
    await ada.say("update", updateOf(insertion(1, "x")));
    expect(textOf([await bob.sync()])).toBe("x");
    expect(() => textOf(ada.heard())).not.toThrow();
  });

  test("[FB16] [FB9] an update that a failed commit lost is told, asked for, and taken again", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const { server, open } = await start({ storage });
    const ada = await open("ada");
    const { stateVector: question } = await ada.sync();
    await ada.say("sync", encodeBase64(Y.encodeStateAsUpdate(new Y.Doc(), bytesOf(question))));
    storage.fail(1);
    const hers = insertion(1, "lost and found");
    await ada.say("update", updateOf(hers));
    await server.settle(5_000);
    expect(ada.all("error")).toMatchObject([{ documentId: "1", code: "STORAGE_UNAVAILABLE" }]);
    const asked = ada.all("sync").at(-1);
    expect(asked).toMatchObject({ data: "AAA=", stateVector: "AA==" });
    await ada.say("sync", encodeBase64(Y.encodeStateAsUpdate(hers, bytesOf(asked?.stateVector))));
    const bob = await open("bob");
    expect(textOf([await bob.sync()])).toBe("lost and found");
    expect(ada.client.closed).toBeUndefined();
  });

  test("[FB16] an update in a gap is told when nobody has what is missing", async () => {
    const { server, open } = await start();
    const ada = await open("ada");
    const ydoc = new Y.Doc();
    ydoc.clientID = 1;
    ydoc.getText("text").insert(0, "a");
    const before = Y.encodeStateVector(ydoc);
    ydoc.getText("text").insert(1, "b");
    await ada.say("update", encodeBase64(Y.encodeStateAsUpdate(ydoc, before)));
    await server.settle(40_000);
    expect(ada.all("error")).toMatchObject([{ code: "UPDATE_GAP" }]);
    expect(ada.client.closed).toBeUndefined();
  });

  test("[FB10] an awareness goes with its connection", async () => {
    const { server, open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    // One state: client id 7, clock 1, {}.
    await ada.say("awareness", [1, 7, 1, 2, 0x7b, 0x7d]);
    expect(bob.all("awareness").map(({ data }) => data)).toEqual([
      encodeBase64(Uint8Array.of(1, 7, 1, 2, 0x7b, 0x7d)),
    ]);
    const cyd = await open("cyd");
    expect(cyd.all("awareness")).toHaveLength(1);
    ada.client.close();
    await server.settle(10_000);
    const removal = bytesOf(bob.all("awareness").at(-1)?.data);
    expect(new TextDecoder().decode(removal.subarray(-4))).toBe("null");
    expect(ada.all("awareness")).toEqual([]);
  });

  test("[FB18] what comes too fast is taken all the same", async () => {
    const { server, open } = await start();
    const [ada, bob] = [await open("ada"), await open("bob")];
    for (let n = 0; n < 400; n += 1) ada.client.send({ type: "selection", documentId: "1", data: n });
    await server.settle(20_000);
    expect(bob.all("selection").map(({ data }) => data)).toEqual(Array.from({ length: 400 }, (_, n) => n));
    expect([ada.all("error"), ada.client.closed]).toEqual([[], undefined]);
  });

  test("[FB13] [FB14] a reader is denied edits, hears all, and shows selections", async () => {
    const { server, open } = await start();
    await server.app.records.set(record({ viewers: ["rae"] }));
    const [ada, rae] = [await open("ada"), await open("rae")];
    await rae.sync([0, 0]);
    await rae.say("update", updateOf(insertion(2, "no")));
    await rae.say("selection", { head: 1 });
    await ada.say("update", updateOf(insertion(1, "yes")));
    expect(rae.all("error")).toEqual(
      Array.from({ length: 2 }, () => ({ type: "error", message: "Access denied" })),
    );
    expect(rae.all("sync")).toHaveLength(1);
    expect(rae.all("sync")[0]).not.toHaveProperty("stateVector");
    expect(textOf(rae.all("update"))).toBe("yes");
    expect(ada.all("selection")).toMatchObject([{ clientID: "rae", data: { head: 1 } }]);
    expect(ada.all("update")).toEqual([]);
  });

  test("[FB17] a session that ends closes as Unauthorized, and nothing of it is left", async () => {
    const { server, open } = await start();
    const ada = await open("ada", { expiresAtMs: server.clock.nowMs() + 5_000 });
    await server.settle(6_000);
    expect(await ada.client.ended()).toEqual({ code: 4401, reason: "Unauthorized" });
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0, subscriptions: 0 });
  });
});
