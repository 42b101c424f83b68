import { utf8Bytes } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { guardJson } from "./json-guard.ts";

const DEPTH = { depthMax: 3, fix: "Flatten it." };
const codeOf = (value: unknown): string => {
  try {
    guardJson(value, "data", DEPTH);
    return "taken";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("the guard of JSON", () => {
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a function", () => 1],
    ["a bigint", 1n],
    ["a symbol", Symbol("a")],
    ["no finite number", { a: Number.POSITIVE_INFINITY }],
    ["a hole", [[], new Array(1)]],
    ["a date", { a: new Date(0) }],
    ["bytes", new Uint8Array(1)],
    ["a key that code copies", JSON.parse('{"a":{"__proto__":1}}')],
    ["a constructor", { constructor: 1 }],
  ])("refuses %s", (_name, value) => {
    expect(codeOf(value)).toBe("PAYLOAD_INVALID");
  });

  test("takes what nests as deep as is allowed, and says what to do about more", () => {
    expect(codeOf([[{}]])).toBe("taken");
    expect(codeOf([[{ a: [] }]])).toBe("JSON_TOO_DEEP");
    expect(() => guardJson([[[[]]]], "data", DEPTH)).toThrow(
      expect.objectContaining({ message: expect.stringContaining("data"), fix: "Flatten it." }),
    );
  });

  test("a value that contains itself is too deep", () => {
    const ring: unknown[] = [];
    ring.push(ring);
    expect(codeOf(ring)).toBe("JSON_TOO_DEEP");
  });

  test("what it returns is never less than the bytes of the JSON", () => {
    const values = [
      null,
      false,
      -1.7976931348623157e308,
      "\u0000\u001f",
      "ä€😀",
      [],
      {},
      [[], [null]],
      { "\u0001": "\u0002", ä: [true, 1.5e-300] },
    ];
    for (const value of values)
      expect(guardJson(value, "data", DEPTH)).toBeGreaterThanOrEqual(utf8Bytes(JSON.stringify(value)));
  });
});
