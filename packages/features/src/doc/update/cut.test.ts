import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import {
  gc,
  id,
  item,
  itemAfter,
  itemBefore,
  itemIn,
  section,
  sized,
  textItem,
  uint,
  update,
} from "./hostile.fixture.ts";
import { LIMITS } from "./limits.fixture.ts";
import { createRandom, type Random, randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";
import { selectSections } from "./select.ts";

const SEEDS = Array.from({ length: 15 }, (_, index) => 3_000 + index);
const MUCH = Number.MAX_SAFE_INTEGER;

/** What a document with this state vector lacks of an update, with all deletions. */
function restOf(bytes: Uint8Array, vector: ReadonlyMap<number, number>): Uint8Array {
  const scan = scanUpdate(bytes, LIMITS);
  const all = new Map(scan.sections.map(({ client }) => [client, MUCH]));
  return selectSections(bytes, scan, all, "all", (client) => vector.get(client) ?? 0);
}

const encoded = (vector: ReadonlyMap<number, number>): Uint8Array =>
  Uint8Array.from([...uint(vector.size), ...[...vector].flatMap(([client, clock]) => id(client, clock))]);

function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const bytes of updates) Y.applyUpdate(doc, bytes);
  return doc;
}

const isPending = ({ store }: Y.Doc): boolean => store.pendingStructs !== null || store.pendingDs !== null;

/** Some of the clocks that an update brings. */
function randomVector(bytes: Uint8Array, random: Random): Map<number, number> {
  const vector = new Map<number, number>();
  for (const { client, to } of scanUpdate(bytes, LIMITS).sections)
    if (random(4) > 0) vector.set(client, random(to + 1));
  return vector;
}

/** Whether a clock lies in a struct. */
function cutsStruct(bytes: Uint8Array, vector: ReadonlyMap<number, number>): boolean {
  return Y.decodeUpdate(bytes).structs.some(({ id: { client, clock }, length }) => {
    const known = vector.get(client) ?? 0;
    return clock < known && known < clock + length;
  });
}

describe("the rest of a struct [DC7]", () => {
  test.each(SEEDS)("is byte for byte what Yjs writes of a document, seed %i", (seed) => {
    const random = createRandom(seed);
    const { others, state } = randomDocument(seed, 60);
    let cuts = 0;
    for (const bytes of [...others, state]) {
      const doc = docOf(bytes);
      if (isPending(doc)) continue;
      const whole = Y.encodeStateAsUpdate(doc);
      for (let count = 0; count < 10; count++) {
        const vector = randomVector(whole, random);
        expect(restOf(whole, vector)).toEqual(Y.encodeStateAsUpdate(doc, encoded(vector)));
        if (cutsStruct(whole, vector)) cuts += 1;
      }
    }
    expect(cuts).toBeGreaterThan(10);
  });

  test("and what is known make what the whole makes", () => {
    let cuts = 0;
    for (const seed of SEEDS) {
      const { events, state } = randomDocument(seed, 40);
      if (isPending(docOf(state))) continue;
      for (const { before } of events) {
        // Somebody has a part of what its maker has; both are in the state of all.
        const known = docOf(before);
        const vector = Y.decodeStateVector(Y.encodeStateVector(known));
        if (isPending(known) || !cutsStruct(state, vector)) continue;
        const [byRest, byYjs] = [docOf(before, restOf(state, vector)), docOf(before, state)];
        expect(isPending(byRest)).toBe(false);
        expect(byRest.toJSON()).toEqual(byYjs.toJSON());
        expect(Y.encodeStateAsUpdate(byRest)).toEqual(Y.encodeStateAsUpdate(byYjs));
        cuts += 1;
      }
    }
    expect(cuts).toBeGreaterThan(50);
  });

  const structs = {
    "text at a root": textItem("abcdef"),
    "text in an item": itemIn(id(9, 3), 4, sized("abcdef")),
    "text behind an item": itemAfter(id(9, 3), 4, sized("abcdef")),
    "text before an item": itemBefore(id(9, 3), 4, sized("abcdef")),
    "text between items": [0xc4, ...id(9, 3), ...id(8, 300), ...sized("abcdef")],
    "text of several bytes a letter": textItem("aä日böc"),
    "text with pairs": textItem("🎈a🎈b"),
    "a pair alone": [...textItem("🎈🎈🎈")],
    values: item(8, [6, 126, 127, 125, 1, 119, ...sized("日"), 118, 1, ...sized("k"), 117, 1, 120, 121]),
    "JSON values": item(2, [6, ...["1", "undefined", "null", '"日"', "[1]", "{}"].flatMap(sized)]),
    "a deleted item": item(1, [6]),
    "a deleted entry of a map": [0x21, 1, ...sized("t"), ...sized("key"), 6],
    "a GC": gc(6),
  };

  test.each(Object.entries(structs))("%s, cut anywhere, is what Yjs writes", (_name, struct) => {
    const bytes = update([section(7, 5, [textItem("x"), struct, gc(2)]), section(2, 0, [textItem("y")])]);
    for (let clock = 0; clock <= 15; clock++) {
      const vector = new Map([[7, clock]]);
      expect([clock, restOf(bytes, vector)]).toEqual([clock, Y.diffUpdate(bytes, encoded(vector))]);
    }
  });

  test("half of a character is U+FFFD on either side, as where Yjs splits", () => {
    const rest = restOf(update([section(7, 0, [textItem("a🎈b")])]), new Map([[7, 2]]));
    expect(rest).toEqual(update([section(7, 2, [itemAfter(id(7, 1), 4, sized("\ufffdb"))])]));
  });

  test("a clock before the section, or after it, cuts nothing", () => {
    const bytes = update([section(7, 5, [textItem("abc")])]);
    expect(restOf(bytes, new Map([[7, 3]]))).toEqual(bytes);
    expect(restOf(bytes, new Map([[7, 8]]))).toEqual(update([]));
    expect(restOf(bytes, new Map([[7, 90]]))).toEqual(update([]));
  });

  test("a struct in which both clocks lie is left out", () => {
    const bytes = update([section(7, 0, [textItem("abcdef")])]);
    const part = selectSections(bytes, scanUpdate(bytes, LIMITS), new Map([[7, 4]]), "none", () => 2);
    expect(part).toEqual(update([]));
  });
});
