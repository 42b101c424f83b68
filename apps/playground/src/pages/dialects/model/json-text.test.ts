import { expect, test } from "vitest";
import { Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { isStateVector } from "../../../editing/yjs-text.ts";
import { combined } from "./combined.ts";
import { draft } from "./draft.ts";
import { fabric } from "./fabric.ts";
import { toBase64 } from "./json-bytes.ts";
import { jsonText, parseMessage } from "./json-text.ts";

const doc = new Doc();
doc.clientID = 7;
doc.getText("content").insert(0, "hi");
const update = encodeStateAsUpdate(doc);
const stateVector = encodeStateVector(doc);

test("the bytes of each dialect are read", () => {
  const cases = [
    [draft, { type: "yjs-update", data: [...update] }, /^7@0\+2 "hi" · \d+ B$/],
    [fabric, { type: "update", documentId: "d", data: toBase64(update) }, /^7@0\+2 "hi" · \d+ B$/],
    [fabric, { type: "sync", documentId: "d", data: toBase64(stateVector) }, /^has 7: 2 · \d+ B$/],
    [combined, { type: "yjs:update", room: "d", update }, /^7@0\+2 "hi" · \d+ B$/],
    [combined, { type: "yjs:sync", room: "d", stateVector }, /^has 7: 2 · \d+ B$/],
  ] as const;
  for (const [dialect, message, line] of cases) {
    const text = jsonText(dialect)(JSON.stringify(message), "out");
    expect(text).toMatchObject({ type: message.type, line: expect.stringMatching(line) });
    expect(text.pretty.startsWith(JSON.stringify(message))).toBe(true);
  }
});

test("what the server asks for beside an answer is read too", () => {
  const message = {
    type: "sync",
    documentId: "d",
    data: toBase64(update),
    stateVector: toBase64(stateVector),
  };
  expect(jsonText(fabric)(JSON.stringify(message), "in").line).toMatch(/^7@0\+2 "hi" · has 7: 2 · \d+ B$/);
});

test("other fields are told as they are", () => {
  expect(jsonText(draft)('{"type":"error","error":"FORBIDDEN: no"}', "in").line).toBe(
    '{"error":"FORBIDDEN: no"}',
  );
  expect(jsonText(combined)('{"type":"presence","room":"d","cursor":null}', "out").line).toBe(
    '{"cursor":null}',
  );
});

test("a state vector is told from an update", () => {
  expect(isStateVector(stateVector)).toBe(true);
  expect(isStateVector(encodeStateVector(new Doc()))).toBe(true);
  expect(isStateVector(update)).toBe(false);
  expect(isStateVector(encodeStateAsUpdate(new Doc()))).toBe(false);
  expect(isStateVector(Uint8Array.of(255))).toBe(false);
});

test.each(["", "7", "null", "[]", "{", Uint8Array.of(1)])("%j is no message", (frame) => {
  expect(parseMessage(frame)).toBeNull();
  expect(jsonText(draft)(frame, "in").type).toBe("unreadable");
});
