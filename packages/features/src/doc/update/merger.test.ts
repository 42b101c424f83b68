import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { ENTRY_SCAN } from "../state/entry-scan.ts";
import { createMerger, type Merger } from "./merger.ts";
import { randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";

const add = (merger: Merger, update: Uint8Array) => merger.add(update, scanUpdate(update, ENTRY_SCAN));

/** The updates of a document in which somebody does these things one after the other. */
function typed(...acts: ((text: Y.Text) => void)[]): Uint8Array[] {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => void updates.push(update));
  for (const act of acts) act(doc.getText("t"));
  return updates;
}

function applied(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/** What is deleted, however the structs of it were put together. */
function deletedOf(doc: Y.Doc) {
  const { clients } = Y.createDeleteSetFromStructStore(doc.store);
  return new Map(
    [...clients].map(([client, items]) => [client, items.map(({ clock, len }) => [clock, len])]),
  );
}

/** What every shared type at the root holds, in its order. */
function stringsOf(doc: Y.Doc) {
  return [...doc.share.keys()].sort().map((name) => {
    const strings: string[] = [];
    for (let item = doc.share.get(name)?._start ?? null; item !== null; item = item.right)
      if (!item.deleted)
        for (let clock = 0; clock < item.length; clock += 1)
          strings.push(`${item.id.client} ${item.id.clock + clock}`);
    return [name, strings];
  });
}

describe("merging updates without Yjs", () => {
  test("keystrokes and deletions become one update", () => {
    const updates = typed(
      (text) => text.insert(0, "ab"),
      (text) => text.insert(2, "c"),
      (text) => text.delete(0, 1),
      (text) => text.insert(0, "d"),
      (text) => text.delete(2, 1),
    );
    const merger = createMerger();
    for (const update of updates) expect(add(merger, update)).toBe(true);
    expect([merger.count, merger.bytes]).toEqual([5, updates.reduce((sum, { length }) => sum + length, 0)]);
    expect(applied([merger.finish()]).getText("t").toString()).toBe("db");
  });

  test("one update alone stays the same bytes", () => {
    const [update] = typed((text) => text.insert(0, "text"));
    const merger = createMerger();
    add(merger, update!);
    expect(merger.finish()).toBe(update);
  });

  test("what is there already, leaves a gap, or holds a Skip is not taken", () => {
    const updates = typed(
      (text) => text.insert(0, "a"),
      (text) => text.insert(1, "b"),
      (text) => text.insert(2, "c"),
    );
    const merger = createMerger();
    expect(add(merger, updates[0]!)).toBe(true);
    expect(add(merger, updates[0]!)).toBe(false);
    expect(add(merger, updates[2]!)).toBe(false);
    expect(add(merger, updates[1]!)).toBe(true);
    expect(add(createMerger(), Y.mergeUpdates([updates[0]!, updates[2]!]))).toBe(false);
    expect(applied([merger.finish()]).getText("t").toString()).toBe("ab");
  });

  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    "a random history is the same, merged (seed %i)",
    (seed) => {
      const { events } = randomDocument(seed);
      const merged: Uint8Array[] = [];
      let merger = createMerger();
      let taken = 0;
      for (const { bytes } of events) {
        if (add(merger, bytes)) taken += 1;
        else {
          merged.push(merger.finish());
          merger = createMerger();
          if (add(merger, bytes)) taken += 1;
          else merged.push(bytes);
        }
      }
      merged.push(merger.finish());
      expect(taken).toBeGreaterThan(0);
      expect(merged.length).toBeLessThan(events.length + 1);
      // What comes out can be scanned, and so be trusted as the others.
      for (const update of merged) scanUpdate(update, ENTRY_SCAN);
      const one = applied(events.map(({ bytes }) => bytes));
      const other = applied(merged);
      expect(Y.encodeStateVector(other)).toEqual(Y.encodeStateVector(one));
      expect(deletedOf(other)).toEqual(deletedOf(one));
      expect(stringsOf(other)).toEqual(stringsOf(one));
    },
  );
});
