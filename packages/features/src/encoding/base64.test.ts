import { expect, test } from "vitest";
import { decodeBase64, encodeBase64, encodeBase64Url } from "./base64.ts";

/** The bytes 0, 37, 74, … of which each length has another remainder and all letters occur. */
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 37) % 256);

test("bytes of every remainder are what Node makes of them", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = bytesOf(length);
    const node = Buffer.from(bytes);
    expect(encodeBase64(bytes)).toBe(node.toString("base64"));
    expect(encodeBase64Url(bytes)).toBe(node.toString("base64url"));
  }
});

test("both alphabets are read, with padding and without", () => {
  const bytes = Uint8Array.of(251, 255, 191, 0);
  expect(encodeBase64(bytes)).toBe("+/+/AA==");
  for (const text of ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA"]) expect(decodeBase64(text)).toEqual(bytes);
});

test("text that is no base64 is null", () => {
  for (const text of ["A", "AA*=", "Ä", "A==="]) expect(decodeBase64(text)).toBeNull();
});
