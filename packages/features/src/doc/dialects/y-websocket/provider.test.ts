import { createHmac } from "node:crypto";
import { createMemoryStorage, createServer, type Decision, jwt, systemRandom } from "@plexline/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { doc } from "../../server.ts";
import { yWebsocket } from "./endpoint.ts";

// The provider as it is published, over real sockets. What it does by its own timers is shown elsewhere, with a clock.

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 10_000, interval: 5 };
/** Waits until `look` stops throwing. */
const eventually = <T>(look: () => T) => vi.waitFor(look, FACT);

function sign(claims: object, secret = SECRET): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

async function start(roles: Readonly<Record<string, Decision>> = {}, { port = 0, storage = memory() } = {}) {
  const app = createServer({
    topics: {
      page: doc("doc:{id}", { authorize: ({ principal }) => roles[principal.id] ?? "write" }),
    },
    endpoints: [yWebsocket()],
    auth: jwt({ secret: SECRET }),
    storage,
  });
  const listening = await app.listen(port);
  const stop = () => app.close({ graceMs: 100 });
  onTestFinished(stop);
  return { app, storage, port: listening.port, stop };
}

function memory() {
  return createMemoryStorage({ random: systemRandom });
}

interface JoinOptions {
  readonly user?: string;
  readonly name?: string;
  readonly token?: string;
}

/** A provider of a user, with what it was told. */
function join(port: number, { user = "ada", name = "plan", token = sign({ sub: user }) }: JoinOptions = {}) {
  const ydoc = new Y.Doc();
  const received: Uint8Array[] = [];
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, name, ydoc, {
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
    params: { token },
    maxBackoffTime: 10,
  });
  const closed: { code: number; reason: string }[] = [];
  const closes: number[] = [];
  provider.on("closed", (event) => void closed.push(event));
  provider.on("connection-close", (event) => void closes.push(event?.code ?? 0));
  provider.on("status", ({ status }) => {
    if (status !== "connected") return;
    const socket = provider.ws as unknown as WebSocket;
    socket.on("message", (data: Buffer) => void received.push(new Uint8Array(data)));
  });
  onTestFinished(() => {
    provider.destroy();
    ydoc.destroy();
  });
  return {
    provider,
    ydoc,
    received,
    closed,
    closes,
    text: ydoc.getText("text"),
    awareness: provider.awareness,
    synced: () => eventually(() => expect(provider.synced).toBe(true)),
  };
}

const textOf = ({ text }: { text: Y.Text }) => text.toString();

describe("the published y-websocket provider", () => {
  test("[YW2] [YW3] syncs, and sees edits and cursors of others", async () => {
    const { port } = await start();
    const ada = join(port);
    ada.text.insert(0, "typed before it was open, ");
    await ada.synced();
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
    const cyd = join(port, { user: "cyd" });
    await eventually(() => expect(cyd.awareness.getStates().size).toBe(3));
  });

  test("[YW3] has everything at the moment it reports that it is synced", async () => {
    const { port } = await start();
    const ada = join(port);
    await ada.synced();
    for (let n = 0; n < 50; n += 1) ada.text.insert(0, `${n} `);
    const bob = join(port, { user: "bob" });
    await bob.synced();
    await eventually(() => expect(textOf(bob)).toBe(textOf(ada)));
    const cyd = join(port, { user: "cyd" });
    const atSync = new Promise<string>((resolve) => cyd.provider.once("sync", () => resolve(textOf(cyd))));
    expect(await atSync).toBe(textOf(ada));
  });

  test("[YW1] a name may have slashes and letters of all kinds, and is a document of its own", async () => {
    const { port } = await start();
    const name = "team/plän%21";
    const ada = join(port, { name });
    ada.text.insert(0, "here");
    const [bob, other] = [join(port, { name, user: "bob" }), join(port, { user: "bob" })];
    await eventually(() => expect(textOf(bob)).toBe("here"));
    await other.synced();
    expect(textOf(other)).toBe("");
  });

  test("what was written while it was offline is there when it is back", async () => {
    const { port } = await start();
    const [ada, bob] = [join(port), join(port, { user: "bob" })];
    await Promise.all([ada.synced(), bob.synced()]);
    ada.provider.disconnect();
    ada.text.insert(0, "offline ");
    bob.text.insert(0, "meanwhile ");
    ada.provider.connect();
    await eventually(() => expect(textOf(bob)).toContain("offline "));
    await eventually(() => expect(textOf(ada)).toBe(textOf(bob)));
  });

  test("comes back to a server that was restarted, where all that was durable is", async () => {
    const first = await start();
    const ada = join(first.port);
    await ada.synced();
    ada.text.insert(0, "kept");
    await echoOf(ada);
    await first.stop();
    const second = await start({}, first);
    const bob = join(second.port, { user: "bob" });
    await eventually(() => expect(textOf(bob)).toBe("kept"));
    await ada.synced();
    bob.text.insert(4, " on");
    await eventually(() => expect(textOf(ada)).toBe("kept on"));
    expect(ada.closed).toEqual([]);
  });

  test("[YW9] is sent its own update once it is durable", async () => {
    const { port } = await start();
    const ada = join(port);
    await ada.synced();
    const updates: Uint8Array[] = [];
    ada.ydoc.on("update", (update: Uint8Array) => void updates.push(update));
    ada.text.insert(0, "x");
    const echo = await echoOf(ada);
    expect(echo.subarray(3)).toEqual(updates[0]);
  });

  test("[YW8] a reader reads, shows a cursor, is told once, and writes nothing", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const { port } = await start({ rae: "read" });
    const [ada, rae] = [join(port), join(port, { user: "rae" })];
    ada.text.insert(0, "read this");
    await eventually(() => expect(textOf(rae)).toBe("read this"));
    rae.text.insert(0, "not ");
    rae.text.insert(0, "not ");
    rae.awareness.setLocalStateField("cursor", 4);
    await eventually(() => expect(ada.awareness.getStates().get(rae.ydoc.clientID)).toEqual({ cursor: 4 }));
    ada.text.insert(ada.text.length, "!");
    await eventually(() => expect(textOf(rae)).toContain("!"));
    expect(textOf(ada)).toBe("read this!");
    expect(warn.mock.calls.filter(([line]) => String(line).includes("read-only"))).toHaveLength(1);
    expect(rae.closed).toEqual([]);
  });

  test.each<[string, JoinOptions, number, RegExp]>([
    ["somebody who may not", { user: "eve" }, 4403, /^FORBIDDEN/],
    ["a token of somebody else's", { token: sign({ sub: "ada" }, `${SECRET}!`) }, 4401, /^TOKEN_INVALID/],
    ["no token", { token: "" }, 4401, /^TOKEN_/],
    ["a name that makes no topic", { name: "a%20b" }, 4400, /^TOPIC_/],
  ])("[YW7] %s stops for good, with the reason", async (_who, options, code, reason) => {
    const { port } = await start({ eve: false });
    const eve = join(port, options);
    await eventually(() => expect(eve.closed).toEqual([{ code, reason: expect.stringMatching(reason) }]));
    expect(eve.provider.shouldConnect).toBe(false);
    expect(eve.closes).toEqual([code]);
  });

  test("[YW6] bytes that are no frame close with 4400, and nobody else notices", async () => {
    const { port } = await start();
    const [ada, bob] = [join(port), join(port, { user: "bob" })];
    await Promise.all([ada.synced(), bob.synced()]);
    (ada.provider.ws as unknown as WebSocket).send(Buffer.from([0, 2, 200, 1]));
    await eventually(() => expect(ada.closed).toMatchObject([{ code: 4400 }]));
    bob.text.insert(0, "x");
    await echoOf(bob);
    expect(bob.closes).toEqual([]);
  });

  test("[YW7] a server that stops closes with a code that makes it come back", async () => {
    const { port, stop } = await start();
    const ada = join(port);
    await ada.synced();
    await stop();
    await eventually(() => expect(ada.closes[0]).toBe(1012));
    expect([ada.provider.shouldConnect, ada.closed]).toEqual([true, []]);
  });
});

/** The first update that it is sent from now on. */
async function echoOf({ received }: { readonly received: Uint8Array[] }): Promise<Uint8Array> {
  const from = received.length;
  return eventually(() => {
    const echo = received.slice(from).find(([type, step]) => type === 0 && step === 2);
    expect(echo).toBeDefined();
    return echo as Uint8Array;
  });
}
