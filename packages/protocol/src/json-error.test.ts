import fc from "fast-check";
import { expect, test } from "vitest";
import { locateJsonError } from "./json-error.ts";

test.each([
  ["", 0],
  ["abc", 0],
  ["nul", 3],
  ["nulL", 3],
  ['{"a":1,}', 7],
  ['{"a" 1}', 5],
  ["[1 2]", 3],
  ["[1,", 3],
  ['"abc', 4],
  ['"a\\x"', 3],
  ['"\\u12g4"', 5],
  ["-", 1],
  ["01", 1],
  ["1.", 2],
  ["1e+", 3],
  ['{"a":1} x', 8],
  ['"a\nb"', 2],
])("%j stops being JSON at %i", (text, at) => expect(locateJsonError(text)).toBe(at));

const pieces = fc.constantFrom(
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u00e9",
  "a",
  "0",
  "1",
  "-",
  ".",
  "e",
  "true",
  "null",
  " ",
  "\n",
);
const nearlyJson = fc.oneof(
  fc.string({ unit: pieces, maxLength: 12 }),
  fc
    .tuple(fc.json(), fc.nat(60), pieces)
    .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at + 1)),
  fc.json(),
);

test("agrees with JSON.parse on what is JSON, and what precedes the place is not at fault", () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      const at = locateJsonError(text);
      expect(at === -1).toBe(valid);
      // What stands before the place is JSON or its beginning: alone, it ends too early at worst.
      if (!valid) expect([-1, at]).toContain(locateJsonError(text.slice(0, at)));
    }),
    { numRuns: 3000 },
  );
});
