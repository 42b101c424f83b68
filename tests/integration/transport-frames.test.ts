import { describe, expect, test } from "vitest";
import {
  clientFrame,
  rawConnect,
  rawUpgrade,
  startTransport,
  until,
  upgradeText,
} from "./transport-fixture.ts";

const TEXT = 0x81;
const BINARY = 0x82;
const TEXT_PART = 0x01;
const MIDDLE_PART = 0x00;
const LAST_PART = 0x80;
const PING = 0x89;
const PONG = 0x8a;

describe("hostile frames", () => {
  test("a message above the limit is answered 4413 with the limit, not 1009", async () => {
    const server = await startTransport({ limits: { messageBytesMax: 1000 } });
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    client.socket.write(clientFrame(TEXT, Buffer.alloc(1000, "a")));
    client.socket.write(clientFrame(TEXT, Buffer.alloc(1001, "a")));
    const close = { code: 4413, reason: "MESSAGE_TOO_LARGE: a message may have at most 1000 bytes here." };
    client.socket.once("end", () => client.socket.end());
    expect(await client.closeFrame()).toEqual(close);
    expect(await taken.closed).toEqual(close);
    expect(taken.messages.map((message) => message.length)).toEqual([1000]);
    expect(taken.counts.closes).toBe(1);
  });

  test("fragments count together against the limit", async () => {
    const server = await startTransport({ limits: { messageBytesMax: 1000 } });
    const client = await rawUpgrade(server.port);
    client.socket.write(clientFrame(0x02, Buffer.alloc(600)));
    client.socket.write(clientFrame(LAST_PART, Buffer.alloc(600)));
    expect(await client.closeFrame()).toMatchObject({ code: 4413 });
  });

  test("the limit follows the session, up and down", async () => {
    const server = await startTransport({ limits: { messageBytesMax: 1000 } });
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    taken.socket.setMessageBytesMax(100_000);
    client.socket.write(clientFrame(BINARY, Buffer.alloc(100_000, 7)));
    await until(() => taken.messages.length === 1);
    expect(taken.messages[0]).toEqual(Uint8Array.from(Buffer.alloc(100_000, 7)));
    taken.socket.setMessageBytesMax(2000);
    client.socket.write(clientFrame(BINARY, Buffer.alloc(2001)));
    expect(await client.closeFrame()).toEqual({
      code: 4413,
      reason: "MESSAGE_TOO_LARGE: a message may have at most 2000 bytes here.",
    });
  });

  test("a frame that claims 2^63 bytes is answered 4413 before any of them arrive", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    client.socket.write(Buffer.from([BINARY, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]));
    expect(await client.closeFrame()).toMatchObject({ code: 4413 });
  });

  test("1,024 fragments make a message, 1,025 close with 1008", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    const parts = (count: number) => [
      clientFrame(TEXT_PART, Buffer.from("a")),
      ...Array.from({ length: count - 2 }, () => clientFrame(MIDDLE_PART, Buffer.from("a"))),
      clientFrame(LAST_PART, Buffer.from("a")),
    ];
    client.socket.write(Buffer.concat(parts(1024)));
    await until(() => taken.messages.length === 1);
    client.socket.write(Buffer.concat(parts(1025)));
    const close = { code: 1008, reason: "The message came in too many parts." };
    expect(await client.closeFrame()).toEqual(close);
    expect(await taken.closed).toEqual(close);
    expect(taken.messages).toEqual(["a".repeat(1024)]);
  });

  test.each([
    ["an unmasked frame", clientFrame(TEXT, Buffer.from("hi"), false), 1002],
    ["a reserved bit", clientFrame(TEXT | 0x20, Buffer.from("hi")), 1002],
    ["the bit of an extension that was not negotiated", clientFrame(TEXT | 0x40, Buffer.from("hi")), 1002],
    ["an unknown opcode", clientFrame(0x83, Buffer.from("hi")), 1002],
    ["a continuation of nothing", clientFrame(LAST_PART, Buffer.from("hi")), 1002],
    ["a fragmented ping", clientFrame(0x09), 1002],
    ["a ping of 126 bytes", clientFrame(PING, Buffer.alloc(126)), 1002],
    ["a close frame of one byte", clientFrame(0x88, Buffer.from("x")), 1002],
    ["a close frame with a forbidden code", clientFrame(0x88, Buffer.from([1005 >> 8, 1005 & 255])), 1002],
    ["garbage", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 1002],
    ["text that is not UTF-8", clientFrame(TEXT, Buffer.from([0xc3, 0x28])), 1007],
    ["text that ends inside a character", clientFrame(TEXT, Buffer.from([0xe2, 0x82])), 1007],
  ])("%s closes the connection", async (_name, bytes, code) => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    client.socket.write(bytes);
    expect(await client.closeFrame()).toMatchObject({ code, reason: expect.stringMatching(/\w/) });
    expect(await taken.closed).toMatchObject({ code });
    expect(taken.messages).toEqual([]);
  });

  test("text and bytes are told apart, and a character may be split between fragments", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    client.socket.write(clientFrame(TEXT_PART, Buffer.from([0xe2, 0x82])));
    client.socket.write(clientFrame(LAST_PART, Buffer.from([0xac])));
    client.socket.write(clientFrame(BINARY, Buffer.from([0, 255])));
    client.socket.write(Buffer.concat([clientFrame(TEXT), clientFrame(BINARY)]));
    await until(() => taken.messages.length === 4);
    expect(taken.messages).toEqual(["€", Uint8Array.of(0, 255), "", new Uint8Array(0)]);
  });

  test("frames that come along with the handshake are delivered", async () => {
    const server = await startTransport();
    const text = upgradeText("/ws", { "Sec-WebSocket-Protocol": "plexline.v1" });
    rawConnect(server.port, Buffer.concat([Buffer.from(text), clientFrame(TEXT, Buffer.from("early"))]));
    const taken = await server.next();
    await until(() => taken.messages.length === 1);
    expect(taken.messages).toEqual(["early"]);
  });

  test.each([
    ["ping", PING],
    ["pong", PONG],
  ])("a flood of %s frames is answered 4529", async (_name, first) => {
    const server = await startTransport({ limits: { controlFrames: { ratePerSecond: 1, burst: 20 } } });
    const client = await rawUpgrade(server.port);
    const taken = await server.next();
    client.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => clientFrame(first))));
    const close = { code: 4529, reason: "RATE_LIMITED: too many ping or pong frames." };
    expect(await client.closeFrame()).toEqual(close);
    expect(await taken.closed).toEqual(close);
    // Two bytes each: what a ping is answered with stays bounded too.
    expect(client.received().length).toBeLessThan(300);
  });

  test("pings within the rate are answered", async () => {
    const server = await startTransport();
    const client = await rawUpgrade(server.port);
    client.socket.write(clientFrame(PING, Buffer.from("x")));
    await until(() => client.received().length >= 3);
    expect(client.received()).toEqual(Buffer.from([PONG, 1, "x".charCodeAt(0)]));
  });
});
