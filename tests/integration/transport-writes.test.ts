import { describe, expect, test } from "vitest";
import { clientFrame, type RawClient, rawUpgrade, startTransport, until } from "./transport-fixture.ts";

const PING = 0x89;
const CLOSE = 0x88;
const NO_LIMIT = Number.POSITIVE_INFINITY;
const WAYS = [
  { way: "written to the stream", writesRaw: true },
  { way: "sent by ws", writesRaw: false },
];

interface ReceivedFrame {
  /** FIN, reserved bits and opcode. */
  readonly first: number;
  readonly payload: Buffer;
}

/** Takes frames apart as RFC 6455 §5.2 says; throws at a mask, a length in more bytes than it needs, or half a frame. */
function parseFrames(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const [header, length, least] =
      second === 126
        ? [4, bytes.readUInt16BE(at + 2), 126]
        : second === 127
          ? [10, Number(bytes.readBigUInt64BE(at + 2)), 65_536]
          : [2, second, 0];
    if (second > 127 || length < least || at + header + length > bytes.length)
      throw new Error("Not a frame.");
    frames.push({ first, payload: bytes.subarray(at + header, at + header + length) });
    at += header + length;
  }
  return frames;
}

async function connected(options: { writesRaw: boolean }) {
  const server = await startTransport(options);
  const client = await rawUpgrade(server.port);
  const taken = await server.next();
  return { server, client, taken, socket: taken.socket, sendAll: taken.socket.sendAll! };
}

/** Everything the client got, once that is so many bytes. */
async function received(client: RawClient, bytes: number): Promise<Buffer> {
  await until(() => client.received().length >= bytes);
  return client.received();
}

const LENGTHS = [0, 1, 125, 126, 127, 4096, 4097, 65_535, 65_536, 200_000];
const messages = LENGTHS.flatMap((length) => ["t".repeat(length), new Uint8Array(length).fill(7)]);
const HEADERS = [2, 2, 2, 4, 4, 4, 4, 4, 10, 10];
const BYTES = 2 * LENGTHS.reduce((sum, length, index) => sum + length + HEADERS[index]!, 0);

describe.each(WAYS)("messages $way", ({ writesRaw }) => {
  test("are whole unmasked frames with the shortest length, in order", async () => {
    const { client, sendAll, socket } = await connected({ writesRaw });
    expect(sendAll(messages, NO_LIMIT)).toBe(true);
    for (const message of messages) socket.send(message);
    const frames = parseFrames(await received(client, BYTES * 2));
    expect(frames.map(({ first, payload }) => [first, payload.length])).toEqual(
      [...messages, ...messages].map((message) => [
        typeof message === "string" ? 0x81 : 0x82,
        message.length,
      ]),
    );
    expect(
      frames.every(({ first, payload }) => payload.every((byte) => byte === (first === 0x81 ? 116 : 7))),
    ).toBe(true);
  });

  test("and pongs between them do not touch each other", async () => {
    const { client, socket, sendAll } = await connected({ writesRaw });
    const batch = ["a".repeat(30_000), "b"];
    for (let round = 0; round < 10; round += 1) {
      client.socket.write(clientFrame(PING, Buffer.from(String(round))));
      sendAll(batch, NO_LIMIT);
      await new Promise((resolve) => setImmediate(resolve));
      socket.send(String(round));
      socket.ping();
    }
    const pongs = () => parseFrames(client.received()).filter(({ first }) => first === 0x8a);
    await until(() => {
      try {
        return pongs().length === 10;
      } catch {
        return false; // half a frame has arrived
      }
    });
    const frames = parseFrames(client.received());
    expect(pongs().map(({ payload }) => String(payload))).toEqual([..."0123456789"]);
    expect(
      frames.filter(({ first }) => first === 0x81).map(({ payload }) => String(payload).slice(0, 1)),
    ).toEqual([..."0123456789"].flatMap((round) => ["a", "b", round]));
  });

  test("leave before a close that comes during the write, and none after it", async () => {
    const { client, socket, sendAll } = await connected({ writesRaw });
    client.socket.pause();
    const large = ["x".repeat(3_000_000), "y"];
    sendAll(large, NO_LIMIT);
    socket.close(4403, "REVOKED");
    expect(sendAll(large, NO_LIMIT)).toBe(false);
    socket.send("late");
    client.socket.once("end", () => client.socket.end());
    client.socket.resume();
    client.socket.write(clientFrame(CLOSE, Buffer.from([0x11, 0x33])));
    await client.ended;
    const frames = parseFrames(client.received());
    expect(frames.map(({ first, payload }) => [first, payload.length])).toEqual([
      [0x81, 3_000_000],
      [0x81, 1],
      [CLOSE, 9],
    ]);
  });

  test("do not follow the answer to the peer's close", async () => {
    const { client, taken, sendAll } = await connected({ writesRaw });
    taken.onMessage = () => {
      // The close is in the same chunk, so `ws` has answered it when the tick goes on.
      process.nextTick(() => {
        taken.socket.send("late");
        sendAll(["late"], NO_LIMIT);
      });
    };
    client.socket.write(
      Buffer.concat([clientFrame(0x81, Buffer.from("hi")), clientFrame(CLOSE, Buffer.from([3, 232]))]),
    );
    client.socket.once("end", () => client.socket.end());
    await client.ended;
    expect(parseFrames(client.received()).map(({ first }) => first)).toEqual([CLOSE]);
  });

  test("reach a client that reads one byte at a time, and one that writes so", async () => {
    const { client, taken, sendAll } = await connected({ writesRaw });
    client.socket.removeAllListeners("data");
    client.socket.pause();
    const bytes: Buffer[] = [];
    client.socket.on("readable", () => {
      for (let byte = client.socket.read(1); byte !== null; byte = client.socket.read(1)) bytes.push(byte);
    });
    for (const byte of clientFrame(0x81, Buffer.from("hello"))) client.socket.write(Buffer.from([byte]));
    await until(() => taken.messages.length === 1);
    for (let round = 0; round < 20; round += 1) {
      sendAll(["é".repeat(100), String(round)], NO_LIMIT);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => bytes.length === 20 * 204 + 10 * 3 + 10 * 4);
    const texts = parseFrames(Buffer.concat(bytes)).map(({ payload }) => String(payload));
    expect(texts).toEqual(Array.from({ length: 20 }, (_, round) => ["é".repeat(100), String(round)]).flat());
    expect(taken.messages).toEqual(["hello"]);
  });

  test("are refused above the limit, and reading again tells when there is room", async () => {
    const { client, taken, socket, sendAll } = await connected({ writesRaw });
    client.socket.pause();
    const large = ["x".repeat(100_000)];
    let sent = 0;
    while (sendAll(large, 500_000) && sent < 1_000) {
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.bufferedBytes).toBeGreaterThanOrEqual(500_000);
    expect(socket.bufferedBytes).toBeLessThan(700_000);
    const { flushed } = taken.counts;
    client.socket.resume();
    await until(() => socket.bufferedBytes === 0 && taken.counts.flushed > flushed);
    expect(sendAll(large, 1)).toBe(true);
    expect(sendAll(large, 0)).toBe(false);
    const frames = parseFrames(await received(client, (sent + 1) * 100_010));
    expect(frames).toHaveLength(sent + 1);
  });
});

test("both ways give the same bytes", async () => {
  const got = await Promise.all(
    WAYS.map(async ({ writesRaw }) => {
      const { client, socket, sendAll } = await connected({ writesRaw });
      sendAll(messages, NO_LIMIT);
      for (const message of messages) socket.send(message);
      return await received(client, BYTES * 2);
    }),
  );
  expect(got[0]!.equals(got[1]!)).toBe(true);
});
