import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DOC_KIND } from "../../protocol.ts";
import { bytesFromData, bytesToNumbers } from "./bytes.ts";
import { decodeDraftMessage, encodeDraftBinary, encodeDraftError } from "./message.ts";
import { DraftMessageCache } from "./message-cache.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const decode = (message: unknown) => decodeDraftMessage(JSON.stringify(message));

describe("bytes in JSON", () => {
  test("[DR4] are written as the numbers of an array", () => {
    expect(bytesToNumbers(bytes())).toBe("");
    expect(bytesToNumbers(bytes(0, 9, 10, 99, 100, 255))).toBe("0,9,10,99,100,255");
    fc.assert(
      fc.property(fc.uint8Array(), (some) => {
        expect(JSON.parse(`[${bytesToNumbers(some)}]`)).toEqual([...some]);
      }),
    );
  });

  test("[DR4] are read as numbers or as base64, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (some) => {
        expect(bytesFromData([...some])).toEqual(some);
        expect(bytesFromData(Buffer.from(some).toString("base64"))).toEqual(some);
      }),
    );
  });

  test.each<[string, unknown, string]>([
    ["a number above 255", [1, 256], "data[1]"],
    ["one below 0", [-1], "data[0]"],
    ["a fraction", [1, 2, 0.5], "data[2]"],
    ["what is no number", [1, "2"], "data[1]"],
    ["null", [null], "data[0]"],
    ["an array in the array", [[1]], "data[0]"],
    ["an object", { 0: 1 }, "an array"],
    ["nothing", undefined, "an array"],
    ["a string that is no base64", "…", "base64"],
  ])("[DR9] %s is refused, and the error says where", (_name, data, where) => {
    expect(() => bytesFromData(data)).toThrow(expect.objectContaining({ code: "MALFORMED_MESSAGE" }));
    expect(() => bytesFromData(data)).toThrow(where);
  });
});

describe("messages", () => {
  test("[DR4] [DR6] [DR7] [DR8] are those of the table", () => {
    expect(decode({ type: "yjs-update", data: [0, 255] })).toEqual({ type: "update", update: bytes(0, 255) });
    expect(decode({ type: "yjs-state-response", data: [7] })).toEqual({ type: "state", update: bytes(7) });
    expect(decode({ type: "yjs-state-request" })).toEqual({ type: "state-request" });
    expect(decode({ type: "ping", more: { of: ["the", "app's"] } })).toEqual({ type: "ping" });
    expect(decode({ type: "pong" })).toEqual({ type: "pong" });
    expect(decode({ type: "error", error: "?" })).toEqual({ type: "unknown", name: "error" });
    expect(decodeDraftMessage(bytes(1, 2))).toEqual({ type: "update", update: bytes(1, 2) });
  });

  test.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["no object", "[1]"],
    ["null", "null"],
    ["no type", "{}"],
    ["a type that is no string", '{"type":1}'],
    ["an update without data", '{"type":"yjs-update"}'],
    ["a key that attacks copies", '{"type":"ping","__proto__":{}}'],
  ])("[DR9] %s is refused", (_name, text) => {
    expect(() => decodeDraftMessage(text)).toThrow(expect.objectContaining({ code: "MALFORMED_MESSAGE" }));
  });

  test("[DR9] JSON that is nested without end is refused before it is built", () => {
    const text = `{"type":"yjs-update","data":${"[".repeat(100_000)}`;
    expect(() => decodeDraftMessage(text)).toThrow(expect.objectContaining({ code: "JSON_TOO_DEEP" }));
  });

  test("[DR4] [DR6] [DR17] updates and states are told as JSON, and nothing else is", () => {
    const told = (kind: number) => encodeDraftBinary({ alias: 1, kind, payload: bytes(1, 20, 255) });
    expect(told(DOC_KIND.update)).toBe(JSON.stringify({ type: "yjs-update", data: [1, 20, 255] }));
    expect(told(DOC_KIND.state)).toBe(JSON.stringify({ type: "yjs-state-response", data: [1, 20, 255] }));
    const rest = Object.values(DOC_KIND).filter(
      (kind) => kind !== DOC_KIND.update && kind !== DOC_KIND.state,
    );
    expect(rest.map(told)).toEqual(rest.map(() => null));
    expect(encodeDraftError('a "word"')).toBe('{"type":"error","error":"a \\"word\\""}');
  });

  test("the text of a payload is made once, and is another one for another kind", () => {
    const cache = new DraftMessageCache();
    const payload = bytes(1, 2);
    const update = cache.textOf({ alias: 1, kind: DOC_KIND.update, payload });
    payload.fill(9);
    expect(cache.textOf({ alias: 2, kind: DOC_KIND.update, payload })).toBe(update);
    expect(cache.textOf({ alias: 1, kind: DOC_KIND.state, payload })).toContain("[9,9]");
  });
});
