import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import {
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
import { scanUpdate } from "./scan.ts";

const RUNS = { seed: 13, numRuns: 2_000 };

function accepts(bytes: Uint8Array): boolean {
  try {
    scanUpdate(bytes, LIMITS);
    return true;
  } catch {
    return false;
  }
}

function yjsAccepts(bytes: Uint8Array): boolean {
  try {
    Y.decodeUpdate(bytes);
    return true;
  } catch {
    return false;
  }
}

const single = (struct: readonly number[]) => update([section(1, 0, [struct])]);

describe("content is judged as Yjs judges it [DC5]", () => {
  test("text: any string, counted in UTF-16 units", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const bytes = single(textItem(text));
        expect(scanUpdate(bytes, LIMITS).sections[0]?.to).toBe(Y.decodeUpdate(bytes).structs[0]?.length);
      }),
      RUNS,
    );
  });

  test("text: any bytes", () => {
    const hard = fc.constantFrom(
      0x41,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
    );
    fc.assert(
      fc.property(fc.array(hard, { minLength: 1, maxLength: 5 }), (bytes) => {
        const made = single(item(4, sized(bytes)));
        expect(accepts(made)).toBe(yjsAccepts(made));
        if (accepts(made))
          expect(scanUpdate(made, LIMITS).sections[0]?.to).toBe(Y.decodeUpdate(made).structs[0]?.length);
      }),
      { ...RUNS, numRuns: 10_000 },
    );
  });

  test("JSON: any value, however it is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom("", " ", "\n\t"), (value, space) => {
        const text = JSON.stringify(value, null, space);
        if (text.includes("__proto__")) return;
        expect(accepts(single(item(5, sized(text))))).toBe(true);
        expect(accepts(single(item(6, [...sized("key"), ...sized(text)])))).toBe(true);
        expect(accepts(single(item(2, [2, ...sized(text), ...sized("undefined")])))).toBe(true);
      }),
      RUNS,
    );
  });

  test("JSON: any text", () => {
    const pieces = fc.constantFrom(
      ...'[]{}:,"\\eE+-.0129 utnrfa/\u0001é',
      "true",
      "null",
      "false",
      '"a"',
      "\\u00e9",
      "1e5",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 7 }), (parts) => {
        const made = single(item(5, sized(parts.join(""))));
        expect(accepts(made)).toBe(yjsAccepts(made));
      }),
      { ...RUNS, numRuns: 10_000 },
    );
  });

  test("a key like __proto__ is none", () => {
    for (const text of [
      '{"__proto_":1}',
      '{"__proto__x":1}',
      '{"\\\\__proto__":1}',
      '{"a":"__proto__"}',
      '"__proto__"',
    ])
      expect(accepts(single(item(5, sized(text))))).toBe(true);
    expect(accepts(single(item(8, [1, 118, 1, ...sized("constructor"), 119, ...sized("__proto__")])))).toBe(
      true,
    );
  });

  test("values: numbers of every size", () => {
    for (const value of [
      [125, 0x40],
      [125, 0xff, 0xff, 0x7f],
      [124, 0, 0, 0, 0],
      [123, 0, 0, 0, 0, 0, 0, 0, 0],
      [122, 1, 2, 3, 4, 5, 6, 7, 8],
    ]) {
      const bytes = single(item(8, [1, ...value]));
      expect(accepts(bytes)).toBe(true);
      for (let cut = 1; cut < value.length; cut++)
        expect(accepts(single(item(8, [1, ...value.slice(0, -cut)])))).toBe(false);
    }
  });

  test("subdocuments: what Yjs writes", () => {
    const doc = new Y.Doc();
    doc.getMap("map").set("sub", new Y.Doc({ guid: "a", gc: false, autoLoad: true, meta: { guid: 1 } }));
    expect(accepts(Y.encodeStateAsUpdate(doc))).toBe(true);
  });

  test("numbers in more bytes than they need", () => {
    expect(
      scanUpdate(Uint8Array.of(0x81, 0, 0x81, 0x80, 0, 5, 0, 0, 0x82, 0, 0x80, 0), LIMITS).sections[0],
    ).toMatchObject({
      client: 5,
      to: 2,
    });
  });
});

describe("what structs refer to [DC5]", () => {
  const needs = (bytes: Uint8Array) => scanUpdate(bytes, LIMITS).sections.map((found) => found.needs);

  test("origin, right origin and parent of other client ids, wherever more is needed than before", () => {
    const bytes = update([
      section(1, 10, [
        itemAfter(id(2, 4), 4, sized("a")),
        itemBefore(id(2, 7), 4, sized("b")),
        itemIn(id(3, 0), 4, sized("c")),
        [0xc4, ...id(2, 5), ...id(4, 1), ...sized("d")],
      ]),
    ]);
    expect(needs(bytes)).toEqual([[10, 2, 5, 11, 2, 8, 12, 3, 1, 13, 4, 2]]);
  });

  test("not what lies before in the section or before it", () => {
    const bytes = update([
      section(1, 10, [itemAfter(id(1, 9), 4, sized("ab")), itemAfter(id(1, 11), 4, sized("c"))]),
    ]);
    expect(needs(bytes)).toEqual([[]]);
  });

  test("not what comes after a Skip", () => {
    const bytes = update([
      section(1, 0, [
        itemAfter(id(2, 0), 4, sized("a")),
        [10, ...uint(4)],
        itemAfter(id(2, 9), 4, sized("b")),
      ]),
    ]);
    expect(needs(bytes)).toEqual([[0, 2, 1]]);
  });

  test("also what is in other sections of the update", () => {
    const bytes = update([
      section(2, 0, [itemAfter(id(1, 0), 4, sized("a"))]),
      section(1, 0, [textItem("b")]),
    ]);
    expect(needs(bytes)).toEqual([[0, 1, 1], []]);
  });
});
