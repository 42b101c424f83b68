import { DOC_KIND, EMPTY_UPDATE } from "@plexline/features/doc";
import { expect, test } from "vitest";
import { Awareness, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import { Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { documentWireText } from "./wire-text.ts";

const describeMessage = documentWireText("doc:plan");

function textOf(kind: number, payload: Uint8Array) {
  return describeMessage({ alias: 3, kind, payload });
}

function docOf(clientId: number, text: string): Doc {
  const doc = new Doc();
  doc.clientID = clientId;
  doc.getText("content").insert(0, text);
  return doc;
}

test("an update names clients, clocks, text and deletions", () => {
  const doc = docOf(1234, "hello");
  const { type, line } = textOf(DOC_KIND.update, encodeStateAsUpdate(doc));
  expect(type).toBe("update");
  expect(line).toMatch(/^1234@0\+5 "hello" · \d+ B$/);

  doc.getText("content").delete(1, 2);
  const { line: after, pretty } = textOf(DOC_KIND.syncResponse, encodeStateAsUpdate(doc));
  expect(after).toContain("− 1234@1+2");
  expect(JSON.parse(pretty)).toMatchObject({
    kind: "sync-response",
    topic: "doc:plan",
    alias: 3,
    deletions: [{ client: 1234, clock: 1, length: 2 }],
  });
  expect(textOf(DOC_KIND.syncResponse, EMPTY_UPDATE).line).toBe("nothing new · 2 B");
});

test("a sync request tells the state vector", () => {
  expect(textOf(DOC_KIND.syncRequest, encodeStateVector(docOf(1234, "hello"))).line).toMatch(
    /^has 1234: 5 ·/,
  );
  expect(textOf(DOC_KIND.syncRequest, encodeStateVector(new Doc())).line).toMatch(/^has nothing yet ·/);
});

test("awareness tells names, and who left", () => {
  const awareness = new Awareness(docOf(1234, ""));
  awareness.setLocalState({ user: { name: "Ada" } });
  expect(textOf(DOC_KIND.awareness, encodeAwarenessUpdate(awareness, [1234])).line).toMatch(/^Ada @1 ·/);
  removeAwarenessStates(awareness, [1234], "test");
  expect(textOf(DOC_KIND.awareness, encodeAwarenessUpdate(awareness, [1234])).line).toMatch(/^1234 left ·/);
  awareness.destroy();
});

test("a part tells what it is a part of", () => {
  const payload = Uint8Array.of(1, DOC_KIND.syncResponse, 9, 9);
  expect(textOf(DOC_KIND.part, payload)).toMatchObject({
    type: "part",
    line: "last part of sync-response · 4 B",
  });
});

test("bytes that say nothing, or too much, are shown by their size", () => {
  expect(textOf(DOC_KIND.update, Uint8Array.of(255, 255)).line).toBe("cannot be read · 2 B");
  expect(textOf(DOC_KIND.awareness, Uint8Array.of(9)).line).toBe("cannot be read · 1 B");
  expect(textOf(DOC_KIND.update, new Uint8Array(70_000)).line).toBe("70000 B");
  expect(textOf(77, Uint8Array.of(1)).type).toBe("kind 77");
});
