import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBinaryMessage, encodeBinaryMessage } from "./codec-binary.ts";
import { PlexlineError } from "./error.ts";

const numbers = fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1), fc.constant(2 ** 31 - 1));

test("a binary message is alias, kind and payload, in this order [B1]", () => {
  const payload = Uint8Array.of(9, 8, 7);
  expect([...encodeBinaryMessage({ alias: 300, kind: 2, payload })]).toEqual([0xac, 0x02, 0x02, 9, 8, 7]);
});

test("the decoded payload is a view and no copy", () => {
  const data = Uint8Array.of(1, 2, 3, 4);
  const { payload } = decodeBinaryMessage(data);
  expect(payload.buffer).toBe(data.buffer);
  expect([...payload]).toEqual([3, 4]);
});

test("a payload may be empty, alias and kind may not be missing [B1]", () => {
  expect(decodeBinaryMessage(Uint8Array.of(1, 2)).payload).toHaveLength(0);
  expect(() => decodeBinaryMessage(Uint8Array.of(1))).toThrow(PlexlineError);
  expect(() => decodeBinaryMessage(new Uint8Array())).toThrow(PlexlineError);
});

test("valid messages come back as they were", () => {
  fc.assert(
    fc.property(numbers, numbers, fc.uint8Array(), (alias, kind, payload) => {
      const decoded = decodeBinaryMessage(encodeBinaryMessage({ alias, kind, payload }));
      expect({ ...decoded, payload: [...decoded.payload] }).toEqual({ alias, kind, payload: [...payload] });
    }),
    { numRuns: 1500 },
  );
});

test("random bytes decode to what encodes to the same bytes, or are refused with a PlexlineError [B3]", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 14 }), (data) => {
      try {
        expect(encodeBinaryMessage(decodeBinaryMessage(data))).toEqual(data);
      } catch (error) {
        expect(error).toBeInstanceOf(PlexlineError);
      }
    }),
    { numRuns: 2500 },
  );
});
