import { describe, expect, test } from "vitest";
import { encodeFrame, encodeSharedFrame, type Frame } from "./frame.ts";

function bytesOf(frame: Frame): Buffer {
  return Buffer.concat(frame);
}

describe("frame", () => {
  test.each([
    [0, "8100"],
    [125, "817d"],
    [126, "817e007e"],
    [65_535, "817effff"],
    [65_536, "817f0000000000010000"],
  ])("a text of %i bytes has the header %s", (length, header) => {
    const bytes = bytesOf(encodeFrame("a".repeat(length)));
    expect(bytes.subarray(0, header.length / 2).toString("hex")).toBe(header);
    expect(bytes.length).toBe(header.length / 2 + length);
  });

  test("text is counted in bytes and bytes are marked as binary", () => {
    expect(bytesOf(encodeFrame("é")).toString("hex")).toBe("8102c3a9");
    expect(bytesOf(encodeFrame(Uint8Array.of(1, 2))).toString("hex")).toBe("82020102");
  });

  test("a large payload is not copied", () => {
    const payload = new Uint8Array(100_000);
    expect(encodeFrame(payload)[1]).toBe(payload);
  });

  test("one message to many is framed once per tick", async () => {
    const data = Uint8Array.of(1);
    const frame = encodeSharedFrame(data);
    expect(encodeSharedFrame(data)).toBe(frame);
    expect(encodeSharedFrame("other")).not.toBe(frame);
    const again = encodeSharedFrame(data);
    await new Promise((resolve) => setImmediate(resolve));
    expect(encodeSharedFrame(data)).not.toBe(again);
    expect(encodeSharedFrame(data)).toEqual(frame);
  });
});
