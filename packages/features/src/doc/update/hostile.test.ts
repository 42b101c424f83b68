import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { countReads } from "./count-reads.fixture.ts";
import {
  circle,
  clockPoisoning,
  disagreeingOverlap,
  gapFlood,
  HOSTILE_UPDATES,
  id,
  idReuse,
  itemIn,
  manyClients,
  nestedJson,
  nestedObject,
  nestedTypes,
  nestedTypesByTurns,
  nestedValue,
  section,
  structBomb,
  truncations,
  update,
  zipper,
} from "./hostile.fixture.ts";
import { LIMITS } from "./limits.fixture.ts";
import { randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";

function refusal(bytes: Uint8Array, limits = LIMITS): PlexlineError | undefined {
  try {
    scanUpdate(bytes, limits);
    return undefined;
  } catch (error) {
    if (!(error instanceof PlexlineError)) throw error;
    return error;
  }
}

describe("hostile updates are refused [DC5]", () => {
  test.each(HOSTILE_UPDATES)("$name", ({ bytes }) => {
    const error = refusal(bytes);
    expect(error?.code).toBe("UPDATE_INVALID");
    expect(error?.message).toMatch(/at byte \d+: /);
    expect(error?.fix).not.toBe("");
  });

  test("names are unique", () => {
    expect(new Set(HOSTILE_UPDATES.map(({ name }) => name)).size).toBe(HOSTILE_UPDATES.length);
  });

  test.each(HOSTILE_UPDATES)("$name costs no more than its bytes", ({ bytes }) => {
    expect(countReads(bytes, refusal)).toBeLessThanOrEqual(bytes.length * 5 + 20);
  });

  test("seven bytes that declare 33 million structs cost as many reads as they have bytes", () => {
    const bomb = structBomb();
    expect(bomb.length).toBe(7);
    expect(refusal(bomb)?.message).toMatch(/declares 33554432 structs but is too short/);
    expect(countReads(bomb, refusal)).toBeLessThanOrEqual(20);
  });

  test("every beginning of a real update", () => {
    const { others, state } = randomDocument(3);
    for (const update of [...others, state])
      for (const beginning of truncations(update)) expect(refusal(beginning)?.code).toBe("UPDATE_INVALID");
  });

  test("the message says where", () => {
    expect(refusal(Uint8Array.of(1, 1, 1, 0, 11, 1, 1, 116, 1, 0))?.message).toBe(
      "The update is refused at byte 4: a struct begins with the unknown byte 11.",
    );
  });
});

describe("limits are exact [DC5]", () => {
  const allowed = (bytes: Uint8Array, limits = LIMITS) => refusal(bytes, limits) === undefined;

  test("depth", () => {
    for (const nested of [nestedValue, nestedObject, nestedJson]) {
      expect(allowed(nested(64))).toBe(true);
      expect(allowed(nested(65))).toBe(false);
    }
  });

  test("shared types: around a struct lie 200 of one update at most", () => {
    for (const nested of [nestedTypes, nestedTypesByTurns]) {
      expect(allowed(nested(201))).toBe(true);
      expect(refusal(nested(202))?.message).toMatch(/nested more than 200 deep/);
    }
  });

  test("filler", () => {
    expect(allowed(clockPoisoning(1, 0, 2 ** 24))).toBe(true);
    expect(allowed(clockPoisoning(1, 0, 2 ** 24 + 1))).toBe(false);
  });

  test("clock", () => {
    expect(allowed(clockPoisoning(1, 2 ** 40 - 5, 5))).toBe(true);
    expect(allowed(clockPoisoning(1, 2 ** 40 - 5, 6))).toBe(false);
  });

  test("client ids and structs", () => {
    expect(allowed(manyClients(1_000))).toBe(true);
    expect(allowed(manyClients(1_001))).toBe(false);
    expect(allowed(manyClients(30), { ...LIMITS, structsMax: 30 })).toBe(true);
    expect(allowed(manyClients(31), { ...LIMITS, structsMax: 30 })).toBe(false);
  });
});

describe("what only the room can judge is told to it [DC5]", () => {
  test("a gap shows in `from`", () => {
    expect(gapFlood(3).map((bytes) => scanUpdate(bytes, LIMITS).sections[0]?.from)).toEqual([10, 20, 30]);
  });

  test("a filler in another one's name shows in `fillers`", () => {
    expect(scanUpdate(clockPoisoning(7, 3, 100), LIMITS).sections[0]).toMatchObject({
      client: 7,
      from: 3,
      to: 103,
      fillers: [3, 103],
    });
  });

  test("an id that is used twice shows in `from` and `to`", () => {
    for (const bytes of idReuse(7))
      expect(scanUpdate(bytes, LIMITS).sections[0]).toMatchObject({ client: 7, from: 0, to: 3 });
  });
});

describe("what no guard of single updates can see is known [DC5]", () => {
  test("an update that is known in part and disagrees there passes, and Yjs throws on it", () => {
    const [first, second] = disagreeingOverlap(7);
    expect(scanUpdate(second, LIMITS).sections[0]).toMatchObject({ from: 0, to: 6, fillers: [] });
    const doc = new Y.Doc();
    Y.applyUpdate(doc, first);
    expect(() => Y.applyUpdate(doc, second)).toThrow();
  });

  test("shared types that several updates nest ever deeper pass", () => {
    const doc = new Y.Doc();
    Y.applyUpdate(doc, nestedTypes(200));
    for (let depth = 200; depth < 1_000; depth += 200) {
      const structs = Array.from({ length: 200 }, (_, index) => itemIn(id(1, depth + index - 1), 7, [0]));
      const deeper = update([section(1, depth, structs)]);
      expect(refusal(deeper)).toBeUndefined();
      Y.applyUpdate(doc, deeper);
    }
    expect(Y.getState(doc.store, 1)).toBe(1_000);
    expect(refusal(Y.encodeStateAsUpdate(doc))?.message).toMatch(/nested more than 200 deep/);
  });
});

describe("structs that wait for each other [DC5]", () => {
  test("sections that need each other by turns are no circle", () => {
    const bytes = zipper(2_000);
    expect(refusal(bytes)).toBeUndefined();
    const doc = new Y.Doc();
    Y.applyUpdate(doc, bytes);
    expect(Y.decodeStateVector(Y.encodeStateVector(doc))).toEqual(
      new Map([
        [1, 2_000],
        [2, 2_000],
      ]),
    );
  });

  test.each([2, 3, 10, 999])("a circle of %i sections is one", (count) => {
    expect(refusal(circle(count))?.message).toMatch(/circle/);
  });
});
