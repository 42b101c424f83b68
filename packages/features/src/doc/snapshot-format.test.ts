import type { Snapshot } from "@plexline/server";
import { createTestTopic } from "@plexline/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { ByteWriter } from "./byte-writer.ts";
import { decodeDeletions, encodeDeletions } from "./deletions.ts";
import { DOC_KIND } from "./protocol.ts";
import { storeSegments } from "./segment.fixture.ts";
import { cutDeletions, decodeHeaderChunk, encodeClocks, encodeNeeds, type HeaderPart } from "./segment.ts";
import { readDocumentSnapshot } from "./snapshot-cache.ts";
import { decodeSnapshot, encodeSnapshot, UPDATE_CHUNK_BYTES } from "./snapshot-format.ts";
import { openSegment, type StoredSegment } from "./stored-segment.ts";

const position = { epoch: "e", offset: 7 };
const snapshotOf = (...chunks: Uint8Array[]): Snapshot => ({ position, bytes: 0, chunks });
const source = createTestTopic();

async function headerOf(segment: StoredSegment): Promise<HeaderPart[]> {
  const all: HeaderPart[] = [];
  for await (const parts of segment.header()) all.push(...parts);
  return all;
}

/** A snapshot as version 1 of the format wrote it. */
function firstFormat(update: Uint8Array, hasPending = false): Snapshot {
  const header = new ByteWriter();
  header.number(hasPending ? 1 : 0);
  for (const number of [2, 5, 30, 9, 4]) header.number(number);
  header.sizedBytes(encodeDeletions(new Map([[5, [0, 3, 10, 12]]])));
  header.number(1);
  header.text("ada");
  for (const number of [1, 5]) header.number(number);
  const start = new ByteWriter();
  start.bytes(new TextEncoder().encode("PLXD"));
  for (const number of [1, header.length, update.length]) start.number(number);
  start.bytes(header.finish());
  const bytes = Buffer.concat([start.finish(), update]);
  const chunks = [];
  // Its chunks need not end where its parts do.
  for (let at = 0; at < bytes.length; at += 11) chunks.push(new Uint8Array(bytes.subarray(at, at + 11)));
  return snapshotOf(...chunks);
}

describe("the snapshot of a document", () => {
  test("of the first format is read as one segment", async () => {
    const update = Uint8Array.from({ length: 100 }, (_, index) => index);
    for (const hasPending of [false, true]) {
      const [placement, ...others] = decodeSnapshot(firstFormat(update, hasPending)).segments;
      expect(others).toEqual([]);
      const segment = openSegment(source, placement!);
      expect(segment).toMatchObject({ to: 7, bytes: 100, hasPending });
      const header = await headerOf(segment);
      expect(header).toEqual([
        { kind: "clocks", user: "ada", clocks: [5, 0, 30] },
        { kind: "clocks", user: undefined, clocks: [9, 0, 4] },
        { kind: "deletions", update: encodeDeletions(new Map([[5, [0, 3, 10, 12]]])) },
      ]);
    }
    const [placement] = decodeSnapshot(firstFormat(update)).segments;
    // Read in turns, which are the test's to give.
    const reading = openSegment(source, placement!).readUpdate();
    const turns = setInterval(() => source.clock.advance(0));
    const pieces = await reading;
    clearInterval(turns);
    expect(pieces.length).toBeGreaterThan(1);
    expect(new Uint8Array(Buffer.concat(pieces))).toEqual(update);
  });

  test("of several segments, long ones beside it and short ones in it, is read back as it was", async () => {
    const topic = createTestTopic();
    const doc = new Y.Doc();
    doc.clientID = 3;
    doc.on("update", (payload: Uint8Array) => void topic.appendElsewhere({ kind: DOC_KIND.update, payload }));
    doc.getText("t").insert(0, "x".repeat(600_000));
    doc.getText("t").delete(5, 10);
    doc.getText("t").insert(0, "one");
    doc.getText("t").insert(0, "two");
    const updates = await storeSegments(topic, [2, 3, 4], new Map([[3, "ada"]]));
    const snapshot = await readDocumentSnapshot(topic);
    expect(snapshot?.segments.map(({ to }) => to)).toEqual([2, 3, 4]);
    expect(topic.segments.size).toBe(1);
    for (const [index, segment] of snapshot!.segments.entries()) {
      const pieces = await segment.readUpdate();
      expect(Buffer.concat(pieces).equals(updates[index]!)).toBe(true);
      expect(pieces.every(({ length }) => length <= UPDATE_CHUNK_BYTES)).toBe(true);
      // The worker may take them away.
      structuredClone(pieces, { transfer: pieces.map(({ buffer }) => buffer) });
      expect(Buffer.concat(await segment.readUpdate()).equals(updates[index]!)).toBe(true);
    }
    expect(await headerOf(snapshot!.segments[1]!)).toEqual([
      { kind: "clocks", user: "ada", clocks: [3, 600_000, 600_003] },
    ]);
  });

  test("that was not written by a document, by a later version or not completely cannot be read", () => {
    const { chunks } = encodeSnapshot([
      {
        to: 7,
        bytes: 2,
        hasPending: false,
        headerChunks: 0,
        updateChunks: 1,
        name: undefined,
        inline: [Uint8Array.of(0, 0)],
      },
    ]);
    expect(decodeSnapshot(snapshotOf(...chunks)).segments).toHaveLength(1);
    const [list, update] = chunks as [Uint8Array, Uint8Array];
    const later = list.map((byte, at) => (at === 4 ? 3 : byte));
    for (const [broken, why] of [
      [[], "not a document's"],
      [[Uint8Array.of(1, 2, 3, 4, 5)], "not a document's"],
      [[later, update], "format 3"],
      [[list], "instead of"],
      [[list, update, update], "instead of"],
      [[list, update.subarray(1)], "1 bytes instead of 2"],
      [[list.subarray(0, 7), update], "too"],
    ] as const)
      expect(() => decodeSnapshot(snapshotOf(...broken)), why).toThrow(why);
    expect(() => decodeSnapshot({ ...snapshotOf(...chunks), position: { epoch: "e", offset: 8 } })).toThrow(
      "another position",
    );
  });
});

describe("the header of a segment", () => {
  test("is cut into chunks, each of which is read by itself, and says the same together", () => {
    const client = fc.integer({ min: 0, max: 2 ** 32 });
    const clock = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(client, clock, fc.nat(1_000)), { selector: ([id]) => id, maxLength: 1_500 }),
        fc.array(fc.constantFrom("ada", "bob", "", undefined), { minLength: 1, maxLength: 9 }),
        (numbers, users) => {
          const clocks = numbers.flatMap(([id, from, length]) => [id, from, from + length]);
          const owners = new Map(
            numbers.flatMap(([id], index) => {
              const user = users[index % users.length];
              return user === undefined ? [] : [[id, user] as const];
            }),
          );
          const parts = [...encodeClocks(clocks, owners)].flatMap((chunk) => [...decodeHeaderChunk(chunk)]);
          const read = new Map<number, unknown>();
          for (const part of parts) {
            if (part.kind !== "clocks") throw new Error("not clocks");
            for (let at = 0; at < part.clocks.length; at += 3)
              read.set(part.clocks[at]!, [part.clocks[at + 1], part.clocks[at + 2], part.user]);
          }
          expect(read).toEqual(
            new Map(numbers.map(([id, from, length]) => [id, [from, from + length, owners.get(id)]])),
          );
          const needs = numbers.flatMap(([id, from]) => [id, from + 1]);
          const needed = [...encodeNeeds(needs)].flatMap((chunk) => [...decodeHeaderChunk(chunk)]);
          expect(needed.flatMap((part) => (part.kind === "needs" ? part.needs : []))).toEqual(needs);
        },
      ),
      { seed: 2, numRuns: 40 },
    );
  });

  test("has its deletions in updates none of which is long", () => {
    const ranges = Array.from({ length: 30_000 }, (_, at) => [at * 3, at * 3 + 1]).flat();
    const deletions = new Map([
      [1, [0, 5]],
      [2, ranges],
      [3, [7, 9]],
    ]);
    const updates = cutDeletions(deletions);
    expect(Math.max(...updates.map(({ length }) => length))).toBeLessThan(64 * 1024);
    const read = new Map<number, number[]>();
    for (const update of updates)
      for (const [client, own] of decodeDeletions(update))
        read.set(client, [...(read.get(client) ?? []), ...own]);
    expect(read).toEqual(deletions);
    expect(() => Y.decodeUpdate(updates[0]!)).not.toThrow();
  });
});
