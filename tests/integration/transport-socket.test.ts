import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { clientFrame, rawUpgrade, startTransport, until, withResolvers } from "./transport-fixture.ts";

const CHUNK = "x".repeat(64 * 1024);

/** A client of `ws`, and the server's end of it once both are open. */
async function openClient(server: Awaited<ReturnType<typeof startTransport>>) {
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, "plexline.v1");
  onTestFinished(() => client.terminate());
  const opened = new Promise((resolve) => client.once("open", resolve));
  const taken = await server.next();
  await opened;
  return { client, taken };
}

describe("sending", () => {
  test("messages of every size arrive whole, in order, text as text and bytes as bytes", async () => {
    const server = await startTransport();
    const { client, taken } = await openClient(server);
    const { socket } = taken;
    const sizes = [0, 1, 125, 126, 4096, 4097, 65_535, 65_536, 300_000];
    const got: string[] = [];
    client.on("message", (data, isBinary) =>
      got.push(`${isBinary ? "binary" : "text"} ${(data as Buffer).length}`),
    );
    for (const size of sizes) {
      socket.send("a".repeat(size));
      socket.send(new Uint8Array(size));
    }
    await until(() => got.length === sizes.length * 2);
    expect(got).toEqual(sizes.flatMap((size) => [`text ${size}`, `binary ${size}`]));
  });

  test("the same message reaches many connections, and a close comes after it", async () => {
    const server = await startTransport();
    const pairs = [await openClient(server), await openClient(server), await openClient(server)];
    const got = pairs.map(({ client }) => {
      const texts: string[] = [];
      client.on("message", (data) => texts.push(String(data)));
      client.on("close", (code) => texts.push(String(code)));
      return texts;
    });
    for (const { taken } of pairs) taken.socket.send("é one");
    for (const { taken } of pairs) taken.socket.send("two");
    for (const { taken } of pairs) taken.socket.close(4403, "REVOKED");
    await until(() => got.every((texts) => texts.length === 3));
    expect(got).toEqual(Array(3).fill(["é one", "two", "4403"]));
  });

  test("compression, where it was negotiated, keeps messages and their order", async () => {
    const server = await startTransport({ compression: true });
    const { client, taken } = await openClient(server);
    const { socket, messages } = taken;
    const got: string[] = [];
    client.on("message", (data) => got.push(String(data)));
    socket.send(CHUNK);
    socket.send("small");
    await until(() => got.length === 2);
    expect(client.extensions).toBe("permessage-deflate");
    expect(got).toEqual([CHUNK, "small"]);
    client.send("y".repeat(50_000));
    await until(() => messages.length === 1);
    expect(messages).toEqual(["y".repeat(50_000)]);
  });

  test("a message that inflates above the limit is answered 4413", async () => {
    const server = await startTransport({ compression: true });
    const { client, taken } = await openClient(server);
    client.send("y".repeat(10_000_000));
    expect(await taken.closed).toMatchObject({ code: 4413 });
    expect(taken.messages).toEqual([]);
  });

  test("every burst is followed by onFlushed, once per write and not once per message", async () => {
    const server = await startTransport();
    const { client, taken } = await openClient(server);
    const { socket, counts } = taken;
    let received = 0;
    client.on("message", () => received++);
    for (let burst = 1; burst <= 5; burst++) {
      for (let index = 0; index < 1000; index++) socket.send(`message ${index}`);
      expect(socket.bufferedBytes).toBeGreaterThan(10_000);
      await until(() => counts.flushed >= burst);
      await until(() => socket.bufferedBytes === 0 && received === burst * 1000);
      expect(counts.flushed).toBe(burst);
    }
  });

  test("a client that does not read makes bufferedBytes grow; reading flushes, terminating frees", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const { socket, counts, closed } = await server.next();
    client.socket.pause();
    const fill = async (limitBytes: number) => {
      for (let sent = 0; socket.bufferedBytes < limitBytes && sent < 2000; sent++) {
        socket.send(CHUNK);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await fill(4_000_000);
    expect(socket.bufferedBytes).toBeGreaterThanOrEqual(4_000_000);
    const flushedBefore = counts.flushed;
    client.socket.resume();
    await until(() => socket.bufferedBytes === 0 && counts.flushed > flushedBefore);
    client.socket.pause();
    await fill(4_000_000);
    socket.terminate();
    expect(await closed).toEqual({ code: 1006, reason: "" });
    expect(socket.bufferedBytes).toBe(0);
    expect(server.upgrade.connections).toBe(0);
    socket.send(CHUNK);
    expect(socket.bufferedBytes).toBe(0);
  });
});

describe("reading", () => {
  test("nothing is delivered while paused, not even the rest of a chunk; resuming keeps the order", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    const paused = withResolvers<void>();
    taken.onMessage = () => {
      taken.socket.pause();
      paused.resolve();
    };
    const frames = (from: number) =>
      [0, 1, 2].map((index) => clientFrame(0x81, Buffer.from(`${from + index}`)));
    client.socket.write(Buffer.concat(frames(1)));
    await paused.promise;
    client.socket.write(Buffer.concat(frames(4)));
    expect(taken.messages).toEqual(["1"]);
    taken.socket.resume();
    expect(taken.messages).toEqual(["1", "2"]);
    taken.onMessage = () => {};
    taken.socket.resume();
    await until(() => taken.messages.length === 6);
    expect(taken.messages).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  test("pausing reaches the sender as backpressure", async () => {
    const server = await startTransport();
    const { client, taken } = await openClient(server);
    taken.socket.pause();
    while (client.bufferedAmount < 1_000_000) {
      client.send(CHUNK.slice(1000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(taken.messages).toEqual([]);
    taken.socket.resume();
    await until(() => client.bufferedAmount === 0);
    expect(taken.messages.length).toBeGreaterThan(0);
  });
});

describe("closing", () => {
  test("the peer's code and reason are reported", async () => {
    const server = await startTransport();
    const { client, taken } = await openClient(server);
    client.close(4000, "bye");
    expect(await taken.closed).toEqual({ code: 4000, reason: "bye" });
    taken.socket.close(4401, "late");
    taken.socket.terminate();
    expect(taken.counts.closes).toBe(1);
  });

  test("the first close counts, and nothing is delivered after it", async () => {
    const server = await startTransport();
    const { client, taken } = await openClient(server);
    const seen = withResolvers<unknown>();
    client.on("close", (code, reason) => seen.resolve([code, String(reason)]));
    client.on("message", () => client.send("too late"));
    taken.socket.send("hello");
    taken.socket.close(4401, "TOKEN_EXPIRED");
    taken.socket.close(1011, "INTERNAL");
    expect(await seen.promise).toEqual([4401, "TOKEN_EXPIRED"]);
    expect(await taken.closed).toEqual({ code: 4401, reason: "TOKEN_EXPIRED" });
    expect(taken.messages).toEqual([]);
    expect(taken.counts).toMatchObject({ closes: 1, flushed: 0 });
  });

  test("a reason longer than a close frame holds is cut", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const { socket } = await server.next();
    socket.close(4401, "é".repeat(100));
    await until(() => client.received().length > 0);
    client.socket.end();
    expect(await client.closeFrame()).toEqual({ code: 4401, reason: "é".repeat(61) });
  });

  test("a peer that never answers a close is cut at the deadline", async () => {
    const server = await startTransport({ limits: { closeTimeoutMs: 50 } });
    const client = await rawUpgrade(server.port);
    const { socket, closed } = await server.next();
    socket.close(4508, "HEARTBEAT_TIMEOUT");
    expect(await closed).toEqual({ code: 4508, reason: "HEARTBEAT_TIMEOUT" });
    expect(await client.closeFrame()).toEqual({ code: 4508, reason: "HEARTBEAT_TIMEOUT" });
  });

  test("a paused connection still hears the peer's answer to a close", async () => {
    const server = await startTransport({ limits: { closeTimeoutMs: 60_000 } });
    const { socket, closed } = (await openClient(server)).taken;
    socket.pause();
    socket.close(4403, "REVOKED");
    expect(await closed).toEqual({ code: 4403, reason: "REVOKED" });
  });

  test("a peer that ends without a close frame and does not read is cut at the deadline", async () => {
    const server = await startTransport({ limits: { closeTimeoutMs: 50 } });
    const client = await rawUpgrade(server.port);
    const { socket, closed } = await server.next();
    client.socket.pause();
    while (socket.bufferedBytes < 1_000_000) {
      socket.send(CHUNK);
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.end();
    expect(await closed).toEqual({ code: 1006, reason: "" });
  });

  test("a connection that is reset is reported as 1006", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const { closed } = await server.next();
    client.socket.resetAndDestroy();
    expect(await closed).toEqual({ code: 1006, reason: "" });
  });
});
