import fc from "fast-check";
import { expect, test } from "vitest";
import { closeReason, parseCloseReason } from "./close-reason.ts";
import type { ErrorCode } from "./error-code.ts";
import { ERROR_CODES } from "./error-table.ts";

const codes = fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[]));

test("a close reason fits its frame, keeps its code and splits no character [X5]", () => {
  fc.assert(
    fc.property(codes, fc.string({ unit: "grapheme", maxLength: 200 }), (code, message) => {
      const reason = closeReason(code, message);
      const bytes = new TextEncoder().encode(reason);
      expect(bytes.length).toBeLessThanOrEqual(123);
      expect(new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toBe(reason);
      expect(`${code}: ${message}`.startsWith(reason)).toBe(true);
      expect(parseCloseReason(reason)).toBe(code);
    }),
    { numRuns: 1000 },
  );
});

test("a close reason uses the room it has", () => {
  expect(closeReason("FORBIDDEN", "é".repeat(56))).toHaveLength("FORBIDDEN: ".length + 56);
  expect(new TextEncoder().encode(closeReason("FORBIDDEN", "é".repeat(57)))).toHaveLength(123);
  expect(closeReason("INTERNAL", "Short.")).toBe("INTERNAL: Short.");
});

test.each(["", "bye", "constructor: x", "toString", "internal: x", ": INTERNAL"])(
  "%j names no error code",
  (text) => {
    expect(parseCloseReason(text)).toBeNull();
  },
);
