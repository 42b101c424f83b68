import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type DocumentState, decodeSnapshot, encodeDeletions, encodeSnapshot } from "./snapshot-format.ts";

const position = { epoch: "e", offset: 7 };
const stored = (chunks: readonly Uint8Array[]) => ({
  position,
  bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  chunks,
});
const state = (update: Uint8Array, extra: Partial<DocumentState> = {}): DocumentState => ({
  stateVector: new Map(),
  deletions: new Map(),
  hasPending: false,
  owners: new Map(),
  update,
  ...extra,
});

const id = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.maxSafeNat());
const ranges = fc
  .uniqueArray(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 2, maxLength: 8 })
  .map((numbers) => numbers.slice(0, numbers.length & ~1).sort((a, b) => a - b));

describe("the format of snapshots", () => {
  test("a state is read as it was written", () => {
    const states = fc.record({
      stateVector: fc.array(fc.tuple(id, fc.maxSafeNat())).map((entries) => new Map(entries)),
      deletions: fc.array(fc.tuple(id, ranges)).map((entries) => new Map(entries)),
      hasPending: fc.boolean(),
      owners: fc
        .array(fc.tuple(id, fc.constantFrom("ada", "bob", "c é \u0000")))
        .map((entries) => new Map(entries)),
      update: fc.uint8Array({ maxLength: 2_000 }),
    });
    fc.assert(
      fc.property(states, (written) => {
        const { deletionsUpdate, ...read } = decodeSnapshot(stored(encodeSnapshot(written)));
        expect(read).toEqual({ ...written, position });
        expect(deletionsUpdate).toEqual(
          written.deletions.size > 0 ? encodeDeletions(written.deletions) : undefined,
        );
      }),
      { seed: 1 },
    );
  });

  test("chunks are at most 256 KiB, of the header too, and an update of one chunk is a view of it", () => {
    const stateVector = new Map(Array.from({ length: 100_000 }, (_, index) => [2 ** 31 + index, index]));
    const large = state(new Uint8Array(600_000).fill(3), { stateVector });
    const chunks = encodeSnapshot(large);
    expect(chunks.length).toBeGreaterThan(4);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(256 * 1024);
    const read = decodeSnapshot(stored(chunks));
    expect(read.stateVector).toEqual(stateVector);
    expect(Buffer.compare(read.update, large.update)).toBe(0);

    const small = encodeSnapshot(state(new Uint8Array(256 * 1024).fill(4)));
    expect(decodeSnapshot(stored(small)).update.buffer).toBe(small.at(-1)?.buffer);
  });

  test("however a storage cuts the bytes, they are read", () => {
    const written = state(new Uint8Array(1_000).fill(5), { owners: new Map([[1, "ada"]]) });
    const bytes = Buffer.concat(encodeSnapshot(written));
    for (const size of [20, 100, 999, 2_000]) {
      const chunks = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const read = decodeSnapshot(stored(chunks));
      expect(Buffer.compare(read.update, written.update)).toBe(0);
      expect(read.owners).toEqual(written.owners);
    }
  });

  test("deletions are an update that Yjs applies", () => {
    const doc = new Y.Doc();
    doc.clientID = 5;
    doc.getText("t").insert(0, "abcdef");
    Y.applyUpdate(doc, encodeDeletions(new Map([[5, [1, 3, 5, 6]]])));
    expect(doc.getText("t").toString()).toBe("ade");
  });

  test("what is not a document's, of another version or cut off is refused in words", () => {
    const chunks = encodeSnapshot(state(new Uint8Array(10)));
    const first = chunks[0]!;
    const newer = Uint8Array.from(first);
    newer[4] = 2;
    const refused = (bad: readonly Uint8Array[]) => {
      try {
        decodeSnapshot(stored(bad));
      } catch (error) {
        return `${(error as { code?: string }).code}: ${(error as Error).message}`;
      }
      return "read";
    };
    expect(refused([])).toContain(
      "INTERNAL: The document's snapshot at offset 7 cannot be read: It is not a",
    );
    expect(refused([Uint8Array.of(1, 2, 3)])).toContain("not a document's");
    expect(refused([newer, chunks[1]!])).toContain("format 2");
    expect(refused([first])).toContain("bytes instead of");
    expect(refused([first.subarray(0, 5), chunks[1]!])).toContain("INTERNAL");
    const broken = Uint8Array.from(first);
    broken[8] = 200;
    expect(refused([broken, chunks[1]!])).toContain("INTERNAL");
  });
});
