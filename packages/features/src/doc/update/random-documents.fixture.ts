import * as Y from "yjs";

/** Numbers that follow from a seed: `random(n)` is one of 0 to n-1. */
export type Random = (count: number) => number;

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  };
}

/** An update that a document made, and how its maker stood before it. */
export interface MadeUpdate {
  readonly bytes: Uint8Array;
  readonly before: Uint8Array;
}

/** What some clients did to one document together. */
export interface RandomDocument {
  /** Every update event of the makers, in order. */
  readonly events: readonly MadeUpdate[];
  /** Updates as they come up elsewhere: diffs, merges with holes, states, states with pending structs. */
  readonly others: readonly Uint8Array[];
  /** Everything. */
  readonly state: Uint8Array;
}

/** Lets two to six clients edit, at times without knowing of each other, and collects all updates that come of it. */
export function randomDocument(seed: number, edits = 60): RandomDocument {
  const random = createRandom(seed);
  const events: MadeUpdate[] = [];
  const others: Uint8Array[] = [];
  const makers = Array.from({ length: 2 + random(5) }, (_, index) => {
    const doc = new Y.Doc({ gc: random(3) !== 0, guid: `maker-${index}` });
    doc.clientID = random(2) === 0 ? index + 1 : 1 + random(2 ** 32 - 1);
    return doc;
  });
  for (let edit = 0; edit < edits; edit++) {
    const doc = makers[random(makers.length)]!;
    const before = Y.encodeStateAsUpdate(doc);
    const made: Uint8Array[] = [];
    const collect = (bytes: Uint8Array) => made.push(bytes);
    doc.on("update", collect);
    doc.transact(() => {
      for (let count = random(4); count >= 0; count--) editOnce(doc, random);
    });
    doc.off("update", collect);
    for (const bytes of made) events.push({ bytes, before });
    exchange(makers, events, others, random);
  }
  const all = new Y.Doc({ gc: random(2) === 0 });
  for (const maker of makers) {
    others.push(Y.encodeStateAsUpdate(maker));
    Y.applyUpdate(all, Y.encodeStateAsUpdate(maker));
  }
  return { events, others, state: Y.encodeStateAsUpdate(all) };
}

function exchange(makers: Y.Doc[], events: MadeUpdate[], others: Uint8Array[], random: Random): void {
  const target = makers[random(makers.length)]!;
  const source = makers[random(makers.length)]!;
  const kind = events.length === 0 ? 0 : random(12);
  if (kind < 4) {
    const diff = Y.encodeStateAsUpdate(source, Y.encodeStateVector(target));
    others.push(diff);
    Y.applyUpdate(target, diff);
  } else if (kind === 4) {
    // Something out of order: it stays pending in the target, and shows in its states.
    Y.applyUpdate(target, events[random(events.length)]!.bytes);
  } else if (kind === 5) {
    const chosen = Array.from({ length: 2 + random(4) }, () => events[random(events.length)]!.bytes);
    others.push(Y.mergeUpdates(chosen));
  } else if (kind === 6) {
    others.push(Y.diffUpdate(Y.encodeStateAsUpdate(source), Y.encodeStateVector(target)));
  }
}

const WORDS = ["a", "bc", "später", "日本", "🎈🎈", "\u0000", "line\n", "\ufeffx", "__proto__"];

function editOnce(doc: Y.Doc, random: Random): void {
  const edit = EDITS[random(EDITS.length)]!;
  edit(doc, random);
}

type Edit = (doc: Y.Doc, random: Random) => void;

const EDITS: readonly Edit[] = [
  (doc, random) => insertText(doc.getText("text"), random),
  (doc, random) => insertText(doc.getText("text"), random),
  (doc, random) => remove(doc.getText("text"), random),
  (doc, random) => format(doc.getText("text"), random),
  (doc, random) => {
    const text = doc.getText("text");
    text.insertEmbed(random(text.length + 1), { image: plainValue(random, 2) });
  },
  (doc, random) => doc.getMap("map").set(word(random), value(random, 3)),
  (doc, random) => doc.getMap("map").set(word(random), sharedType(random)),
  (doc, random) => doc.getMap("map").set(word(random), subdocument(random)),
  (doc, random) => doc.getMap("map").delete(word(random)),
  (doc, random) => insertValues(doc.getArray("array"), random),
  (doc, random) => {
    const array = doc.getArray("array");
    array.insert(random(array.length + 1), [sharedType(random)]);
  },
  (doc, random) => remove(doc.getArray("array"), random),
  (doc, random) => editNested(doc, random),
  (doc, random) => editNested(doc, random),
  (doc, random) => {
    const fragment = doc.getXmlFragment("xml");
    fragment.insert(random(fragment.length + 1), [xmlNode(random)]);
  },
  (doc, random) => remove(doc.getXmlFragment("xml"), random),
  (doc, random) => {
    const node = doc.getXmlFragment("xml").get(0);
    if (node instanceof Y.XmlElement) node.setAttribute(word(random), word(random));
  },
];

function insertText(text: Y.Text, random: Random): void {
  text.insert(random(text.length + 1), word(random).repeat(1 + random(3)));
}

function insertValues(array: Y.Array<unknown>, random: Random): void {
  array.insert(
    random(array.length + 1),
    Array.from({ length: 1 + random(4) }, () => element(random)),
  );
}

function remove(list: Y.Text | Y.Array<unknown> | Y.XmlFragment, random: Random): void {
  if (list.length === 0) return;
  const at = random(list.length);
  list.delete(at, 1 + random(Math.min(4, list.length - at)));
}

function format(text: Y.Text, random: Random): void {
  if (text.length === 0) return;
  const at = random(text.length);
  text.format(at, 1 + random(text.length - at), { [word(random)]: plainValue(random, 2) });
}

function editNested(doc: Y.Doc, random: Random): void {
  const nested = [...doc.getMap("map").values(), ...doc.getArray("array").toArray()].filter(
    (entry) => entry instanceof Y.AbstractType,
  );
  const type: unknown = nested[random(Math.max(1, nested.length))];
  if (type instanceof Y.Text) insertText(type, random);
  else if (type instanceof Y.Array) type.insert(random(type.length + 1), [sharedType(random)]);
  else if (type instanceof Y.Map) type.set(word(random), value(random, 3));
}

function sharedType(random: Random): Y.AbstractType<unknown> {
  const types = [
    () => new Y.Map<unknown>([["key", value(random, 2)]]),
    () => Y.Array.from([element(random) as string]),
    () => new Y.Text(word(random)),
    () => xmlNode(random),
    () => new Y.XmlFragment(),
    () => new Y.XmlHook(word(random)),
  ];
  return types[random(types.length)]!() as Y.AbstractType<unknown>;
}

function xmlNode(random: Random): Y.XmlElement | Y.XmlText {
  if (random(2) === 0) return new Y.XmlText(word(random));
  const element = new Y.XmlElement(["p", "überschrift", "li"][random(3)]!);
  element.insert(0, [new Y.XmlText(word(random))]);
  return element;
}

function subdocument(random: Random): Y.Doc {
  return new Y.Doc({
    guid: `sub-${random(1000)}`,
    gc: random(2) === 0,
    autoLoad: random(2) === 0,
    ...(random(2) === 0 ? { meta: plainValue(random, 2) } : {}),
  });
}

function word(random: Random): string {
  return WORDS[random(WORDS.length)]!;
}

/** What can be written as JSON. */
function plainValue(random: Random, depth: number): unknown {
  const values = [
    () => null,
    () => random(2) === 0,
    () => random(2 ** 31) - 2 ** 30,
    () => random(1000) / 7,
    () => word(random),
    () => Array.from({ length: random(3) }, () => plainValue(random, depth - 1)),
    () => ({ k: plainValue(random, depth - 1), 'ö"\\\n': plainValue(random, depth - 1) }),
  ];
  return values[random(depth > 0 ? values.length : 5)]!();
}

/** What Yjs takes into an array: it refuses some values that it takes within others. */
function element(random: Random): unknown {
  return random(2) === 0 ? plainValue(random, 3) : [value(random, 2)];
}

/** What Yjs can keep as a value. */
function value(random: Random, depth: number): unknown {
  const values = [
    () => undefined,
    () => BigInt(random(2 ** 31)) * -(2n ** 30n),
    () => new Uint8Array(random(5)),
    () => random(2 ** 31) * 2 ** 20,
    () => Math.fround(random(1000) / 3),
    () => [value(random, depth - 1), value(random, depth - 1)],
    () => ({ a: value(random, depth - 1), b: value(random, depth - 1) }),
  ];
  return random(2) === 0 ? plainValue(random, depth) : values[random(depth > 0 ? values.length : 5)]!();
}
