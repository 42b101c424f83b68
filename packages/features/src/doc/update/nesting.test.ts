import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { id, item, itemAfter, itemIn, section, sized, textItem, update } from "./hostile.fixture.ts";
import { LIMITS } from "./limits.fixture.ts";
import { createRandom, type Random } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";

const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);

/** Whether an update passes with that many types in each other. */
function passes(bytes: Uint8Array, typeDepthMax = LIMITS.typeDepthMax): boolean {
  try {
    scanUpdate(bytes, { ...LIMITS, typeDepthMax });
    return true;
  } catch (error) {
    if (error instanceof PlexlineError && error.message.includes("nested more than")) return false;
    throw error;
  }
}

/** How many types are around the struct around which there are most, as Yjs has them. */
function depthOf(doc: Y.Doc): number {
  let deepest = 0;
  for (const structs of doc.store.clients.values())
    for (const struct of structs) {
      let depth = 0;
      for (let around = parentOf(struct); around !== null; around = parentOf(around)) depth += 1;
      deepest = Math.max(deepest, depth);
    }
  return deepest;
}

function parentOf(struct: Y.Item | Y.GC): Y.Item | null {
  return struct instanceof Y.Item && struct.parent instanceof Y.AbstractType ? struct.parent._item : null;
}

type Node = Y.XmlElement | Y.XmlFragment;

/** A tree that several editors write at once: each goes on in what it has, wherever that is from. */
function writeTree(random: Random, size: number, depthMax: number, editors = 4): Y.Doc[] {
  const docs = Array.from({ length: editors }, (_, index) => {
    const doc = new Y.Doc({ gc: random(2) === 0 });
    doc.clientID = random(2) === 0 ? index + 1 : 1 + random(2 ** 32 - 1);
    return doc;
  });
  const nodes = docs.map((doc): { node: Node; depth: number }[] => [
    { node: doc.getXmlFragment("p"), depth: 0 },
  ]);
  for (let made = 0; made < size; ) {
    const editor = random(editors);
    const known = nodes[editor]!;
    const doc = docs[editor]!;
    doc.transact(() => {
      for (let edits = random(200); edits >= 0; edits--) made += grow(known, random, depthMax);
    });
    const other = random(editors);
    Y.applyUpdate(docs[other]!, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(docs[other]!)));
    nodes[other] = nodesOf(docs[other]!);
  }
  for (const from of docs) for (const to of docs) Y.applyUpdate(to, Y.encodeStateAsUpdate(from));
  return docs;
}

/** Adds an element with an attribute and text to one of the nodes, and says how many types that made. */
function grow(known: { node: Node; depth: number }[], random: Random, depthMax: number): number {
  // Rather those at the end, which are the deeper ones: the tree shall become as deep as it may.
  const among = random(3) === 0 ? known.length : Math.min(known.length, 50);
  const { node, depth } = known[known.length - 1 - random(among)]!;
  if (depth + 2 > depthMax) return 0;
  const element = new Y.XmlElement("e");
  node.insert(random(node.length + 1), [element]);
  element.setAttribute("a", `${random(10)}`);
  element.insert(0, [new Y.XmlText("some text")]);
  if (random(20) === 0) element.delete(0, 1);
  known.push({ node: element, depth: depth + 1 });
  return 2;
}

function nodesOf(doc: Y.Doc): { node: Node; depth: number }[] {
  const found: { node: Node; depth: number }[] = [{ node: doc.getXmlFragment("p"), depth: 0 }];
  for (const { node, depth } of found)
    for (const child of node.toArray())
      if (child instanceof Y.XmlElement) found.push({ node: child, depth: depth + 1 });
  return found;
}

describe("shared types in each other are counted as Yjs nests them [DC5]", () => {
  test.each(SEEDS)("in trees of several editors, seed %i", (seed) => {
    const random = createRandom(seed);
    const [doc] = writeTree(random, 300, 60);
    const depth = depthOf(doc!);
    const state = Y.encodeStateAsUpdate(doc!);
    expect(depth).toBeGreaterThan(5);
    expect(passes(state, depth)).toBe(true);
    expect(passes(state, depth - 1)).toBe(false);
  });

  test("10,000 types of several clients, 50 deep, pass in one update at the defaults", () => {
    const [doc] = writeTree(createRandom(7), 10_000, 50);
    expect(depthOf(doc!)).toBe(50);
    expect(passes(Y.encodeStateAsUpdate(doc!))).toBe(true);
  });

  test("what the document holds around them does not count", () => {
    const doc = new Y.Doc();
    let array: Y.Array<unknown> = doc.getArray("t");
    let last: Uint8Array = new Uint8Array();
    doc.on("update", (bytes: Uint8Array) => {
      last = bytes;
    });
    for (let depth = 0; depth < 300; depth++) {
      const inner = new Y.Array<unknown>();
      array.insert(0, [inner]);
      array = inner;
    }
    expect(passes(last)).toBe(true);
    expect(passes(Y.encodeStateAsUpdate(doc))).toBe(false);
  });
});

describe("a struct lies where its neighbour lies [DC5]", () => {
  const LEVELS = 210;

  test("types that follow text in the type above", () => {
    const structs = [item(7, [0])];
    for (let level = 1, above = 0; level < LEVELS; level++) {
      const text = 1 + (level - 1) * 4;
      structs.push(itemIn(id(1, above), 4, sized("abc")), itemAfter(id(1, text + 1), 7, [0]));
      above = text + 3;
    }
    const bytes = update([section(1, 0, structs)]);
    expect(passes(bytes, LEVELS - 1)).toBe(true);
    expect(passes(bytes, LEVELS - 2)).toBe(false);
  });

  test("types between text in the type above and a root's item: the left neighbour decides", () => {
    const structs = [textItem("root"), item(7, [0])];
    for (let level = 1; level < LEVELS; level++) {
      const text = structs.length + 3;
      structs.push(itemIn(id(1, text - 1), 4, sized("x")), [0xc7, ...id(1, text), ...id(1, 0), 0]);
    }
    const bytes = update([section(1, 0, structs)]);
    expect(passes(bytes, LEVELS - 1)).toBe(true);
    expect(passes(bytes, LEVELS - 2)).toBe(false);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, bytes);
    expect(depthOf(doc)).toBe(LEVELS - 1);
  });

  test.each(["first", "last"])("types beside those of a client id that comes %s", (order) => {
    // Client 1 nests them by what client 2 puts into them: each type of client 1 follows a text of client 2.
    const types = Array.from({ length: LEVELS }, (_, level) =>
      level === 0 ? item(7, [0]) : itemAfter(id(2, level - 1), 7, [0]),
    );
    const texts = Array.from({ length: LEVELS - 1 }, (_, level) => itemIn(id(1, level), 4, sized("x")));
    const sections = [section(1, 0, types), section(2, 0, texts)];
    const bytes = update(order === "first" ? sections : sections.reverse());
    expect(passes(bytes, LEVELS - 1)).toBe(true);
    expect(passes(bytes, LEVELS - 2)).toBe(false);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, bytes);
    expect(depthOf(doc)).toBe(LEVELS - 1);
  });
});
