import { describe, expect, test } from "vitest";
import { readJsonBytes } from "./json-bytes.ts";

const update = Uint8Array.of(0, 1, 127, 128, 255);

describe("bytes in JSON [DR4] [FB5] [CB7]", () => {
  test.each([
    ["base64", "AAF/gP8="],
    ["base64", "AAF_gP8"],
    ["numbers", [...update]],
    ["object", JSON.parse(JSON.stringify(update))],
    ["buffer", JSON.parse(JSON.stringify(Buffer.from(update)))],
  ])("are read as %s: %j", (form, value) => {
    expect(readJsonBytes(value)).toEqual({ bytes: update, form });
  });

  test.each([
    ["base64", ""],
    ["numbers", []],
    ["object", {}],
    ["buffer", { type: "Buffer", data: [] }],
  ])("may be none: %s", (form, value) => {
    expect(readJsonBytes(value)).toEqual({ bytes: new Uint8Array(), form });
  });

  test.each<[unknown, string | null, number]>([
    [undefined, null, 0],
    [null, null, 0],
    [7, null, 0],
    [true, null, 0],
    ["no base64!", "base64", 0],
    ["AAAAA", "base64", 0],
    [[1, 256], "numbers", 1],
    [[-1], "numbers", 0],
    [[1, 2, 1.5], "numbers", 2],
    [["1"], "numbers", 0],
    [[1, null], "numbers", 1],
    [[0, [1]], "numbers", 1],
    [{ 1: 1 }, "object", 0],
    [{ 0: 1, 2: 1 }, "object", 1],
    [{ 0: 1, length: 1 }, "object", 1],
    [{ 0: "1" }, "object", 0],
    [{ type: "Buffer", data: [3, 256] }, "buffer", 1],
    [{ type: "Buffer" }, "object", 0],
    [{ type: "Buffer", data: "AA==" }, "object", 0],
    [{ data: [1] }, "object", 0],
  ])("are not in %j, and it is told where", (value, form, at) => {
    expect(readJsonBytes(value)).toEqual({ bytes: null, form, at });
  });
});
