import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { createTyped } from "../room.fixture.ts";
import {
  deletions,
  disagreeingOverlap,
  gc,
  id,
  itemAfter,
  itemBefore,
  section,
  sized,
  textItem,
  update,
} from "../update/hostile.fixture.ts";
import { scanUpdate } from "../update/scan.ts";
import type { SectionScan, UpdateScan } from "../update/update-scan.ts";
import { classify, isKnown, takeableOfEntry, type Verdict } from "./classify.ts";
import { createDocumentState } from "./document-state.ts";
import { ENTRY_SCAN } from "./entry-scan.ts";

const scan = (update: Uint8Array) => scanUpdate(update, ENTRY_SCAN);

/** A state that has taken these updates of Ada. */
function stateWith(...updates: Uint8Array[]) {
  const state = createDocumentState();
  for (const update of updates) state.take(takeableOfEntry(state, scan(update)).taking, "ada");
  return state;
}

/** Sections without bytes: structs of one clock each, and where they begin to need what. */
function sections(
  ...made: [client: number, structs: number, ...needs: [at: number, client: number, clock: number][]][]
): UpdateScan {
  const found = made.map(
    ([client, structs, ...needs]): SectionScan => ({
      client,
      from: 0,
      to: structs,
      end: structs,
      fillers: [],
      needs: needs.flat(),
      structs,
      start: 0,
      stop: 0,
      marks: [],
    }),
  );
  return { sections: found, deletions: new Map(), deletionsStart: 0 };
}

/** What is taken of a sync-response of which something is left out. */
function takenOf(verdict: Verdict) {
  return verdict.kind === "partial" ? [...verdict.taking.clocks] : verdict.kind;
}

describe("judging an update", () => {
  test("[DC6] all known, or nothing at all, is known", () => {
    const typed = createTyped(1);
    const first = typed.type("a");
    const state = stateWith(first);
    expect(classify(state, scan(first), "ada", false)).toEqual({ kind: "known" });
    expect(classify(state, scan(new Uint8Array([0, 0])), "bob", true)).toEqual({ kind: "known" });
    expect(isKnown(state, scan(typed.type("b")))).toBe(false);
  });

  test("[DC7] what overlaps with what is known goes on from it, between two structs", () => {
    const typed = createTyped(1);
    const state = stateWith(typed.type("a"));
    typed.doc.getText("t").insert(0, "b");
    const apart = scan(Y.encodeStateAsUpdate(typed.doc));
    expect(classify(state, apart, "ada", false)).toMatchObject({ kind: "contiguous", whole: false });
  });

  test("[DC7] where the document ends inside a struct of the update, its rest is taken", () => {
    const typed = createTyped(1);
    const state = stateWith(typed.type("a"));
    typed.type("bc");
    const joined = scan(Y.encodeStateAsUpdate(typed.doc));
    const taking = { clocks: new Map([[1, 3]]), deletions: new Map() };
    const verdict = { kind: "contiguous", whole: false, taking };
    expect(classify(state, joined, "ada", false)).toEqual(verdict);
    expect(classify(state, joined, "bob", true)).toEqual(verdict);
    expect(classify(state, joined, "bob", false)).toMatchObject({ kind: "refused" });
    const [known, disagreeing] = disagreeingOverlap(7);
    expect(classify(stateWith(known), scan(disagreeing), "ada", false)).toMatchObject({ kind: "contiguous" });
  });

  test("[DC8] what the known structs of an update refer to, its new ones may refer to as well", () => {
    const state = stateWith(update([section(1, 0, [textItem("ab")])]));
    const refersTo = (clock: number, ...structs: (readonly number[])[]) =>
      classify(state, scan(update([section(1, clock, structs)])), "ada", false).kind;
    const first = itemBefore(id(9, 100), 4, sized("ab"));
    expect(refersTo(0, first, itemBefore(id(9, 50), 4, sized("c")))).toBe("gap");
    expect(refersTo(0, itemBefore(id(9, 100), 4, sized("abc")))).toBe("gap");
    expect(refersTo(0, textItem("ab"), itemAfter(id(1, 1), 4, sized("c")))).toBe("contiguous");
  });

  test("[DC7] clients may refer to each other within one update", () => {
    const both = sections([1, 3, [1, 2, 1], [2, 2, 2]], [2, 2, [0, 1, 1], [1, 1, 2]]);
    expect(classify(createDocumentState(), both, "ada", false)).toMatchObject({ kind: "contiguous" });
  });

  test("[DC8] a hole before it, a Skip in it, a missing reference or deleted struct is a gap", () => {
    const typed = createTyped(1);
    const [first, second, third] = [typed.type("a"), typed.type("b"), typed.type("c")];
    const judge = (update: Uint8Array) => classify(stateWith(first), scan(update), "ada", false).kind;
    expect(judge(third)).toBe("gap");
    expect(judge(Y.mergeUpdates([first, third]))).toBe("gap");
    expect(judge(Y.mergeUpdates([second, third]))).toBe("contiguous");
    typed.doc.getText("t").delete(2, 1);
    expect(judge(typed.updates[3]!)).toBe("gap");
    expect(classify(createDocumentState(), sections([1, 1, [0, 2, 1]]), "ada", false).kind).toBe("gap");
  });

  test("[DC10] new structs of another's id are refused, known ones are not", () => {
    const typed = createTyped(1);
    const first = typed.type("a");
    const state = stateWith(first);
    expect(classify(state, scan(first), "bob", false)).toEqual({ kind: "known" });
    const refused = { kind: "refused", code: "CLIENT_ID_TAKEN" };
    expect(classify(state, scan(typed.type("b")), "bob", false)).toEqual(refused);
    expect(classify(state, scan(typed.type("c")), "bob", false)).toEqual(refused);
  });
});

describe("judging a sync-response", () => {
  test("[DC11] drops what depends on what is left out, and nothing else", () => {
    const chain = sections(
      [1, 1, [0, 9, 1]],
      [2, 1, [0, 1, 1]],
      [3, 1, [0, 2, 1]],
      [4, 1],
      [5, 1, [0, 4, 1]],
    );
    const verdict = classify(createDocumentState(), chain, "ada", true);
    expect(verdict).toMatchObject({ kind: "partial", left: "UPDATE_GAP" });
    expect(takenOf(verdict)).toEqual([
      [4, 1],
      [5, 1],
    ]);
  });

  test("[DC11] takes each client id up to the first struct that may not be taken, and tells what it waits for", () => {
    const zipper = sections([1, 9, [3, 2, 2], [5, 2, 4]], [2, 6, [0, 1, 1], [2, 1, 4], [3, 9, 7], [5, 1, 8]]);
    const verdict = classify(createDocumentState(), zipper, "ada", true);
    expect(takenOf(verdict)).toEqual([
      [1, 5],
      [2, 3],
    ]);
    expect(verdict).toMatchObject({ missing: [9, 7, 2, 4] });
  });

  test("[DC11] takes time in proportion to a chain of references, whatever its order", () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, at): [number, number, [number, number, number]] => [
      at,
      1,
      [0, at + 1, 1],
    ]);
    const reads = { count: 0 };
    const state = createDocumentState();
    const counting = {
      ...state,
      owners: state.owners,
      clockOf: (client: number) => {
        reads.count += 1;
        return state.clockOf(client);
      },
    };
    const verdict = classify(counting, sections([count, 1, [0, count + 1, 1]], ...chain), "ada", true);
    expect(verdict).toMatchObject({ kind: "partial", taking: { clocks: new Map() } });
    expect(reads.count).toBeLessThan(20 * count);
  });

  test("[DC11] takes the deletions of what is there, and leaves the others", () => {
    const [one, two] = [createTyped(1), createTyped(2)];
    Y.applyUpdate(two.doc, one.type("abc"), "remote");
    const state = stateWith(one.updates[0]!);
    Y.applyUpdate(two.doc, one.type("def"), "remote");
    two.doc.getText("t").delete(2, 2);
    const verdict = classify(state, scan(two.updates[0]!), "bob", true);
    expect(verdict).toMatchObject({ kind: "partial", left: "UPDATE_GAP" });
    if (verdict.kind === "partial") expect(verdict.taking.deletions).toEqual(new Map([[1, [2, 3]]]));
  });

  test("[DC10] another's filler is left out only where it is new", () => {
    const typed = createTyped(1);
    typed.type("abc");
    typed.doc.getText("t").delete(0, 1);
    const before = Y.encodeStateAsUpdate(typed.doc);
    typed.doc.getText("t").insert(0, "d");
    const after = scan(Y.encodeStateAsUpdate(typed.doc));
    expect(classify(stateWith(before), after, "bob", true)).toMatchObject({ kind: "contiguous" });
    const state = createDocumentState();
    const owned = { ...state, owners: new Map([[1, "ada"]]) };
    expect(classify(owned, after, "bob", true)).toMatchObject({
      kind: "partial",
      left: "CLIENT_ID_TAKEN",
      taking: { clocks: new Map() },
    });
    // It is of no use to ask for it again before its author has brought it.
    expect(classify(owned, after, "bob", true)).toMatchObject({ missing: expect.arrayContaining([1, 1]) });
    expect(classify(owned, after, "bob", true)).not.toMatchObject({ missing: expect.arrayContaining([0]) });
    expect(classify(owned, after, "ada", true)).toMatchObject({ kind: "contiguous" });
  });

  test("[DC11] another's filler is taken where all could see what was there, if the answer deletes it too", () => {
    const filler = update([section(1, 2, [gc(2)])], [deletions(1, [2, 2])]);
    const silent = update([section(1, 2, [gc(2)])]);
    const state = stateWith(update([section(1, 0, [textItem("ab")])]));
    const left = { kind: "partial", left: "CLIENT_ID_TAKEN", taking: { clocks: new Map() } };
    expect(classify(state, scan(filler), "bob", true)).toMatchObject(left);
    state.undo(state.take({ clocks: new Map([[1, 4]]), deletions: new Map() }, "ada"));
    expect(classify(state, scan(filler), "bob", true)).toMatchObject({ kind: "contiguous" });
    expect(classify(state, scan(silent), "bob", true)).toMatchObject(left);
    const longer = scan(update([section(1, 2, [gc(3)])], [deletions(1, [2, 3])]));
    expect(classify(state, longer, "bob", true)).toMatchObject(left);
  });
});

describe("the state of a document", () => {
  test("[DC9] returns to what it was, of several takes the newest first; claims stay", () => {
    const typed = createTyped(1);
    const [first, second] = [typed.type("abc"), typed.type("def")];
    typed.doc.getText("t").delete(1, 3);
    const state = createDocumentState();
    const takeNext = (update: Uint8Array) => state.take(takeableOfEntry(state, scan(update)).taking, "ada");
    const snapshots = [];
    const undos = [];
    for (const update of [first, second, typed.updates[2]!]) {
      snapshots.push(
        JSON.stringify([[...state.stateVector], [...state.deletions], [...state.encodeVector()]]),
      );
      undos.push(takeNext(update));
    }
    for (const undo of undos.reverse()) {
      state.undo(undo);
      const now = JSON.stringify([[...state.stateVector], [...state.deletions], [...state.encodeVector()]]);
      expect(now).toBe(snapshots.pop());
    }
    expect(state.owners.get(1)).toBe("ada");
  });

  test("[DC11] remembers what was handed on and taken back, until it is there again", () => {
    const state = createDocumentState(1);
    const taking = (client: number, clock: number) => ({
      clocks: new Map([[client, clock]]),
      deletions: new Map(),
    });
    state.take(taking(1, 2), "ada");
    const undos = [state.take(taking(1, 5), "ada"), state.take(taking(1, 7), "ada")];
    for (const undo of undos.reverse()) state.undo(undo);
    expect([state.clockOf(1), state.shownOf(1)]).toEqual([2, 7]);
    // What was not handed on is not remembered, nor more client ids than allowed.
    state.undo(state.take(taking(2, 4), "ada", false));
    state.undo(state.take(taking(3, 4), "ada"));
    expect([state.shownOf(2), state.shownOf(3)]).toEqual([0, 0]);
    state.take(taking(1, 6), "ada");
    expect(state.shownOf(1)).toBe(7);
    state.take(taking(1, 7), "ada");
    expect(state.shownOf(1)).toBe(0);
  });
});
