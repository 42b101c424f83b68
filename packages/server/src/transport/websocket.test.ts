import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { systemClock } from "../platform/clock.ts";
import { TRANSPORT_LIMITS } from "./limits.ts";
import { createReadingTurns } from "./reading-turns.ts";
import { createWebSocketSocket } from "./websocket.ts";

/** A WebSocket with the public members of `ws` that are used, and none of its inside. */
class OpaqueWebSocket extends EventEmitter {
  readyState = 1;
  extensions = "";
  bufferedAmount = 0;
  closes: [number, string][] = [];
  close(code: number, reason: string): void {
    this.readyState = 2;
    this.closes.push([code, reason]);
  }
  pause(): void {}
  resume(): void {}
}

describe("a WebSocket whose inside is not as expected", () => {
  function createFixture() {
    const ws = new OpaqueWebSocket();
    const stream = new PassThrough();
    const socket = createWebSocketSocket(ws as unknown as WebSocket, {
      stream,
      clock: systemClock,
      turns: createReadingTurns(systemClock),
      limits: { ...TRANSPORT_LIMITS, messageBytesMax: 3 },
    });
    const messages: unknown[] = [];
    socket.attach({ onMessage: (data) => messages.push(data), onPong() {}, onFlushed() {}, onClose() {} });
    return {
      ws,
      stream,
      socket,
      messages,
      receive: (text: string) => ws.emit("message", Buffer.from(text), false),
    };
  }

  test("still closes with 4413 above the limit, counted in bytes", () => {
    const { ws, messages, receive, stream } = createFixture();
    receive("abc");
    receive("éé");
    receive("abc");
    expect(messages).toEqual(["abc"]);
    expect(ws.closes).toEqual([[4413, "MESSAGE_TOO_LARGE: a message may have at most 3 bytes here."]]);
    expect(stream.writableEnded).toBe(true);
  });

  test("still follows the session's limit", () => {
    const { ws, socket, messages, receive } = createFixture();
    socket.setMessageBytesMax(4);
    receive("abcd");
    expect(messages).toEqual(["abcd"]);
    expect(ws.closes).toEqual([]);
  });
});
