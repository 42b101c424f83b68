import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { limitReceiver } from "./receiver-limits.ts";

const MIB = 1_024 * 1_024;

/** What a WebSocket of `ws` looks like inside; without a receiver, as a later version of it might. */
function createInside({ hasReceiver = true } = {}) {
  const inflater = { _maxPayload: 1 };
  const receiver = Object.assign(new EventEmitter(), {
    _maxPayload: 1,
    _maxFragments: 1,
    _maxBufferedChunks: 1,
  });
  const ws = Object.assign(new EventEmitter(), {
    _extensions: { "permessage-deflate": inflater },
    ...(hasReceiver ? { _receiver: receiver } : {}),
  });
  const limits = limitReceiver(ws as unknown as WebSocket, {
    messageBytesMax: 1_000,
    fragmentsMax: 10,
    chunksMax: 20,
    onRefused() {},
    onPeerClosing() {},
  });
  const numbers = () => [receiver._maxPayload, receiver._maxFragments, receiver._maxBufferedChunks];
  return { ws, inflater, limits, numbers };
}

describe("the limits of a receiver", () => {
  test("follow what a message may have: bytes, fragments, chunks, and what it inflates to", () => {
    const { limits, numbers, inflater } = createInside();
    expect([numbers(), limits.isLimited]).toEqual([[1_000, 10, 20], true]);
    limits.setMessageBytesMax(64 * MIB);
    expect([numbers(), inflater._maxPayload]).toEqual([[64 * MIB, 4_096, 131_072], 64 * MIB]);
  });

  test("when lowered, leave the chunks of a message under way until one has arrived", () => {
    const { ws, limits, numbers } = createInside();
    limits.setMessageBytesMax(64 * MIB);
    limits.setMessageBytesMax(MIB);
    limits.setMessageBytesMax(1_000);
    expect(numbers()).toEqual([1_000, 10, 131_072]);
    ws.emit("message");
    expect(numbers()).toEqual([1_000, 10, 20]);
    limits.setMessageBytesMax(MIB);
    expect(numbers()).toEqual([MIB, 64, 2_048]);
    expect(ws.listenerCount("message")).toBe(0);
  });

  test("are told to be unknown where there is no such receiver", () => {
    const { limits } = createInside({ hasReceiver: false });
    limits.setMessageBytesMax(5);
    expect([limits.isKnown, limits.isLimited]).toEqual([false, false]);
  });
});
