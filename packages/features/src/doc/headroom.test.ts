import { describe, expect, test } from "vitest";
import { encodeUpdate } from "./dialects/hocuspocus/frame.ts";
import { encodeUpdate as encodeYWebsocketUpdate } from "./dialects/y-websocket/frame.ts";
import { payloadWithHeadroom, takeHeadroom } from "./headroom.ts";

function filled(): Uint8Array {
  const payload = payloadWithHeadroom(1_000);
  for (const index of payload.keys()) payload[index] = index % 251;
  return payload;
}

describe("room before a payload", () => {
  test("a frame is written around the payload where it is, once, and is the same as a copy", () => {
    for (const encode of [encodeYWebsocketUpdate, (payload: Uint8Array) => encodeUpdate("plan", payload)]) {
      const payload = filled();
      const copy = Uint8Array.from(payload);
      const inPlace = encode(payload);
      expect(inPlace.buffer).toBe(payload.buffer);
      expect(inPlace).toEqual(encode(copy));
      // The room is taken: another frame is one of its own, and neither changes the other.
      const other = encodeUpdate("another", payload);
      expect(other.buffer).not.toBe(payload.buffer);
      expect(inPlace).toEqual(encode(copy));
      expect(other).toEqual(encodeUpdate("another", copy));
      expect(payload).toEqual(copy);
    }
  });

  test("what is longer than the room is left to a copy", () => {
    const payload = filled();
    expect(takeHeadroom(payload, 10_000)).toBeUndefined();
    expect(encodeUpdate("x".repeat(900), payload).buffer).not.toBe(payload.buffer);
    expect(encodeUpdate("x", payload).buffer).toBe(payload.buffer);
  });

  test("what has none is left alone", () => {
    const bytes = new Uint8Array(1_000);
    expect(takeHeadroom(bytes.subarray(500), 10)).toBeUndefined();
  });
});
