import fc from "fast-check";
import { expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import { readVarint, varintBytes, writeVarint } from "./varint.ts";

const MAX = 2 ** 31 - 1;

test.each([
  [0, [0x00]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [16_383, [0xff, 0x7f]],
  [16_384, [0x80, 0x80, 0x01]],
  [2_097_151, [0xff, 0xff, 0x7f]],
  [2_097_152, [0x80, 0x80, 0x80, 0x01]],
  [268_435_456, [0x80, 0x80, 0x80, 0x80, 0x01]],
  [MAX, [0xff, 0xff, 0xff, 0xff, 0x07]],
])("%i travels as %j [B2]", (value, bytes) => {
  const target = new Uint8Array(varintBytes(value));
  expect(writeVarint(target, 0, value)).toBe(bytes.length);
  expect([...target]).toEqual(bytes);
  expect(readVarint(target, 0)).toBe(value);
});

test.each([
  ["nothing", []],
  ["a number cut off", [0x80]],
  ["a longer form of 0", [0x80, 0x00]],
  ["a longer form of 1", [0x81, 0x80, 0x00]],
  ["2^31", [0x80, 0x80, 0x80, 0x80, 0x08]],
  ["2^32", [0x80, 0x80, 0x80, 0x80, 0x10]],
  ["six bytes", [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
])("%s is refused [B3]", (_, bytes) => {
  expect(() => readVarint(Uint8Array.from(bytes), 0)).toThrow(
    expect.objectContaining({ code: "MALFORMED_MESSAGE" }),
  );
});

test.each([-1, 1.5, Number.NaN, MAX + 1, Number.POSITIVE_INFINITY])("%d is not written", (value) => {
  expect(() => writeVarint(new Uint8Array(5), 0, value)).toThrow(PlexlineError);
});

test("every number has exactly one form [B3]", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 6 }), (bytes) => {
      let value: number;
      try {
        value = readVarint(bytes, 0);
      } catch (error) {
        expect(error).toBeInstanceOf(PlexlineError);
        return;
      }
      const again = new Uint8Array(varintBytes(value));
      writeVarint(again, 0, value);
      expect(bytes.subarray(0, again.length)).toEqual(again);
    }),
    { numRuns: 1500 },
  );
});
