import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { isState, readAwareness, writeAwareness } from "./codec.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const number = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.maxSafeNat());

describe("the codec of awareness", () => {
  test("what y-protocols encodes is read, and the other way round", () => {
    const entries = fc.uniqueArray(
      fc.record({ client: number, clock: number.map((clock) => clock || 1), value: fc.jsonValue() }),
      { selector: ({ client }) => client, maxLength: 10 },
    );
    const awareness = new Awareness(new Y.Doc());
    const peer = new Awareness(new Y.Doc());
    try {
      fc.assert(
        fc.property(entries, (list) => {
          for (const { client, clock, value } of list) {
            if (value === null) awareness.states.delete(client);
            else awareness.states.set(client, value as Record<string, unknown>);
            awareness.meta.set(client, { clock, lastUpdated: 0 });
          }
          const ids = list.map(({ client }) => client);
          const encoded = encodeAwarenessUpdate(awareness, ids);
          const read = readAwareness(encoded);
          expect(read.map(({ client, clock }) => [client, clock])).toEqual(
            list.map(({ client, clock }) => [client, clock]),
          );
          for (const { state } of read) expect(state === null || isState(state)).toBe(true);
          expect(writeAwareness(read)).toEqual(encoded);
          peer.meta.clear();
          applyAwarenessUpdate(peer, writeAwareness(read), null);
          for (const { client, value } of list) {
            if (value) expect(peer.states.get(client)).toEqual(JSON.parse(JSON.stringify(value)));
          }
        }),
        { seed: 1 },
      );
    } finally {
      awareness.destroy();
      peer.destroy();
    }
  });

  test.each([
    ["no bytes", []],
    ["a count without entries", [1]],
    ["a count far beyond the bytes", [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a state that is cut off", [1, 1, 1, 4, 110]],
    ["bytes after the end", [1, 1, 1, 2, 123, 125, 0]],
    ["a number beyond 2^53", [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0]],
  ])("%s is refused with PRESENCE_INVALID", (_, payload) => {
    expect(() => readAwareness(Uint8Array.from(payload))).toThrow(
      expect.objectContaining({ code: "PRESENCE_INVALID" }),
    );
  });

  test("any bytes are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        try {
          readAwareness(payload);
        } catch (error) {
          expect(error).toMatchObject({ code: "PRESENCE_INVALID" });
        }
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });

  test("an update of more than 10,000 states or 1 MiB is refused", () => {
    const many = (count: number) => writeAwareness(Array(count).fill({ client: 1, clock: 1, state: null }));
    expect(readAwareness(many(10_000))).toHaveLength(10_000);
    expect(() => readAwareness(many(10_001))).toThrow();
    const state = new Uint8Array(1024 * 1024);
    expect(() => readAwareness(writeAwareness([{ client: 1, clock: 1, state }]))).toThrow();
  });

  test.each(["{}", '{"a":[1,2,{"b":"c"}]}', "0", '"text"', " [ ] ", "true"])("%s is a state", (json) => {
    expect(isState(bytes(json))).toBe(true);
  });

  test.each(["", "{", "undefined", "{}x", "{'a':1}", " null", "null\n", "[".repeat(100) + "]".repeat(100)])(
    "%j is none",
    (json) => {
      expect(isState(bytes(json))).toBe(false);
    },
  );

  test("bytes that are not UTF-8 are no state", () => {
    expect(isState(Uint8Array.of(0x22, 0xff, 0x22))).toBe(false);
    expect(isState(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d))).toBe(false);
  });
});
