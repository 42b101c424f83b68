import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import type { BytesForm } from "../json-bytes.ts";
import { bytesToJson, readBytes } from "./bytes.ts";

const update = Uint8Array.of(0, 1, 127, 128, 255);

/** What clients write for the same bytes. */
const WRITTEN: readonly [BytesForm, unknown][] = [
  ["base64", "AAF/gP8="],
  ["base64", "AAF_gP8"],
  ["numbers", Array.from(update)],
  ["object", JSON.parse(JSON.stringify(update))],
  ["buffer", JSON.parse(JSON.stringify(Buffer.from(update)))],
];

test.each(WRITTEN)("[CB7] bytes are read as %s: %j", (form, value) => {
  expect(readBytes(value, "x")).toEqual({ bytes: update, form });
});

test.each<BytesForm>(["base64", "numbers", "object", "buffer"])(
  "[CB7] bytes are written as %s as others write them, and are read again",
  (form) => {
    for (const bytes of [update, new Uint8Array(0), Uint8Array.of(7), Uint8Array.of(7, 8)]) {
      const value: unknown = JSON.parse(bytesToJson(bytes, form));
      expect(readBytes(value, "x")).toEqual({ bytes, form });
    }
    const others = { base64: Buffer.from(update).toString("base64"), numbers: [...update] };
    const expected = { ...others, object: { ...update }, buffer: { type: "Buffer", data: [...update] } };
    // Of a part of a larger buffer as well, which is how they come from a socket.
    const part = Buffer.from([9, ...update, 9]).subarray(1, 6);
    expect(JSON.parse(bytesToJson(part, form))).toEqual(expected[form]);
  },
);

describe("[CB7] what holds no bytes is refused, and the field is named", () => {
  test.each<unknown>([
    undefined,
    null,
    7,
    true,
    "no base64!",
    "A",
    [256],
    [-1],
    [1.5],
    ["1"],
    [null],
    { "1": 1 },
    { "0": 1, "2": 1 },
    { "0": 1, length: 1 },
    { "0": "1" },
    { type: "Buffer", data: [256] },
    { type: "Buffer" },
    { data: [1] },
  ])("%j", (value) => {
    const read = () => readBytes(value, "yjs:update.update");
    expect(read).toThrow(PlexlineError);
    expect(read).toThrow(/^yjs:update\.update /);
  });
});
