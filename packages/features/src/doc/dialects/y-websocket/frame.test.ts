import * as encoding from "lib0/encoding";
import { expect, test } from "vitest";
import * as authProtocol from "y-protocols/auth";
import * as awarenessProtocol from "y-protocols/awareness";
import * as syncProtocol from "y-protocols/sync";
import * as Y from "yjs";
import {
  decodeYWebsocketFrame,
  encodeAwareness,
  encodePermissionDenied,
  encodeStep1,
  encodeStep2,
  encodeUpdate,
} from "./frame.ts";

function docWith(text: string): Y.Doc {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return doc;
}

/** What y-protocols writes behind the type of a frame. */
function frameOf(type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, type);
  write(encoder);
  return encoding.toUint8Array(encoder);
}

const doc = docWith("x".repeat(300));
const update = Y.encodeStateAsUpdate(doc);
const stateVector = Y.encodeStateVector(doc);

test("[YW2] frames are those of y-protocols, both ways", () => {
  const awareness = new awarenessProtocol.Awareness(doc);
  const states = awarenessProtocol.encodeAwarenessUpdate(awareness, [doc.clientID]);
  awareness.destroy();
  const step1 = frameOf(0, (encoder) => syncProtocol.writeSyncStep1(encoder, doc));
  const step2 = frameOf(0, (encoder) => syncProtocol.writeSyncStep2(encoder, doc));
  const live = frameOf(0, (encoder) => syncProtocol.writeUpdate(encoder, update));
  const cursor = frameOf(1, (encoder) => encoding.writeVarUint8Array(encoder, states));

  expect(encodeStep1(stateVector)).toEqual(step1);
  expect(encodeStep2(update)).toEqual(step2);
  expect(encodeUpdate(update)).toEqual(live);
  expect(encodeAwareness(states)).toEqual(cursor);
  expect(encodePermissionDenied("né pas")).toEqual(
    frameOf(2, (encoder) => authProtocol.writePermissionDenied(encoder, "né pas")),
  );

  expect(decodeYWebsocketFrame(step1)).toEqual({ type: "step1", stateVector });
  expect(decodeYWebsocketFrame(step2)).toEqual({ type: "step2", update });
  expect(decodeYWebsocketFrame(live)).toEqual({ type: "update", update });
  expect(decodeYWebsocketFrame(cursor)).toEqual({ type: "awareness", awareness: states });
  expect(decodeYWebsocketFrame(Uint8Array.of(3))).toEqual({ type: "query-awareness" });
});

test.each([
  ["a permission-denied of a client", [2, 0, 0]],
  ["a type of somebody else's", [102, 1, 2]],
  ["a sync message of a later version", [0, 3, 1, 0]],
])("[YW5] %s is unknown", (_name, bytes) => {
  expect(decodeYWebsocketFrame(Uint8Array.from(bytes))).toEqual({ type: "unknown" });
});

test("[YW6] what is cut off, too long or text is malformed, at every length", () => {
  const frames = [
    encodeStep1(stateVector),
    encodeStep2(update),
    encodeUpdate(update),
    encodeAwareness(update),
  ];
  for (const frame of frames) {
    for (let length = 0; length < frame.length; length += 1)
      expect(() => decodeYWebsocketFrame(frame.subarray(0, length))).toThrow(/y-websocket frame|cut off/);
    expect(() => decodeYWebsocketFrame(Uint8Array.of(...frame, 0))).toThrow(/y-websocket frame/);
  }
  expect(() => decodeYWebsocketFrame("{}")).toThrow(/text/);
  expect(() => decodeYWebsocketFrame(Uint8Array.of(0, 2, 0xff, 0xff, 0xff, 0xff, 0x7f))).toThrow();
});
