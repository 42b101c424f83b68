import { createHmac } from "node:crypto";
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { createMemoryStorage, createServer, type Decision, jwt, systemRandom } from "@plexline/server";
import { createFaultyStorage } from "@plexline/testing";
import * as v3 from "hocuspocus-provider-3";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { createClient } from "../../../client.ts";
import { doc } from "../../server.ts";
import { yWebsocket } from "../y-websocket/endpoint.ts";
import { hocuspocus } from "./endpoint.ts";

// The providers as they are published, over real sockets. What they do by their own timers is shown elsewhere, with a clock.

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 20_000, interval: 5 };
/** Waits until `look` stops throwing. */
const eventually = <T>(look: () => T) => vi.waitFor(look, FACT);

function sign(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

async function start(roles: Readonly<Record<string, Decision>> = {}, { port = 0, storage = memory() } = {}) {
  const app = createServer({
    topics: {
      page: doc("doc:{id}", { authorize: ({ principal }) => roles[principal.id] ?? "write" }),
    },
    endpoints: [hocuspocus(), yWebsocket()],
    auth: jwt({ secret: SECRET }),
    storage,
  });
  const listening = await app.listen(port);
  const stop = () => app.close({ graceMs: 100 });
  onTestFinished(stop);
  return { app, storage, port: listening.port, stop };
}

function memory() {
  return createFaultyStorage(createMemoryStorage({ random: systemRandom }));
}

// Both versions have the same members as far as these tests use them; their private ones make the types differ.
const VERSIONS = [
  ["4.8.0", HocuspocusProvider, HocuspocusProviderWebsocket],
  [
    "3.4.4",
    v3.HocuspocusProvider as unknown as typeof HocuspocusProvider,
    v3.HocuspocusProviderWebsocket as unknown as typeof HocuspocusProviderWebsocket,
  ],
] as const;

interface JoinOptions {
  readonly user?: string;
  readonly name?: string;
  readonly token?: string | (() => string);
  readonly socket?: HocuspocusProviderWebsocket;
  readonly sessionAwareness?: boolean;
  readonly ydoc?: Y.Doc;
}

describe.each(VERSIONS)("the published provider %s", (version, Provider, Socket) => {
  function connect(port: number, query = "") {
    const socket = new Socket({
      url: `ws://127.0.0.1:${port}/api/ws?type=yjs${query}`,
      WebSocketPolyfill: WebSocket,
      delay: 10,
      minDelay: 10,
      maxDelay: 50,
    });
    onTestFinished(() => socket.destroy());
    return socket;
  }

  /** A provider of a user, with what it was told. */
  function join(port: number, options: JoinOptions = {}) {
    const { user = "ada", name = "plan", token = sign({ sub: user }), ydoc = new Y.Doc() } = options;
    const socket = options.socket ?? connect(port);
    const denied: string[] = [];
    const stateless: string[] = [];
    const provider = new Provider({
      websocketProvider: socket,
      name,
      document: ydoc,
      token,
      ...(options.sessionAwareness ? { sessionAwareness: true } : {}),
      onAuthenticationFailed: ({ reason }) => void denied.push(reason),
      onStateless: ({ payload }) => void stateless.push(payload),
    });
    provider.attach();
    onTestFinished(() => {
      provider.destroy();
      ydoc.destroy();
    });
    return {
      provider,
      socket,
      ydoc,
      denied,
      stateless,
      text: ydoc.getText("text"),
      awareness: provider.awareness!,
      synced: () => eventually(() => expect(provider.synced).toBe(true)),
      saved: () => eventually(() => expect(provider.unsyncedChanges).toBe(0)),
    };
  }

  const textOf = ({ text }: { text: Y.Text }) => text.toString();

  test("[HP4] [HP6] syncs, sees edits and cursors of others, and is saved", async () => {
    const { port } = await start();
    const ada = join(port);
    ada.text.insert(0, "typed before it was open, ");
    await ada.synced();
    await ada.saved();
    const bob = join(port, { user: "bob" });
    await bob.synced();
    await eventually(() => expect(textOf(bob)).toBe("typed before it was open, "));
    bob.text.insert(bob.text.length, "and after");
    await eventually(() => expect(textOf(ada)).toBe("typed before it was open, and after"));
    ada.awareness.setLocalStateField("cursor", 1);
    bob.awareness.setLocalStateField("cursor", 2);
    await eventually(() => {
      expect(bob.awareness.getStates().get(ada.ydoc.clientID)).toEqual({ cursor: 1 });
      expect(ada.awareness.getStates().get(bob.ydoc.clientID)).toEqual({ cursor: 2 });
    });
    await Promise.all([ada.saved(), bob.saved()]);
    expect(ada.provider.authorizedScope).toBe("read-write");
  });

  test("[HP8] has unsynced changes until they are on disk", async () => {
    const { port, storage } = await start();
    const [ada, bob] = [join(port), join(port, { user: "bob" })];
    ada.text.insert(0, "kept ");
    await Promise.all([ada.saved(), bob.saved()]);
    await eventually(() => expect(textOf(bob)).toBe("kept "));
    storage.hold();
    ada.text.insert(5, "not yet");
    ada.text.insert(5, "maybe ");
    await eventually(() => expect(textOf(bob)).toBe("kept maybe not yet"));
    // A marker: what is said to Ada after Bob had her edits has arrived, and no status with it.
    bob.awareness.setLocalStateField("cursor", 9);
    await eventually(() => expect(ada.awareness.getStates().get(bob.ydoc.clientID)).toEqual({ cursor: 9 }));
    expect(ada.provider.unsyncedChanges).toBe(2);
    storage.release();
    await ada.saved();
  });

  test("[HP9] what a failed commit lost is unsynced until it has been asked for and is on disk", async () => {
    const { port, storage } = await start();
    const ada = join(port);
    ada.text.insert(0, "a");
    await ada.saved();
    const numbers: number[] = [];
    ada.provider.on("unsyncedChanges", ({ number }: { number: number }) => void numbers.push(number));
    storage.fail(1);
    ada.text.insert(1, "b");
    await ada.saved();
    expect(numbers).toEqual([1, 0]);
    const bob = join(port, { user: "bob" });
    await eventually(() => expect(textOf(bob)).toBe("ab"));
  });

  test("[HP8] [HP9] at the moment that it is saved a newcomer is given all of it, whatever the storage did", async () => {
    const { port, storage } = await start();
    const ada = join(port);
    await ada.saved();
    for (let round = 0; round < 4; round += 1) {
      const saved = new Promise<string>((resolve) => {
        const look = ({ number }: { number: number }) => {
          if (number > 0) return;
          // From here on nothing more becomes durable.
          storage.hold();
          ada.provider.off("unsyncedChanges", look);
          resolve(textOf(ada));
        };
        ada.provider.on("unsyncedChanges", look);
      });
      if (round % 2 === 1) storage.fail(1);
      for (let at = 0; at < 5; at += 1) {
        ada.text.insert(0, `${round}${at} `);
        if (at === 2 && round > 1) await new Promise((resolve) => setImmediate(resolve));
      }
      const text = await saved;
      expect(text).toHaveLength((round + 1) * 15);
      const bob = join(port, { user: `bob-${round}` });
      await bob.synced();
      expect(textOf(bob)).toBe(text);
      storage.release();
    }
  });

  test("[HP2] [HP13] a reader reads, shows a cursor, is saved while it writes nothing, and writes nothing", async () => {
    const { port } = await start({ rae: "read" });
    const ada = join(port);
    ada.text.insert(0, "read this!");
    ada.text.delete(9, 1);
    await ada.saved();
    const rae = join(port, { user: "rae" });
    await eventually(() => expect(textOf(rae)).toBe("read this"));
    await rae.saved();
    expect(rae.provider.authorizedScope).toBe("readonly");
    rae.awareness.setLocalStateField("cursor", 4);
    await eventually(() => expect(ada.awareness.getStates().get(rae.ydoc.clientID)).toEqual({ cursor: 4 }));
    // It comes back with all that it has, and has nothing of its own.
    rae.socket.disconnect();
    await eventually(() => expect(rae.socket.status).toBe("disconnected"));
    void rae.socket.connect();
    await eventually(() => expect(rae.provider.isAuthenticated).toBe(true));
    await rae.saved();
    rae.text.insert(0, "not ");
    ada.text.insert(ada.text.length, "?");
    await eventually(() => expect(textOf(rae)).toContain("?"));
    expect([textOf(ada), rae.provider.unsyncedChanges]).toEqual(["read this?", 1]);
    rae.socket.disconnect();
    await eventually(() => expect(rae.socket.status).toBe("disconnected"));
    void rae.socket.connect();
    await eventually(() => expect(rae.provider.isAuthenticated).toBe(true));
    await rae.synced();
    // A marker, there and back: what it answered has been looked at.
    rae.awareness.setLocalStateField("cursor", 5);
    await eventually(() => expect(ada.awareness.getStates().get(rae.ydoc.clientID)).toEqual({ cursor: 5 }));
    ada.awareness.setLocalStateField("cursor", 7);
    await eventually(() => expect(rae.awareness.getStates().get(ada.ydoc.clientID)).toEqual({ cursor: 7 }));
    expect(rae.provider.unsyncedChanges).toBe(1);
  });

  test("what was written while it was offline is there when it is back, and is saved", async () => {
    const { port } = await start();
    const [ada, bob] = [join(port), join(port, { user: "bob" })];
    await Promise.all([ada.saved(), bob.saved()]);
    ada.socket.disconnect();
    await eventually(() => expect(ada.socket.status).toBe("disconnected"));
    ada.text.insert(0, "offline ");
    bob.text.insert(0, "meanwhile ");
    void ada.socket.connect();
    await eventually(() => expect(textOf(bob)).toContain("offline "));
    await eventually(() => expect(textOf(ada)).toBe(textOf(bob)));
    await ada.saved();
  });

  test("[HP11] what was written while it was offline is saved once all of it is on disk", async () => {
    const { port, storage } = await start();
    const ada = join(port);
    await ada.saved();
    const bob = join(port, { user: "bob" });
    await bob.saved();
    ada.socket.disconnect();
    await eventually(() => expect(ada.socket.status).toBe("disconnected"));
    for (let at = 0; at < 40; at += 1) ada.text.insert(0, `${at} `);
    ada.text.delete(0, 3);
    const numbers: number[] = [];
    const saved = new Promise<string>((resolve) => {
      ada.provider.on("unsyncedChanges", ({ number }: { number: number }) => {
        numbers.push(number);
        if (numbers.length > 2 || number > 0) return;
        // From here on nothing more becomes durable.
        storage.hold();
        resolve(textOf(ada));
      });
    });
    void ada.socket.connect();
    const text = await saved;
    const cyd = join(port, { user: "cyd" });
    await cyd.synced();
    expect(textOf(cyd)).toBe(text);
    ada.text.insert(0, "more ");
    await eventually(() => expect(textOf(bob)).toBe(`more ${text}`));
    // A marker: what is said to Ada after Bob had her edit has arrived, and no status with it.
    bob.awareness.setLocalStateField("cursor", 9);
    await eventually(() => expect(ada.awareness.getStates().get(bob.ydoc.clientID)).toEqual({ cursor: 9 }));
    expect(numbers).toEqual([1, 0, 1]);
    storage.release();
    await ada.saved();
    expect(numbers).toEqual([1, 0, 1, 0]);
  });

  test("comes back to a server that was restarted, where all that was saved is", async () => {
    const first = await start();
    const ada = join(first.port);
    await ada.synced();
    ada.text.insert(0, "kept");
    await ada.saved();
    await first.stop();
    const second = await start({}, first);
    const bob = join(second.port, { user: "bob" });
    await eventually(() => expect(textOf(bob)).toBe("kept"));
    bob.text.insert(4, " on");
    await eventually(() => expect(textOf(ada)).toBe("kept on"));
    await ada.saved();
  });

  test("[HP1] several documents on one socket are documents of their own; leaving one leaves the others", async () => {
    const { port } = await start();
    const socket = connect(port);
    const [plan, memo] = [join(port, { socket }), join(port, { socket, name: "memo" })];
    plan.text.insert(0, "plan");
    memo.text.insert(0, "memo");
    await Promise.all([plan.saved(), memo.saved()]);
    const bob = join(port, { user: "bob" });
    await eventually(() => expect(textOf(bob)).toBe("plan"));
    plan.provider.detach();
    memo.text.insert(4, "!");
    await memo.saved();
    bob.text.insert(4, "?");
    await bob.saved();
    expect(textOf(plan)).toBe("plan");
    plan.provider.attach();
    await eventually(() => expect(textOf(plan)).toBe("plan?"));
    await plan.saved();
  });

  test("[HP3] a document that is denied says why, and the others on the socket go on", async () => {
    const { port } = await start({ eve: false });
    const socket = connect(port);
    const ada = join(port, { socket });
    await ada.saved();
    const other = join(port, { socket, name: "memo", user: "bob" });
    await eventually(() =>
      expect(other.denied).toEqual([expect.stringMatching(/^permission-denied: FORBIDDEN/)]),
    );
    const nameless = join(port, { socket, name: " " });
    await eventually(() => expect(nameless.denied).toEqual([expect.stringMatching(/TOPIC_INVALID/)]));
    ada.text.insert(0, "still here");
    await ada.saved();
    const eve = join(port, { user: "eve" });
    await eventually(() =>
      expect(eve.denied).toEqual([expect.stringMatching(/^permission-denied: FORBIDDEN/)]),
    );
    expect(eve.socket.status).toBe("connected");
  });

  test("[HP3] who was denied may try again with another token", async () => {
    const { port } = await start();
    let token = "nonsense";
    const ada = join(port, { token: () => token });
    await eventually(() => expect(ada.denied).toEqual([expect.stringMatching(/TOKEN_INVALID/)]));
    token = sign({ sub: "ada" });
    ada.provider.detach();
    ada.provider.attach();
    ada.text.insert(0, "in");
    await ada.saved();
  });

  test("[HP3] an empty token is the request's own", async () => {
    const { port } = await start();
    const ada = join(port, { socket: connect(port, `&token=${sign({ sub: "ada" })}`), token: "" });
    ada.text.insert(0, "in");
    await ada.saved();
    expect(ada.denied).toEqual([]);
  });

  test("[HP14] a token that it sends by itself is taken, and another user's is not", async () => {
    const { port } = await start();
    const tokens = [
      sign({ sub: "ada" }),
      sign({ sub: "ada", exp: Date.now() / 1_000 + 900 }),
      sign({ sub: "bob" }),
    ];
    const ada = join(port, { token: () => tokens.shift() ?? "" });
    let authenticated = 0;
    ada.provider.on("authenticated", () => {
      authenticated += 1;
    });
    await ada.saved();
    await ada.provider.sendToken();
    await eventually(() => expect(authenticated).toBe(2));
    await ada.provider.sendToken();
    await eventually(() => expect(ada.denied).toEqual([expect.stringMatching(/FORBIDDEN/)]));
    ada.text.insert(0, "x");
    await ada.saved();
  });

  test("[HP16] stateless messages go to the others", async () => {
    const { port } = await start();
    const [ada, bob] = [join(port), join(port, { user: "bob" })];
    await Promise.all([ada.saved(), bob.saved()]);
    ada.provider.sendStateless("hello");
    await eventually(() => expect(bob.stateless).toEqual(["hello"]));
    expect(ada.stateless).toEqual([]);
  });

  test("shares documents and cursors with our client and with y-websocket", async () => {
    const { port } = await start();
    const ada = join(port);
    const plex = createClient<Awaited<ReturnType<typeof start>>["app"]>({
      url: `ws://127.0.0.1:${port}/ws`,
      token: () => sign({ sub: "bob" }),
      WebSocket: WebSocket as never,
    });
    onTestFinished(() => plex.close());
    const native = plex.doc("page", { id: "plan" });
    const ydoc = new Y.Doc();
    const stock = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, "plan", ydoc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      params: { token: sign({ sub: "cyd" }) },
    });
    onTestFinished(() => stock.destroy());
    ada.text.insert(0, "a");
    const texts = [ada.text, native.doc.getText("text"), ydoc.getText("text")];
    await eventually(() => expect(texts.map(String)).toEqual(["a", "a", "a"]));
    native.doc.getText("text").insert(1, "b");
    ydoc.getText("text").insert(0, "c");
    await eventually(() => {
      expect(new Set(texts.map(String)).size).toBe(1);
      expect(texts[0]!.length).toBe(3);
    });
    await ada.saved();
    ada.awareness.setLocalStateField("cursor", 3);
    await eventually(() => {
      expect(stock.awareness.getStates().get(ada.ydoc.clientID)).toEqual({ cursor: 3 });
      expect(native.awareness?.getStates().get(ada.ydoc.clientID)).toEqual({ cursor: 3 });
    });
  });

  // Version 3 gives an address to a document only.
  const testOfSessions = version.startsWith("4") ? test : () => {};
  testOfSessions(
    "[HP1] two providers of one document on one socket see each other, and both are saved",
    async () => {
      const { port } = await start();
      const socket = connect(port);
      const left = join(port, { socket, sessionAwareness: true });
      left.text.insert(0, "left ");
      await left.saved();
      const right = join(port, { socket, sessionAwareness: true });
      right.text.insert(0, "right ");
      await Promise.all([left.saved(), right.saved()]);
      await eventually(() => expect(textOf(left)).toBe(textOf(right)));
      expect(textOf(left)).toHaveLength(11);
      left.awareness.setLocalStateField("cursor", 1);
      await eventually(() =>
        expect(right.awareness.getStates().get(left.ydoc.clientID)).toEqual({ cursor: 1 }),
      );
      for (let at = 0; at < 20; at += 1) (at % 2 ? left : right).text.insert(0, String(at));
      await Promise.all([left.saved(), right.saved()]);
      await eventually(() => expect(textOf(left)).toBe(textOf(right)));
      left.provider.destroy();
      await eventually(() => expect(right.awareness.getStates().has(left.ydoc.clientID)).toBe(false));
      right.text.insert(0, "alone ");
      await right.saved();
    },
  );

  test("[HP8] forced syncs and edits between them end as saved", async () => {
    const { port } = await start();
    const ada = join(port);
    await ada.saved();
    for (let round = 0; round < 5; round += 1) {
      ada.text.insert(0, "x");
      ada.provider.forceSync();
      ada.text.insert(0, "y");
    }
    await ada.saved();
    const bob = join(port, { user: "bob" });
    await eventually(() => expect(textOf(bob)).toBe("yx".repeat(5)));
  });
});
