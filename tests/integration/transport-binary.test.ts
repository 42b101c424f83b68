import { once } from "node:events";
import { encodeBinaryMessage } from "@plexline/protocol";
import type { Endpoint } from "@plexline/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createSink, KEEP } from "../../packages/server/src/session/sink.fixture.ts";
import { beside, eventually, startServer } from "./server-fixture.ts";
import { clientFrame, rawUpgrade, startTransport, until } from "./transport-fixture.ts";

// Binary traffic over real sockets: what is large, and what comes too fast.

const KIB = 1_024;
const MIB = 1_024 * KIB;
const PAYLOAD_BYTES = 16 * KIB;
const BINARY = 0x82;
const PING = 0x89;

function start(options: Parameters<typeof startServer>[0] = {}) {
  const large = createSink("large:{id}", 64 * MIB);
  return startServer({ ...options, topics: { large } }).then((server) => ({ server, large }));
}

type Server = Awaited<ReturnType<typeof start>>["server"];

async function subscribe(server: Server, user: string, input?: string) {
  const raw = server.raw();
  await raw.hello(user);
  raw.send({ type: "subscribe", ref: 1, topic: "large:1", ...(input === undefined ? {} : { input }) });
  const reply = await raw.first(({ type }) => type === "reply");
  const { alias } = (reply as unknown as { result: { alias: number } }).result;
  /** Resolves once the network has taken it. */
  const send = (payload: Uint8Array) =>
    new Promise<void>((resolve) =>
      raw.socket.send(encodeBinaryMessage({ alias, kind: KEEP, payload }), () => resolve()),
    );
  return { raw, send };
}

describe("a large message", () => {
  test("is taken once its topic allows it, up to 64 MiB [L5]", async () => {
    const { server, large } = await start();
    await beside(server, async () => {
      const { raw, send } = await subscribe(server, "ada", "large");
      void send(new Uint8Array(20 * MIB).fill(7));
      void send(new Uint8Array(64 * MIB - 16).fill(8));
      await eventually(() => expect(large.taken.length).toBe(2));
      expect(large.taken.map(({ length }) => length)).toEqual([20 * MIB, 64 * MIB - 16]);
      expect([large.taken[0]?.at(-1), large.taken[1]?.at(-1)]).toEqual([7, 8]);
      raw.send({ type: "unsubscribe", ref: 2, topic: "large:1" });
      await raw.first((message) => message.type === "reply" && message.ref === 2);
      void send(new Uint8Array(64 * KIB));
      expect((await raw.closed).code).toBe(4413);
    });
  });

  test("closes with 4413 where no topic allows it [L5]", async () => {
    const { server, large } = await start();
    await beside(server, async () => {
      const { raw, send } = await subscribe(server, "ada");
      void send(new Uint8Array(20 * MIB));
      expect(await raw.closed).toMatchObject({
        code: 4413,
        reason: expect.stringMatching(/^MESSAGE_TOO_LARGE/),
      });
      expect(large.taken).toEqual([]);
    });
  });

  test("closes with 4413 while nobody has authenticated, and when it is text [L5]", async () => {
    const { server } = await start();
    await beside(server, async () => {
      const early = server.raw();
      await early.opened;
      early.socket.send("x".repeat(64 * KIB + 1));
      expect((await early.closed).code).toBe(4413);
      const { raw } = await subscribe(server, "ada", "large");
      raw.socket.send(JSON.stringify({ type: "ping", x: "x".repeat(64 * KIB) }));
      expect((await raw.closed).code).toBe(4413);
      expect((await raw.refusal("MESSAGE_TOO_LARGE")).fix).toMatch(/.{10,}/);
    });
  });

  test("that was on its way when the limit was lowered arrives; the next does not", async () => {
    const server = await startTransport({ limits: { messageBytesMax: 1_000 } });
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    taken.socket.setMessageBytesMax(8 * MIB);
    const frame = clientFrame(BINARY, Buffer.alloc(8 * MIB, 7));
    // Once the ping is answered, the beginning of the frame behind it has been read too.
    client.socket.write(Buffer.concat([clientFrame(PING), frame.subarray(0, KIB)]));
    await until(() => client.received().length > 0);
    taken.socket.setMessageBytesMax(1_000);
    client.socket.write(frame.subarray(KIB));
    await until(() => taken.messages.length === 1);
    expect(taken.messages[0]).toHaveLength(8 * MIB);
    client.socket.write(clientFrame(BINARY, Buffer.alloc(1_001)));
    expect(await client.closeFrame()).toMatchObject({ code: 4413 });
  });
});

describe("a flood of binary messages", () => {
  test("is held back at the sender: all arrive, in order, and nobody else waits [L6]", async () => {
    const count = 2_000;
    const { server, large } = await start({ limits: { messagesPerSecondMax: 800, messagesBurstMax: 100 } });
    await beside(server, async () => {
      const { raw, send } = await subscribe(server, "flooder");
      const bob = await subscribe(server, "bob");
      const startedMs = performance.now();
      let written = 0;
      const flood = async () => {
        for (let number = 0; number < count; number += 1) {
          const payload = new Uint8Array(PAYLOAD_BYTES);
          new DataView(payload.buffer).setUint32(0, number);
          await send(payload);
          written += 1;
        }
      };
      const flooding = flood();
      const latenciesMs: number[] = [];
      let betweenBytesMax = 0;
      for (let seen = 0; seen < count; seen += 50) {
        await eventually(() => expect(large.taken.length).toBeGreaterThan(seen));
        betweenBytesMax = Math.max(betweenBytesMax, (written - large.taken.length) * PAYLOAD_BYTES);
        const askedMs = performance.now();
        const ref = 10 + seen;
        bob.raw.send({ type: "call", ref, topic: "large:1", command: "c" });
        await bob.raw.first((message) => message.type === "reply" && message.ref === ref);
        latenciesMs.push(performance.now() - askedMs);
      }
      await flooding;
      await eventually(() => expect(large.taken.length).toBe(count));
      const numbers = large.taken.map((payload) =>
        new DataView(payload.buffer, payload.byteOffset).getUint32(0),
      );
      expect(numbers).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(performance.now() - startedMs).toBeGreaterThan(((count - 100) / 800) * 1_000 * 0.9);
      expect(raw.messages.filter(({ type }) => type === "error")).toEqual([]);
      expect(raw.socket.readyState).toBe(WebSocket.OPEN);
      // Of these 32 MiB only what the network holds has left the sender before it was taken.
      expect(betweenBytesMax).toBeLessThan(14 * MIB);
      latenciesMs.sort((a, b) => a - b);
      expect(latenciesMs[Math.floor(latenciesMs.length / 2)]).toBeLessThan(300);
    });
  });
});

describe("an endpoint that names subprotocols", () => {
  const endpoint: Endpoint = {
    path: "/foreign",
    subprotocols: ["foreign.v2", "foreign.v1"],
    onConnect: (ws) => ws.send(`hello ${ws.principal.id}`),
  };

  async function connect(server: Server, offered: string[]) {
    const socket = new WebSocket(`${server.url.replace("/ws", "")}/foreign`, offered);
    onTestFinished(() => socket.terminate());
    const [message] = await once(socket, "message");
    return { selected: socket.protocol, message: String(message) };
  }

  test("selects the first offered one of them, with a token beside it in the offer [H2]", async () => {
    const { server } = await start({ endpoints: [endpoint] });
    const bearer = `bearer.${server.token("ada")}`;
    for (const [offered, selected] of [
      [[bearer, "foreign.v1", "foreign.v2"], "foreign.v1"],
      [["other", "foreign.v2", bearer], "foreign.v2"],
    ] as const)
      expect(await connect(server, [...offered])).toEqual({ selected, message: "hello ada" });
  });

  test("selects none that it does not name, and never the token [H2]", async () => {
    const { server } = await start({ endpoints: [endpoint] });
    const bearer = `bearer.${server.token("ada")}`;
    const socket = new WebSocket(`${server.url.replace("/ws", "")}/foreign`, ["other", bearer]);
    const [error] = await once(socket, "error");
    expect(String(error)).toMatch(/no subprotocol/);
  });
});
