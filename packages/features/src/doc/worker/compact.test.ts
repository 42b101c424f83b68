import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { IdRanges } from "../update/update-scan.ts";
import { compact } from "./compact.ts";

/** A document and every update it has made. */
function recorded(clientID: number, options: { gc?: boolean } = {}) {
  const doc = new Y.Doc({ gc: options.gc ?? true });
  doc.clientID = clientID;
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  return { doc, updates };
}

const fresh = (...updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
};
const content = (doc: Y.Doc) => [
  doc.getText("t").toDelta(),
  doc.getMap("m").toJSON(),
  doc.getXmlFragment("x").toJSON(),
];
const deletionsIn = (doc: Y.Doc): IdRanges =>
  new Map(
    [...Y.createDeleteSetFromStructStore(doc.store).clients].map(([client, items]) => [
      client,
      items.flatMap(({ clock, len }) => [clock, clock + len]),
    ]),
  );

describe("compacting", () => {
  test("[DC18] the result applied to a fresh document equals the log applied", () => {
    const step = fc.record({
      who: fc.nat(1),
      what: fc.constantFrom("insert", "delete", "set", "format"),
      at: fc.nat(30),
      text: fc.string({ minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, cutAt) => {
        const log: Uint8Array[] = [];
        const peers = [recorded(1), recorded(2)] as const;
        for (const { who, what, at, text } of steps) {
          const { doc, updates } = peers[who]!;
          const shared = doc.getText("t");
          const index = Math.min(at, shared.length);
          if (what === "insert") shared.insert(index, text);
          else if (what === "delete") shared.delete(index, Math.min(2, shared.length - index));
          else if (what === "set") doc.getMap("m").set(text, at);
          else shared.format(index, Math.min(3, shared.length - index), { b: at % 2 === 0 ? true : null });
          const made = updates.splice(0);
          log.push(...made);
          for (const update of made) Y.applyUpdate(peers[1 - who]!.doc, update);
          peers[1 - who]!.updates.length = 0;
        }
        const first = compact({ snapshot: undefined, updates: log.slice(0, cutAt) });
        const all = compact({ snapshot: first.update, updates: log.slice(cutAt) });
        const expected = fresh(...log);
        expect(content(fresh(all.update))).toEqual(content(expected));
        expect(all.stateVector).toEqual(Y.decodeStateVector(Y.encodeStateVector(expected)));
        expect(all.deletions).toEqual(deletionsIn(expected));
        expect([all.hasPending, all.skipped]).toEqual([false, []]);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test("deleted content is dropped, and neighbours are joined", () => {
    const { doc, updates } = recorded(1);
    for (let n = 0; n < 300; n += 1) doc.getText("t").insert(n, "x");
    doc.getText("t").delete(0, 300);
    const { update, deletions, stateVector } = compact({ snapshot: undefined, updates });
    expect(update.length).toBeLessThan(30);
    expect(deletions).toEqual(new Map([[1, [0, 300]]]));
    expect(stateVector).toEqual(new Map([[1, 300]]));
  });

  test("redundant formatting is not tidied up: what is deleted is what the log deletes", () => {
    const { doc, updates } = recorded(1);
    const text = new Y.XmlText();
    doc.getXmlFragment("x").insert(0, [text]);
    text.insert(0, "formatted");
    const other = recorded(2);
    for (const update of updates) Y.applyUpdate(other.doc, update);
    other.updates.length = 0;
    // Both make the same letters bold at the same time: one pair of marks is redundant.
    text.format(0, 9, { b: true });
    (other.doc.getXmlFragment("x").get(0) as Y.XmlText).format(0, 9, { b: true });
    const log = [...updates, ...other.updates];
    const { deletions, stateVector } = compact({ snapshot: undefined, updates: log });
    expect(deletions).toEqual(new Map());
    expect(Object.fromEntries(stateVector)).toEqual({ 1: 12, 2: 2 });
  });

  test("what is pending stays in the update, and its deletions in the deletions", () => {
    const { doc, updates } = recorded(1);
    doc.getText("t").insert(0, "a");
    doc.getText("t").insert(1, "b");
    doc.getText("t").delete(0, 1);
    const [first, second, deletion] = updates as [Uint8Array, Uint8Array, Uint8Array];
    const holed = compact({ snapshot: undefined, updates: [second, deletion] });
    expect(holed.hasPending).toBe(true);
    expect(holed.stateVector).toEqual(new Map());
    expect(holed.deletions).toEqual(new Map([[1, [0, 1]]]));
    const whole = compact({ snapshot: holed.update, updates: [first] });
    expect(whole.hasPending).toBe(false);
    expect(fresh(whole.update).getText("t").toString()).toBe("b");
  });

  test("an update that Yjs throws at is left out and named, with nothing of it in the result", () => {
    const { doc, updates } = recorded(1);
    doc.getText("t").insert(0, "a");
    doc.getText("t").insert(1, "b");
    // One good struct of client 9, then one whose kind of content does not exist.
    const poison = Uint8Array.of(1, 2, 9, 0, 4, 1, 1, 116, 1, 120, 31, 1, 1, 116, 0);
    expect(() => fresh(poison)).toThrow();
    const { update, skipped, stateVector } = compact({
      snapshot: undefined,
      updates: [updates[0]!, poison, updates[1]!],
    });
    expect(skipped).toEqual([1]);
    expect(stateVector).toEqual(new Map([[1, 2]]));
    expect(fresh(update).getText("t").toString()).toBe("ab");
  });

  test("too many of them, or a snapshot that cannot be read, fail the job", () => {
    const poison = Uint8Array.of(1, 1, 9, 0, 31, 0);
    expect(() => compact({ snapshot: undefined, updates: Array(30).fill(poison) })).toThrow();
    expect(() => compact({ snapshot: poison, updates: [] })).toThrow();
  });
});
