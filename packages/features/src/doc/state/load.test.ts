import { createTestTopic, type TestTopic } from "@plexline/testing";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { DOC_KIND } from "../protocol.ts";
import { createInlineWorker } from "../room.fixture.ts";
import { storeSegments } from "../segment.fixture.ts";
import { readDocumentSnapshot } from "../snapshot-cache.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshot-format.ts";
import { createDocumentState, type DocumentState } from "./document-state.ts";
import { loadDocument } from "./load.ts";

const scanner = { worker: createInlineWorker(), scanBytesMax: 64 * 1024 };

function createTopic(): TestTopic {
  const topic = createTestTopic();
  vi.spyOn(topic.clock, "defer").mockImplementation((callback) => void setImmediate(callback));
  return topic;
}

async function loaded(topic: TestTopic) {
  const state = createDocumentState();
  return { state, read: await loadDocument(topic, state, scanner) };
}

const facts = ({ stateVector, deletions, owners }: DocumentState) => ({
  vector: new Map([...stateVector].sort()),
  deletions: new Map([...deletions].sort()),
  owners: new Map([...owners].sort()),
});

function contentOf(updates: readonly Uint8Array[]) {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return {
    text: doc.getText("t").toDelta(),
    map: doc.getMap("m").toJSON(),
    vector: Y.decodeStateVector(Y.encodeStateVector(doc)),
    pending: [doc.store.pendingStructs, doc.store.pendingDs],
  };
}

async function storedUpdates(topic: TestTopic): Promise<Uint8Array[]> {
  const updates: Uint8Array[] = [];
  const snapshot = await readDocumentSnapshot(topic);
  for (const segment of snapshot?.segments ?? []) updates.push(Buffer.concat(await segment.readUpdate()));
  for (const { offset, payload } of topic.entries)
    if (offset > (snapshot?.position.offset ?? 0)) updates.push(payload);
  return updates;
}

interface Step {
  readonly who: number;
  readonly what: string;
  readonly at: number;
  readonly text: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(2),
  what: fc.constantFrom("insert", "insert", "delete", "set", "format"),
  at: fc.nat(30),
  text: fc.string({ minLength: 1, maxLength: 5 }),
});

/** Three people's edits as a log, each knowing what came before. */
function write(topic: TestTopic, steps: readonly Step[]): void {
  const docs = [1, 2, 3].map((clientID) => Object.assign(new Y.Doc(), { clientID }));
  for (const { who, what, at, text } of steps) {
    const doc = docs[who]!;
    const shared = doc.getText("t");
    const index = Math.min(at, shared.length);
    const hear = (payload: Uint8Array): void => {
      const principal = {
        id: `user-${who}`,
        kind: "user",
        tenant: "default",
        clearance: 0,
        claims: {},
      } as const;
      topic.appendElsewhere({
        kind: DOC_KIND.update,
        payload,
        sender: { principal, role: "controller", sessionId: null },
      });
      for (const other of docs) if (other !== doc) Y.applyUpdate(other, payload);
    };
    doc.on("update", hear);
    if (what === "insert") shared.insert(index, text);
    else if (what === "delete") shared.delete(index, Math.min(2, shared.length - index));
    else if (what === "set") doc.getMap("m").set(text, at);
    else shared.format(index, Math.min(3, shared.length - index), { b: at % 2 === 0 ? true : null });
    doc.off("update", hear);
  }
}

describe("opening a document", () => {
  test("[DC18] a snapshot of any segments and the log after it say what the log says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.array(fc.nat(60)), async (steps, cuts) => {
        const topic = createTopic();
        write(topic, steps);
        const plain = await loaded(topic);
        const expected = contentOf(topic.entries.map(({ payload }) => payload));
        const offsets = [...new Set(cuts)].filter((cut) => cut > 0 && cut <= topic.entries.length);
        offsets.sort((a, b) => a - b);
        if (offsets.length > 0) await storeSegments(topic, offsets, plain.state.owners);
        const { state, read } = await loaded(topic);
        expect(facts(state)).toEqual(facts(plain.state));
        expect([read.head, read.tailEntries]).toEqual([
          topic.entries.length,
          topic.entries.length - (offsets.at(-1) ?? 0),
        ]);
        expect(contentOf(await storedUpdates(topic))).toEqual(expected);
      }),
      { seed: 11, numRuns: 80 },
    );
  });

  test("a segment that builds on what is missing is not taken: its entries are read one by one", async () => {
    const topic = createTopic();
    const doc = Object.assign(new Y.Doc(), { clientID: 1 });
    const warned = vi.spyOn(topic.log, "warn");
    doc.on("update", (payload: Uint8Array) => void topic.appendElsewhere({ kind: DOC_KIND.update, payload }));
    for (const text of ["a", "b", "c", "d"]) doc.getText("t").insert(0, text);
    const plain = await loaded(topic);
    await storeSegments(topic, [1, 2, 4]);
    // The segment between the other two is lost.
    const snapshot = (await topic.readSnapshot())!;
    const [base, , last] = decodeSnapshot(snapshot).segments;
    const { chunks } = encodeSnapshot([base!, last!]);
    await topic.writeSnapshot(snapshot.position, chunks);
    const { state, read } = await loaded(topic);
    expect(facts(state)).toEqual(facts(plain.state));
    expect(read.tailEntries).toBe(3);
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ action: "yjs.segment.gap", offset: 4 }));
  });

  test("a snapshot that is replaced while it is read is read anew", async () => {
    const topic = createTopic();
    const doc = Object.assign(new Y.Doc(), { clientID: 1 });
    doc.on("update", (payload: Uint8Array) => void topic.appendElsewhere({ kind: DOC_KIND.update, payload }));
    doc.getText("t").insert(0, "x".repeat(600_000));
    doc.getText("t").insert(0, "b");
    await storeSegments(topic, [1]);
    const read = topic.readSegment.bind(topic);
    vi.spyOn(topic, "readSegment").mockImplementationOnce(async (...given) => {
      await storeSegments(topic, [2]);
      return read(...given);
    });
    const { state, read: result } = await loaded(topic);
    expect(state.clockOf(1)).toBe(600_001);
    expect(result.tailEntries).toBe(0);
  });
});
