import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { ByteWriter } from "../../byte-writer.ts";
import { syncDataOf } from "./sync-data.ts";

/** A message of the sync protocol around bytes. */
function wrap(type: number, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.number(type);
  writer.sizedBytes(body);
  return writer.finish();
}

const clientIds = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const edit = fc.record({
  client: clientIds,
  text: fc.string({ unit: "binary", maxLength: 12 }),
  erase: fc.boolean(),
});

/** The update of a document that several people have edited, or of what the last of them did. */
const updates = fc
  .tuple(fc.uniqueArray(edit, { maxLength: 6, selector: ({ client }) => client }), fc.boolean())
  .map(([edits, isLast]): { readonly update: Uint8Array; readonly vector: Uint8Array } => {
    const shared = new Y.Doc();
    let before = Y.encodeStateVector(shared);
    for (const { client, text, erase } of edits) {
      before = Y.encodeStateVector(shared);
      const ydoc = new Y.Doc();
      ydoc.clientID = client;
      Y.applyUpdate(ydoc, Y.encodeStateAsUpdate(shared));
      const content = ydoc.getText("t");
      if (erase && content.length > 0) content.delete(0, 1);
      content.insert(0, text);
      ydoc.getMap("m").set(text, [text, new Uint8Array([200, 1])]);
      Y.applyUpdate(shared, Y.encodeStateAsUpdate(ydoc));
    }
    return {
      update: Y.encodeStateAsUpdate(shared, isLast ? before : undefined),
      vector: Y.encodeStateVector(shared),
    };
  });

test("[FB7] state vectors, updates and messages around them are never taken for each other", () => {
  fc.assert(
    fc.property(updates, ({ update, vector }) => {
      expect(syncDataOf(vector)).toEqual({ kind: "question" });
      expect(syncDataOf(wrap(0, vector))).toEqual({ kind: "question" });
      for (const bytes of [update, wrap(1, update), wrap(2, update)])
        expect(syncDataOf(bytes)).toEqual({ kind: "update", update });
    }),
    { numRuns: 200 },
  );
});

test("[FB7] state vectors of any ids and clocks are questions", () => {
  const vectors = fc.uniqueArray(fc.tuple(clientIds, fc.integer({ min: 0, max: 2 ** 40 })), {
    maxLength: 20,
    selector: ([client]) => client,
  });
  fc.assert(
    fc.property(vectors, (entries) => {
      const vector = Y.encodeStateVector(new Map(entries));
      expect(syncDataOf(vector)).toEqual({ kind: "question" });
      expect(syncDataOf(wrap(0, vector))).toEqual({ kind: "question" });
    }),
  );
});

test("[FB7] what is nothing of that is for the document to refuse", () => {
  for (const bytes of [[], [0, 0], [0x80], [2, 5], [1, 3, 0, 0], [3, 1, 0], [0xff, 0xff, 0xff]].map((list) =>
    Uint8Array.from(list),
  ))
    expect(syncDataOf(bytes)).toEqual({ kind: "update", update: bytes });
});
