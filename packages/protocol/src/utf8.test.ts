import fc from "fast-check";
import { expect, test } from "vitest";
import { cutToUtf8Bytes, isWellFormed, utf8Bytes } from "./utf8.ts";

const anyString = fc.string({
  unit: fc.oneof(fc.constantFrom("a", "é", "€", "😀", "\ud800", "\udc00"), fc.string()),
});

test("counts the bytes that an encoder writes", () => {
  fc.assert(fc.property(anyString, (text) => utf8Bytes(text) === new TextEncoder().encode(text).length));
});

test("cuts to the longest beginning that fits and splits no character", () => {
  fc.assert(
    fc.property(anyString, fc.nat(40), (text, bytesMax) => {
      const cut = cutToUtf8Bytes(text, bytesMax);
      const next = text.slice(cut.length, cut.length + 2);
      const nextCharacter = isWellFormed(next.slice(0, 1))
        ? next.slice(0, 1)
        : isWellFormed(next)
          ? next
          : next.slice(0, 1);
      expect(text.startsWith(cut)).toBe(true);
      expect(utf8Bytes(cut)).toBeLessThanOrEqual(bytesMax);
      expect(isWellFormed(cut) || !isWellFormed(text)).toBe(true);
      if (cut !== text) expect(utf8Bytes(cut + nextCharacter)).toBeGreaterThan(bytesMax);
    }),
  );
});

test("knows lone surrogates", () => {
  fc.assert(
    fc.property(
      anyString,
      (text) => isWellFormed(text) === (new TextDecoder().decode(new TextEncoder().encode(text)) === text),
    ),
    { examples: [["\ud800"], ["\udc00\ud800"], ["😀"]] },
  );
});
