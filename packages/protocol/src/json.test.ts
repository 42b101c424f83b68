import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import { parseJson } from "./json.ts";

const limits = { depthMax: 32 };
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("parseJson", () => {
  test("accepts depth 32 and refuses depth 33 [L4]", () => {
    expect(() => parseJson(nested(32), limits)).not.toThrow();
    expect(() => parseJson(nested(33), limits)).toThrow(expect.objectContaining({ code: "JSON_TOO_DEEP" }));
    expect(() => parseJson(`${'{"a":'.repeat(33)}1${"}".repeat(33)}`, limits)).toThrow(
      expect.objectContaining({ code: "JSON_TOO_DEEP" }),
    );
  });

  test("refuses a million brackets without parsing them", () => {
    expect(() => parseJson("[".repeat(1_000_000), limits)).toThrow(
      expect.objectContaining({ code: "JSON_TOO_DEEP" }),
    );
  });

  test("does not count brackets in strings, whatever is escaped there", () => {
    for (const value of [
      "[".repeat(99),
      `\\"${"[".repeat(99)}`,
      '\\\\"[[[',
      `${"\\".repeat(7)}"${"{".repeat(99)}`,
    ]) {
      expect(parseJson(JSON.stringify([value]), { depthMax: 1 })).toEqual([value]);
    }
  });

  test("counts siblings as one level", () => {
    expect(() => parseJson(`[${Array(100).fill("[]").join(",")}]`, { depthMax: 2 })).not.toThrow();
  });

  test("tells where the text is wrong and never repeats it", () => {
    expect(() => parseJson('{"token":secret}', limits)).toThrow(
      expect.objectContaining({
        code: "MALFORMED_MESSAGE",
        message: "The text is not valid JSON: see character 10 of 16.",
      }),
    );
  });

  test("tells that the text ends too early", () => {
    expect(() => parseJson('{"a":', limits)).toThrow("The text is not valid JSON: it ends too early.");
    expect(() => parseJson("", limits)).toThrow("The text is not valid JSON: it ends too early.");
  });

  test.each([
    '{"__proto__":1}',
    '{"a":[{"constructor":{}}]}',
    '{"prototype":null}',
    '{"\\u005f_proto__":1}',
    '{"\\u0063onstructor":1}',
    '{ "a": 1, "proto\\u0074ype" : 2 }',
  ])("refuses the forbidden key in %s", (text) => {
    expect(() => parseJson(text, limits)).toThrow(
      expect.objectContaining({ code: "MALFORMED_MESSAGE", message: expect.stringMatching(/ has the key /) }),
    );
  });

  test("lets the forbidden words be values and parts of keys", () => {
    for (const value of [{ a: "__proto__" }, ["constructor"], { prototypes: 1, "\u0001__proto__": 2 }]) {
      expect(parseJson(JSON.stringify(value), limits)).toEqual(value);
    }
  });

  test("gives what JSON.parse gives, or a PlexlineError", () => {
    const forbidden = fc.constantFrom("__proto__", "constructor", "prototype", "a");
    const values = fc.oneof(
      fc.jsonValue(),
      fc.object({ key: forbidden, values: [fc.string(), fc.integer()] }),
    );
    fc.assert(
      fc.property(values, (value) => {
        const text = JSON.stringify(value);
        const keys: string[] = [];
        JSON.parse(text, function (key, item) {
          if (!Array.isArray(this)) keys.push(key);
          return item;
        });
        const refused = keys.some((key) => ["__proto__", "constructor", "prototype"].includes(key));
        if (refused) expect(() => parseJson(text, limits)).toThrow(PlexlineError);
        else expect(parseJson(text, limits)).toEqual(JSON.parse(text));
      }),
      { numRuns: 1500 },
    );
  });

  test("throws nothing but PlexlineErrors, whatever the text", () => {
    const unit = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "\\u00",
      "5f",
      "a",
      "1",
      "null",
      '"__proto__":',
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit }), fc.string({ unit: "binary" })), (text) => {
        try {
          parseJson(text, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(PlexlineError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
