import { createMemoryStorage, systemRandom } from "@plexline/server";
import {
  createFaultyStorage,
  createSeededRandom,
  createTestClock,
  createTestServer,
  type RawClient,
  type TestServerOptions,
} from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { doc } from "../../server.ts";
import { scanUpdate } from "../../update/scan.ts";
import { fold as foldHere } from "../../worker/fold.ts";
import type { Folded, FoldJob } from "../../worker/jobs.ts";
import { draft } from "./endpoint.ts";

// The dialect on a server whose time, storage and network the test controls.

interface Told {
  readonly type: string;
  readonly data: readonly number[];
  readonly error?: string;
}

type Fold = (job: FoldJob) => Folded | Promise<Folded>;

async function start(options: Partial<TestServerOptions> = {}, fold: Fold = foldHere) {
  const page = doc("doc:{id}", {
    authorize: ({ principal }) => (principal.id === "eve" ? "read" : undefined),
    // On this thread: the virtual clock would run away from another one.
    worker: {
      scan: async (update, limits) => scanUpdate(update, limits),
      fold: async (job) => fold(job),
    },
  });
  const server = await createTestServer({ topics: { page }, ...options });
  onTestFinished(() => server.close());
  const drafts = draft();
  const query = new URLSearchParams("draftId=1");
  const endpoint: typeof drafts = {
    ...drafts,
    // The network of the test knows one URL.
    onConnect: (ws, request) => drafts.onConnect?.(ws, { ...request, query }),
  };
  const open = async (user: string, principal = {}) => {
    const client = await server.open({ token: server.issue(user, principal), endpoint });
    return createDraftClient(client);
  };
  const joined = async (user: string, principal = {}) => {
    const client = await open(user, principal);
    await server.settle(100);
    return client;
  };
  return { server, drafts, open, joined };
}

/** A client as the protocol's document has it: applies what it is sent, sends what it types. */
function createDraftClient(client: RawClient) {
  const ydoc = new Y.Doc();
  const told = () => client.received as unknown as readonly Told[];
  const all = (type: string) => told().filter((message) => message.type === type);
  const send = (type: string, data: Uint8Array) => client.send({ type, data: Array.from(data) });
  let isSending = true;
  ydoc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== client && isSending) send("yjs-update", update);
  });
  let applied = 0;
  /** Applies what came since the last time, in its order. */
  const apply = () => {
    for (const { type, data } of told().slice(applied))
      if (type.startsWith("yjs-")) Y.applyUpdate(ydoc, Uint8Array.from(data), client);
    applied = told().length;
  };
  return {
    client,
    ydoc,
    told,
    all,
    apply,
    errors: () => all("error").map(({ error }) => error),
    type: (text: string) => ydoc.getText("text").insert(ydoc.getText("text").length, text),
    /** Edits without a connection to send them on. */
    offline: (edit: () => void) => {
      isSending = false;
      edit();
      isSending = true;
    },
    /** Sends what the newest state lacks. */
    sendMissing: () => {
      const state = Uint8Array.from(all("yjs-state-response").at(-1)?.data ?? []);
      send("yjs-state-response", Y.encodeStateAsUpdate(ydoc, Y.encodeStateVectorFromUpdate(state)));
    },
    requestState: () => client.send({ type: "yjs-state-request" }),
    text: () => {
      apply();
      return ydoc.getText("text").toString();
    },
  };
}

describe("a draft connection", () => {
  test("[DR3] [DR5] gets the state first, then what others write, and never what it wrote itself", async () => {
    const { server, joined } = await start();
    const ada = await joined("ada");
    expect(ada.told()).toEqual([{ type: "yjs-state-response", data: [0, 0] }]);
    ada.type("one ");
    await server.settle(100);
    const bob = await joined("bob");
    bob.apply();
    bob.type("two");
    await server.settle(100);
    expect([ada.text(), bob.text()]).toEqual(["one two", "one two"]);
    expect(bob.told().map(({ type }) => type)).toEqual(["yjs-state-response"]);
    expect(ada.told().map(({ type }) => type)).toEqual(["yjs-state-response", "yjs-update"]);
  });

  test("[DR5] an update that comes twice goes to the others once", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    ada.type("x");
    const update = Array.from(Y.encodeStateAsUpdate(ada.ydoc));
    for (let n = 0; n < 3; n += 1) ada.client.send({ type: "yjs-update", data: update });
    ada.type("y");
    await server.settle(200);
    expect([bob.text(), bob.all("yjs-update").length]).toEqual(["xy", 2]);
    expect(ada.errors()).toEqual([]);
  });

  test("[DR3] what is on its way to the disk while somebody comes reaches them", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const { server, joined } = await start({ storage });
    const ada = await joined("ada");
    ada.type("a");
    await server.settle(200);
    storage.hold();
    ada.type("b");
    await server.settle(200);
    const bob = await joined("bob");
    ada.type("c");
    await server.settle(200);
    storage.release();
    await server.settle(500);
    expect(bob.text()).toBe("abc");
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "[DR3] [DR6] whoever comes or asks anew while others type has everything in the end (seed %i)",
    async (seed) => {
      const random = createSeededRandom(seed);
      const clock = createTestClock();
      // The state takes its time, in which others go on typing.
      const slowly: Fold = async (job) => {
        await new Promise<void>((done) => void clock.setTimer(done, random.integer(60)));
        return foldHere(job);
      };
      const { server, open } = await start({ clock, delayMs: () => random.integer(20) }, slowly);
      const clients = [await open("ada"), await open("bob")];
      for (let round = 0; round < 60; round += 1) {
        const writer = clients[random.integer(clients.length)]!;
        writer.apply();
        writer.type(`${round} `);
        if (round % 10 === 5) clients.push(await open(`user${round}`));
        if (round % 10 === 9) writer.client.send({ type: "yjs-state-request" });
        await server.settle(random.integer(15));
      }
      await server.settle(1_000);
      const texts = clients.map((one) => one.text());
      expect(texts[0]?.split(" ")).toHaveLength(61);
      expect(new Set(texts).size).toBe(1);
      // Nobody was sent anything before its state.
      expect(clients.map((one) => one.told()[0]?.type)).toEqual(clients.map(() => "yjs-state-response"));
      expect(clients.flatMap((one) => one.errors())).toEqual([]);
    },
  );

  test("[DR7] [DR11] an update in a gap is told after 30 s; what the state lacks mends it, for everybody", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    ada.offline(() => ada.type("lost "));
    ada.type("later");
    await server.settle(29_000);
    expect([ada.errors(), bob.text()]).toEqual([[], ""]);
    await server.settle(2_000);
    expect(ada.errors()).toEqual([expect.stringMatching(/^UPDATE_GAP: .*yjs-state-response/)]);
    ada.requestState();
    await server.settle(200);
    ada.sendMissing();
    await server.settle(200);
    expect(bob.text()).toBe("lost later");
    ada.type("!");
    await server.settle(200);
    expect([bob.text(), ada.errors().length, bob.errors()]).toEqual(["lost later!", 1, []]);
  });

  test("[DR7] what the state lacks, sent before the 30 s are over, leaves nothing to tell", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    ada.offline(() => ada.type("lost "));
    ada.type("later");
    ada.requestState();
    await server.settle(100);
    ada.sendMissing();
    await server.settle(40_000);
    expect([ada.errors(), bob.text()]).toEqual([[], "lost later"]);
  });

  test.each([
    ["before", 1],
    ["behind", 2_000],
  ])(
    "[DR7] what was typed offline reaches the others, %s what they typed meanwhile",
    async (_where, bobsId) => {
      const { server, joined } = await start();
      const [ada, bob] = [await joined("ada"), await joined("bob")];
      // Which text is first goes by client ids; in one case what was typed before and offline is one struct.
      ada.ydoc.clientID = 1_000;
      bob.ydoc.clientID = bobsId;
      ada.type("before ");
      await server.settle(200);
      ada.client.close();
      ada.offline(() => ada.type("offline "));
      bob.apply();
      bob.type("meanwhile ");
      await server.settle(200);
      const back = await joined("ada");
      back.offline(() => Y.applyUpdate(back.ydoc, Y.encodeStateAsUpdate(ada.ydoc)));
      back.apply();
      back.sendMissing();
      await server.settle(200);
      back.type("after");
      await server.settle(200);
      expect(bob.text()).toBe(back.text());
      for (const word of ["before", "offline", "meanwhile", "after"]) expect(bob.text()).toContain(word);
      expect(back.errors()).toEqual([]);
    },
  );

  test.each(["yjs-update", "yjs-state-response"])(
    "[DR7] of a whole document, sent as %s, what the server has only the beginning of is taken as well",
    async (type) => {
      const { server, joined } = await start();
      const [ada, bob] = [await joined("ada"), await joined("bob")];
      ada.type("hel");
      await server.settle(200);
      ada.client.close();
      bob.apply();
      bob.type(" you");
      await server.settle(200);
      // One struct of which the server has three letters; the client has not heard of Bob's.
      ada.offline(() => ada.ydoc.getText("text").insert(3, "lo"));
      const whole = Array.from(Y.encodeStateAsUpdate(ada.ydoc));
      const back = await joined("ada");
      back.client.send({ type, data: whole });
      await server.settle(200);
      expect([back.errors(), bob.errors()]).toEqual([[], []]);
      Y.applyUpdate(ada.ydoc, Uint8Array.from(bob.all("yjs-update").at(-1)?.data ?? []), ada.client);
      expect(bob.text()).toContain("lo");
      expect(bob.all("yjs-update").length).toBe(2);

      await server.close();
      const { joined: joinedAgain } = await start({ storage: server.storage, clock: server.clock });
      const cyd = await joinedAgain("cyd");
      expect(cyd.text()).toBe(bob.text());
    },
  );

  test("[DR12] what a failed commit lost is told, and sending it again brings it back", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const { server, joined } = await start({ storage });
    const ada = await joined("ada");
    storage.fail(1);
    ada.type("kept");
    await server.settle(5_000);
    expect(ada.errors()).toEqual([expect.stringMatching(/^STORAGE_UNAVAILABLE: .*yjs-state-response/)]);
    ada.requestState();
    await server.settle(200);
    ada.sendMissing();
    await server.settle(500);
    const bob = await joined("bob");
    expect([bob.text(), ada.client.closed]).toEqual(["kept", undefined]);
  });

  test("[DR10] a reader reads, and is told that it writes nothing", async () => {
    const { server, joined } = await start();
    const [ada, eve] = [await joined("ada"), await joined("eve")];
    eve.offline(() => eve.type("no"));
    eve.client.send({ type: "yjs-update", data: Array.from(Y.encodeStateAsUpdate(eve.ydoc)) });
    ada.type("yes");
    await server.settle(200);
    expect(ada.text()).toBe("yes");
    expect(eve.text()).toContain("yes");
    expect(eve.errors()).toEqual([expect.stringMatching(/^FORBIDDEN: .*read-only/)]);
  });

  test("[DR10] a bad update is told to its sender, and nobody else notices", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    ada.client.send({ type: "yjs-update", data: [9, 9, 9] });
    ada.client.send({ type: "yjs-update", data: [] });
    ada.client.send(Uint8Array.of(7));
    ada.type("fine");
    await server.settle(200);
    expect(ada.errors().map((error) => error?.split(":")[0])).toEqual(Array(3).fill("UPDATE_INVALID"));
    expect([bob.text(), bob.errors(), ada.client.closed]).toEqual(["fine", [], undefined]);
  });

  test("[DR10] a client id of another user is refused", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    bob.ydoc.clientID = ada.ydoc.clientID;
    ada.type("mine");
    await server.settle(200);
    bob.offline(() => bob.type("not yours, and longer"));
    bob.client.send({ type: "yjs-update", data: Array.from(Y.encodeStateAsUpdate(bob.ydoc)) });
    await server.settle(200);
    expect(bob.errors()).toEqual([expect.stringMatching(/^CLIENT_ID_TAKEN: /)]);
    expect(ada.text()).toBe("mine");
  });

  test("[DR14] what comes too fast is taken all the same", async () => {
    const { server, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    for (let n = 0; n < 400; n += 1) ada.type("z");
    await server.settle(20_000);
    expect([bob.text(), ada.errors()]).toEqual(["z".repeat(400), []]);
  });

  test("[DR15] access that is taken away closes with Access denied, a token that ends with Token expired", async () => {
    const { server, drafts, joined } = await start();
    const ada = await joined("ada");
    const bob = await joined("bob", { expiresAtMs: server.clock.nowMs() + 5_000 });
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
    expect(await ada.client.ended()).toEqual({ code: 1008, reason: "Access denied" });
    expect([drafts.getConnectionsCount(), drafts.getRoomsCount()]).toEqual([1, 1]);
    await server.settle(6_000);
    bob.type("too late");
    expect(await bob.client.ended()).toEqual({ code: 1008, reason: "Token expired" });
    expect([drafts.getConnectionsCount(), drafts.getRoomsCount()]).toEqual([0, 0]);
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0, subscriptions: 0 });
  });

  test("[DR8] [DR19] one that is idle stays, one that is dead is gone after 35 s", async () => {
    const { server, drafts, joined } = await start();
    const [ada, bob] = [await joined("ada"), await joined("bob")];
    server.linkOf(bob.client).cut({ clientAfterMs: Infinity, serverAfterMs: Infinity });
    await server.settle(34_000);
    expect(drafts.getConnectionsCount()).toBe(2);
    await server.settle(40_000);
    expect([drafts.getConnectionsCount(), drafts.getRoomsCount()]).toEqual([1, 1]);
    expect(ada.client.closed).toBeUndefined();
  });

  test("[DR12] a state that cannot be made closes with 1013, so that the client comes back for it", async () => {
    let isFailing = true;
    const foldOrFail: Fold = (job) => {
      if (isFailing) throw new Error("secret");
      return foldHere(job);
    };
    const { server, joined } = await start({}, foldOrFail);
    const ada = await joined("ada");
    ada.type("a");
    ada.type("b");
    await server.settle(200);
    const bob = await joined("bob");
    expect(await bob.client.ended()).toMatchObject({
      code: 1013,
      reason: expect.not.stringContaining("secret"),
    });
    isFailing = false;
    expect((await joined("bob")).text()).toBe("ab");
  });
});
