import {
  createEncoder,
  toUint8Array,
  writeUint8,
  writeVarString,
  writeVarUint,
  writeVarUint8Array,
} from "lib0/encoding";
import { expect, test } from "vitest";
import { Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { frameText, readHocuspocusFrame, readYWebsocketFrame } from "./binary-frames.ts";

type Part = number | string | Uint8Array;

/** Numbers, text and bytes as lib0 writes them. */
function frame(...parts: readonly Part[]): Uint8Array {
  const encoder = createEncoder();
  for (const part of parts) {
    if (typeof part === "number") writeVarUint(encoder, part);
    else if (typeof part === "string") writeVarString(encoder, part);
    else writeVarUint8Array(encoder, part);
  }
  return toUint8Array(encoder);
}

function docOf(text: string): Doc {
  const doc = new Doc();
  doc.clientID = 7;
  doc.getText("content").insert(0, text);
  return doc;
}

const yWebsocket = frameText(readYWebsocketFrame);
const hocuspocus = frameText(readHocuspocusFrame);

test("frames of y-websocket say what is in them", () => {
  const doc = docOf("hi");
  expect(yWebsocket(frame(0, 0, encodeStateVector(doc)))).toMatchObject({
    type: "sync-step-1",
    line: expect.stringMatching(/^has 7: 2 · \d+ B$/),
  });
  expect(yWebsocket(frame(0, 2, encodeStateAsUpdate(doc)))).toMatchObject({
    type: "update",
    line: expect.stringMatching(/^7@0\+2 "hi" · \d+ B$/),
  });
  expect(readYWebsocketFrame(frame(2, 0, "read-only"))).toEqual({ type: "denied", text: "read-only" });
  expect(readYWebsocketFrame(frame(3))).toEqual({ type: "query-awareness" });
});

test("frames of Hocuspocus stand behind a name", () => {
  const doc = docOf("hi");
  expect(hocuspocus(frame("plan", 0, 1, encodeStateAsUpdate(doc)))).toMatchObject({
    type: "sync-step-2",
    line: expect.stringMatching(/^7@0\+2 "hi"/),
  });
  expect(hocuspocus(frame("plan", 8, 1))).toMatchObject({
    type: "sync-status",
    line: expect.stringMatching(/^saved/),
  });
  expect(readHocuspocusFrame(frame("plan", 2, 1, "no"))).toEqual({ type: "denied", text: "no" });
  expect(readHocuspocusFrame(frame("plan", 2, 2, "readonly"))).toEqual({ type: "let-in", text: "readonly" });
  expect(readHocuspocusFrame(Uint8Array.of(9))).toEqual({ type: "ping" });
  expect(readHocuspocusFrame(Uint8Array.of(10))).toEqual({ type: "pong" });
});

test("a token never gets into the log", () => {
  const { type, line, pretty } = hocuspocus(frame("plan", 2, 0, "secret-token", "4.8.0"));
  expect(type).toBe("token");
  expect(line + pretty).not.toContain("secret");
  expect(hocuspocus(frame("plan", 2, 0)).type).toBe("token");
});

test("what cannot be read is shown by its size", () => {
  const encoder = createEncoder();
  writeUint8(encoder, 200);
  for (const bytes of [toUint8Array(encoder), frame(99), frame(0, 9), new Uint8Array()])
    expect(yWebsocket(bytes)).toMatchObject({ type: "unknown", line: `${bytes.length} B` });
  expect(readYWebsocketFrame("text")).toEqual({ type: "unknown" });
});
