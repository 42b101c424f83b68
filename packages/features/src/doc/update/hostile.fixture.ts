// Updates as an attacker makes them, put together byte by byte. Free of test libraries, so that programs can use it too.

type Bytes = readonly number[];

/** A number as lib0 writes it. */
export function uint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** A string, or bytes, behind their length. */
export function sized(content: string | Bytes): Bytes {
  const bytes = typeof content === "string" ? [...new TextEncoder().encode(content)] : content;
  return [...uint(bytes.length), ...bytes];
}

export const id = (client: number, clock: number): Bytes => [...uint(client), ...uint(clock)];
export const gc = (length: number): Bytes => [0, ...uint(length)];
export const skip = (length: number): Bytes => [10, ...uint(length)];

/** An item at the root named `t`, with content of a kind. */
export const item = (ref: number, content: Bytes): Bytes => [ref, 1, ...sized("t"), ...content];
export const itemAfter = (origin: Bytes, ref: number, content: Bytes): Bytes => [
  0x80 | ref,
  ...origin,
  ...content,
];
export const itemBefore = (right: Bytes, ref: number, content: Bytes): Bytes => [
  0x40 | ref,
  ...right,
  ...content,
];
export const itemIn = (parent: Bytes, ref: number, content: Bytes): Bytes => [ref, 0, ...parent, ...content];
export const textItem = (text: string): Bytes => item(4, sized(text));

/** The structs of a client id. `declared` is how many it says there are. */
export function section(
  client: number,
  clock: number,
  structs: readonly Bytes[],
  declared = structs.length,
): Bytes {
  return [...uint(declared), ...uint(client), ...uint(clock), ...structs.flat()];
}

/** The deletions of a client id: clock and length, clock and length, … */
export function deletions(client: number, ranges: Bytes, declared = ranges.length / 2): Bytes {
  return [...uint(client), ...uint(declared), ...ranges.flatMap(uint)];
}

export function update(sections: readonly Bytes[], deleted: readonly Bytes[] = []): Uint8Array {
  return Uint8Array.from([
    ...uint(sections.length),
    ...sections.flat(),
    ...uint(deleted.length),
    ...deleted.flat(),
  ]);
}

/** An update with one item. */
const single = (struct: Bytes): Uint8Array => update([section(1, 0, [struct])]);

/** Seven bytes that declare 33 million structs: Yjs allocates for them. */
export const structBomb = (declared = 2 ** 25): Uint8Array =>
  Uint8Array.from([1, ...section(1, 0, [], declared)]);

/** Updates that each begin far behind what anybody has: a document keeps them all as pending. */
export function gapFlood(count: number, client = 1): Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    update([section(client, 10 + index * 10, [textItem("x")])]),
  );
}

/** A GC in another one's name: whatever they write below its end counts as known. With a length of 2^52 it is refused. */
export const clockPoisoning = (victim: number, clock = 0, length = 2 ** 52): Uint8Array =>
  update([section(victim, clock, [gc(length)])]);

/** Two updates with the same ids and different content: documents that get them in different order never agree. */
export const idReuse = (client: number): readonly [Uint8Array, Uint8Array] => [
  update([section(client, 0, [textItem("one")])]),
  update([section(client, 0, [textItem("two")])]),
];

/**
 * Two updates of which the second is known in part, and disagrees there: a document that has the first cannot apply the
 * second, Yjs throws. The rest of it, which begins exactly where the document ends, cannot do that.
 */
export const disagreeingOverlap = (client: number): readonly [Uint8Array, Uint8Array] => [
  update([section(client, 0, [gc(3)])]),
  update([section(client, 0, [textItem("abcdef")])]),
];

/** A value in so many arrays. */
export const nestedValue = (depth: number): Uint8Array =>
  single(item(8, [1, ...Array.from({ length: depth }, () => [117, 1]).flat(), 126]));

/** A value in so many objects. */
export const nestedObject = (depth: number): Uint8Array =>
  single(item(8, [1, ...Array.from({ length: depth }, () => [118, 1, 1, 97]).flat(), 126]));

/** An embed of so many arrays. */
export const nestedJson = (depth: number): Uint8Array =>
  single(item(5, sized("[".repeat(depth) + "]".repeat(depth))));

/**
 * So many shared arrays in each other; if `deleted`, the outermost is deleted, and with it all others: Yjs deletes them
 * recursively and runs out of stack at some thousands.
 */
export function nestedTypes(depth: number, deleted = false, client = 1): Uint8Array {
  const structs = Array.from({ length: depth }, (_, clock) =>
    clock === 0 ? item(7, [0]) : itemIn(id(client, clock - 1), 7, [0]),
  );
  return update([section(client, 0, structs)], deleted ? [deletions(client, [0, 1])] : []);
}

/** The same by two client ids in turn, so that each section refers to the other one. */
export function nestedTypesByTurns(depth: number): Uint8Array {
  const structs = (first: number) =>
    Array.from({ length: Math.floor((depth + 1 - first) / 2) }, (_, clock) => {
      const level = 2 * clock + first;
      return level === 0 ? item(7, [0]) : itemIn(id(first === 0 ? 2 : 1, (level - 1) >> 1), 7, [0]);
    });
  return update([section(1, 0, structs(0)), section(2, 0, structs(1))], [deletions(1, [0, 1])]);
}

/** One character each of so many client ids: every one costs the document for ever. */
export function manyClients(count: number): Uint8Array {
  const sections = Array.from({ length: count }, (_, index) => section(count - index, 0, [textItem("x")]));
  return update(sections);
}

/** Everything that an update begins with. */
export const truncations = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length }, (_, length) => bytes.slice(0, length));

/** So many sections of which each waits for the next, and the last for the first. */
export function circle(count: number): Uint8Array {
  const sections = Array.from({ length: count }, (_, index) =>
    section(index + 1, 0, [itemAfter(id(((index + 1) % count) + 1, 0), 4, sized("x"))]),
  );
  return update(sections);
}

/** Two sections that need more of each other at every struct; Yjs never stacks more than two for it. */
export function zipper(length: number): Uint8Array {
  const left = Array.from({ length }, (_, clock) =>
    clock === 0 ? textItem("l") : itemAfter(id(2, clock - 1), 4, sized("l")),
  );
  const right = Array.from({ length }, (_, clock) => itemAfter(id(1, clock), 4, sized("r")));
  return update([section(2, 0, right), section(1, 0, left)]);
}

const complete = update([section(1, 0, [textItem("text")])], [deletions(1, [0, 1])]);

/** What no client may send, at the default limits. Each is refused by itself. */
export const HOSTILE_UPDATES: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: "no bytes", bytes: new Uint8Array() },
  { name: "only a count of sections", bytes: Uint8Array.of(0) },
  { name: "a struct bomb of 7 bytes", bytes: structBomb() },
  { name: "a section bomb", bytes: Uint8Array.from([...uint(2 ** 30), 0]) },
  { name: "a deletion bomb", bytes: Uint8Array.from([0, 1, ...deletions(1, [], 2 ** 30)]) },
  { name: "a bomb of deleting client ids", bytes: Uint8Array.from([0, ...uint(2 ** 30)]) },
  { name: "a bomb of values", bytes: single(item(8, uint(2 ** 30))) },
  { name: "a bomb of JSON values", bytes: single(item(2, uint(2 ** 30))) },
  { name: "a bomb in an array", bytes: single(item(8, [1, 117, ...uint(2 ** 30)])) },
  { name: "a bomb in an object", bytes: single(item(8, [1, 118, ...uint(2 ** 30)])) },
  { name: "a string that is longer than the update", bytes: single(item(4, [...uint(2 ** 31), 97])) },
  { name: "bytes that are longer than the update", bytes: single(item(3, [...uint(2 ** 31), 1])) },
  { name: "more structs than allowed", bytes: update([section(1, 0, Array(100_001).fill(gc(1)))]) },
  { name: "100,000 client ids", bytes: manyClients(100_000) },
  { name: "clock poisoning by GC", bytes: clockPoisoning(7) },
  { name: "clock poisoning by GC of 2^40", bytes: clockPoisoning(7, 0, 2 ** 40) },
  { name: "clock poisoning by Skip", bytes: update([section(7, 0, [skip(2 ** 40), gc(1)])]) },
  { name: "clock poisoning by a deleted item", bytes: single(item(1, uint(2 ** 40))) },
  { name: "a clock beyond the limit", bytes: update([section(7, 2 ** 40, [textItem("x")])]) },
  {
    name: "a clock beyond 2^53",
    bytes: Uint8Array.from([1, 1, 1, 255, 255, 255, 255, 255, 255, 255, 127, 0, 1, 0]),
  },
  {
    name: "a clock of endless bytes",
    bytes: Uint8Array.from([1, 1, 1, ...Array(400).fill(128), 0, 0, 1, 0]),
  },
  { name: "a reference beyond the limit", bytes: single(itemAfter(id(2, 2 ** 40), 4, sized("x"))) },
  { name: "a deletion beyond the limit", bytes: update([], [deletions(1, [0, 2 ** 41])]) },
  { name: "a deletion of nothing", bytes: update([], [deletions(1, [0, 0])]) },
  { name: "deletions of no clocks", bytes: update([], [deletions(1, [])]) },
  { name: "a client id that deletes twice", bytes: update([], [deletions(1, [0, 1]), deletions(1, [3, 1])]) },
  {
    name: "a client id twice",
    bytes: update([section(1, 0, [textItem("a")]), section(1, 1, [textItem("b")])]),
  },
  { name: "a section without structs", bytes: update([section(1, 0, []), section(2, 0, [gc(1)])]) },
  { name: "bytes after the end", bytes: Uint8Array.from([...complete, 0]) },
  { name: "two updates in one", bytes: Uint8Array.from([...complete, ...complete]) },
  ...truncations(complete).map((bytes) => ({ name: `cut off after ${bytes.length} bytes`, bytes })),
  { name: "a GC without length", bytes: single(gc(0)) },
  { name: "a Skip without length", bytes: single(skip(0)) },
  { name: "a deleted item without length", bytes: single(item(1, [0])) },
  { name: "no text", bytes: single(textItem("")) },
  { name: "no values", bytes: single(item(8, [0])) },
  { name: "no JSON values", bytes: single(item(2, [0])) },
  ...[11, 15, 31, 0x8b].map((info) => ({
    name: `unknown content ${info}`,
    bytes: single([info, 1, 1, 116, 1]),
  })),
  ...[0x20, 0x40, 0x80, 0xe0].map((info) => ({ name: `GC with bits ${info}`, bytes: single([info, 1]) })),
  ...[0x2a, 0x4a, 0x8a].map((info) => ({ name: `Skip with bits ${info}`, bytes: single([info, 1]) })),
  { name: "an unknown kind of parent", bytes: single([4, 2, ...id(1, 0), ...sized("x")]) },
  ...[7, 127, 2 ** 32].map((type) => ({
    name: `unknown shared type ${type}`,
    bytes: single(item(7, uint(type))),
  })),
  { name: "an XML element without a name", bytes: Uint8Array.from([1, 1, 1, 0, 7, 1, 1, 116, 3]) },
  ...[
    ["overlong", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a lone continuation", [0x80]],
    ["cut off", [0xe6, 0x97]],
    ["a wrong continuation", [0xe6, 0x97, 0x41]],
    ["a byte that is never used", [0xff]],
  ].map(([name, bytes]) => ({
    name: `text that is not UTF-8: ${name}`,
    bytes: single(item(4, sized(bytes as Bytes))),
  })),
  { name: "a root name that is not UTF-8", bytes: single([4, 1, 1, 0xff, 1, 97]) },
  { name: "a map key that is not UTF-8", bytes: single([0x28, 1, 1, 116, 1, 0xff, 1, 126]) },
  { name: "a format key that is not UTF-8", bytes: single(item(6, [1, 0xff, ...sized("1")])) },
  ...["", "{", "[1,]", "01", "1 2", '{"a"}', "nul", "undefined", '"\u0001"', '"\\x"', "\ufeff1", "NaN"].map(
    (text) => ({
      name: `an embed that is not JSON: ${JSON.stringify(text)}`,
      bytes: single(item(5, sized(text))),
    }),
  ),
  { name: "a format that is not JSON", bytes: single(item(6, [...sized("bold"), ...sized("tru")])) },
  { name: "a JSON value that is not JSON", bytes: single(item(2, [1, ...sized("undefine")])) },
  { name: "values nested 5,000 deep", bytes: nestedValue(5_000) },
  { name: "values nested 65 deep", bytes: nestedValue(65) },
  { name: "objects nested 65 deep", bytes: nestedObject(65) },
  { name: "JSON nested 100,000 deep", bytes: nestedJson(100_000) },
  { name: "JSON nested 65 deep", bytes: nestedJson(65) },
  { name: "shared types nested 50,000 deep", bytes: nestedTypes(50_000, true) },
  { name: "shared types of two client ids nested 50,000 deep", bytes: nestedTypesByTurns(50_000) },
  { name: "a value of an unknown type", bytes: single(item(8, [1, 115])) },
  { name: "a value of another unknown type", bytes: single(item(8, [1, 128])) },
  {
    name: "a value that sets the prototype",
    bytes: single(item(8, [1, 118, 1, ...sized("__proto__"), 118, 0])),
  },
  {
    name: "a value that sets the prototype, its length written longer",
    bytes: single(item(8, [1, 118, 1, 0x89, 0, ...sized("__proto__").slice(1), 118, 0])),
  },
  { name: "JSON that sets the prototype", bytes: single(item(5, sized('{"__proto__":{"a":1}}'))) },
  {
    name: "JSON that sets it in disguise",
    bytes: single(item(5, sized('{"\\u005f_proto\\u005F_":{"a":1}}'))),
  },
  { name: "a subdocument without options", bytes: single(item(9, [...sized("guid"), 126])) },
  {
    name: "a subdocument with a number as its name",
    bytes: single(item(9, [...sized("a"), 118, 1, ...sized("guid"), 125, 1])),
  },
  {
    name: "a subdocument with a gc filter",
    bytes: single(item(9, [...sized("a"), 118, 1, ...sized("gcFilter"), 126])),
  },
  { name: "an item behind itself", bytes: single(itemAfter(id(1, 0), 4, sized("x"))) },
  {
    name: "an item before a later one of its own",
    bytes: update([section(1, 5, [itemBefore(id(1, 9), 4, sized("x"))])]),
  },
  { name: "an item in itself", bytes: single(itemIn(id(1, 0), 7, [0])) },
  { name: "two items that wait for each other", bytes: circle(2) },
  { name: "1,000 items that wait for each other", bytes: circle(1_000) },
  {
    name: "items that wait for each other across a Skip",
    bytes: update([
      section(2, 0, [textItem("a"), skip(3), itemAfter(id(1, 4), 4, sized("b"))]),
      section(1, 0, [textItem("abcd"), itemAfter(id(2, 4), 4, sized("c"))]),
    ]),
  },
];
