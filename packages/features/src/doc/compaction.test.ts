import { createTestTopic, type TestTopic } from "@plexline/testing";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { createCompaction } from "./compaction.ts";
import { DOC_KIND } from "./protocol.ts";
import { decodeSnapshot } from "./snapshot-format.ts";
import { compact } from "./worker/compact.ts";
import type { Compacted, CompactJob, DocWorker } from "./worker/jobs.ts";

/** A worker that folds when it is let: every job waits for `run`. */
function createHeldWorker() {
  const waiting: {
    job: CompactJob;
    resolve: (result: Compacted) => void;
    reject: (error: unknown) => void;
  }[] = [];
  const jobs: CompactJob[] = [];
  const worker: DocWorker = {
    scan: () => Promise.reject(new Error("no scans here")),
    compact: (job) =>
      new Promise((resolve, reject) => {
        jobs.push(job);
        waiting.push({ job, resolve, reject });
      }),
  };
  const next = async () => {
    await vi.waitUntil(() => waiting.length > 0);
    return waiting.shift()!;
  };
  return {
    worker,
    jobs,
    async run() {
      const { job, resolve } = await next();
      resolve(compact(job));
    },
    async fail() {
      (await next()).reject(new Error("no"));
    },
  };
}

function setup(limits = { compactAfterEntries: 5, compactAfterBytes: 1_000_000 }) {
  const topic = createTestTopic();
  const doc = new Y.Doc();
  doc.clientID = 1;
  const held = createHeldWorker();
  const owners = new Map([[1, "ada"]]);
  const told: number[] = [];
  const reads = vi.spyOn(topic, "readSnapshot");
  const compaction = createCompaction(
    topic,
    held.worker,
    limits,
    () => owners,
    () => told.push(topic.snapshots.length),
  );
  doc.on("update", (payload: Uint8Array) => {
    const { offset } = topic.appendElsewhere({ kind: DOC_KIND.update, payload });
    compaction.onCommitted(offset, payload.length);
  });
  return {
    topic,
    doc,
    owners,
    told,
    compaction,
    ...held,
    /** Compactions so far: each begins by reading the snapshot, in the call that makes it due. */
    begun: () => reads.mock.calls.length,
    type(count: number) {
      for (let n = 0; n < count; n += 1) doc.getText("t").insert(0, "x");
    },
    stored: (count: number) => vi.waitUntil(() => topic.snapshots.length === count),
  };
}

const newest = (topic: TestTopic) => decodeSnapshot(topic.snapshots.at(-1)!);
/** What somebody who joins now makes of the document. */
async function joined(topic: TestTopic): Promise<string> {
  const doc = new Y.Doc();
  const stored = await topic.readSnapshot();
  if (stored) Y.applyUpdate(doc, decodeSnapshot(stored).update);
  for (const { offset, payload } of topic.entries) {
    if (offset > (stored?.position.offset ?? 0)) Y.applyUpdate(doc, payload);
  }
  return doc.getText("t").toString();
}

describe("compaction", () => {
  test("[DC18] after so many entries the log is folded into a snapshot of exactly the position it was read up to", async () => {
    const { topic, doc, owners, told, jobs, begun, type, run, stored } = setup();
    type(4);
    expect(begun()).toBe(0);
    type(1);
    expect(begun()).toBe(1);
    await vi.waitUntil(() => jobs.length === 1);
    // What comes while it is folded belongs to the next one.
    type(2);
    owners.set(2, "bob");
    await run();
    await stored(1);
    expect(newest(topic)).toMatchObject({ position: { epoch: "test-epoch", offset: 5 }, owners });
    expect(newest(topic).stateVector).toEqual(new Map([[1, 5]]));
    expect(told).toEqual([1]);
    expect(topic.entries).toHaveLength(7);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test("[DC18] after so many bytes too", async () => {
    const { doc, jobs, run, stored } = setup({ compactAfterEntries: 500, compactAfterBytes: 1_000 });
    doc.getText("t").insert(0, "x".repeat(1_000));
    await vi.waitUntil(() => jobs.length === 1);
    await run();
    await stored(1);
  });

  test("the next one folds the snapshot and what came after it", async () => {
    const { topic, doc, jobs, type, run, stored } = setup();
    type(5);
    await run();
    await stored(1);
    type(5);
    await run();
    await stored(2);
    expect(jobs[1]?.snapshot).toEqual(newest({ ...topic, snapshots: topic.snapshots.slice(0, 1) }).update);
    expect(jobs[1]?.updates).toHaveLength(5);
    expect(newest(topic).position.offset).toBe(10);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test("a large document waits until what came is half as much again, or very many entries", async () => {
    const { topic, doc, begun, type, run, stored } = setup();
    type(4);
    doc.getText("t").insert(0, "x".repeat(1_000));
    await run();
    await stored(1);
    type(10);
    doc.getText("t").insert(0, "x".repeat(250));
    expect(begun()).toBe(1);
    doc.getText("t").insert(0, "x".repeat(250));
    await run();
    await stored(2);
    type(4);
    doc.getText("t").insert(0, "x".repeat(100_000));
    await run();
    await stored(3);
    type(99);
    expect(begun()).toBe(3);
    type(1);
    await run();
    await stored(4);
    expect(newest(topic).position.offset).toBe(topic.entries.length);
  });

  test("a room that opens with a long tail folds it, and one with a large snapshot does not", async () => {
    const { compaction, begun, type, run, stored } = setup({
      compactAfterEntries: 50,
      compactAfterBytes: 1_000_000,
    });
    type(40);
    compaction.loaded(40, 60, 2_000, 100_000);
    expect(begun()).toBe(0);
    compaction.loaded(40, 60, 2_000);
    await run();
    await stored(1);
  });

  test("a snapshot found larger than was known puts it off", async () => {
    const { compaction, doc, jobs, begun, type, run, stored } = setup();
    type(4);
    doc.getText("t").insert(0, "x".repeat(1_000));
    await run();
    await stored(1);
    compaction.loaded(5, 5, 100);
    expect(begun()).toBe(2);
    // As soon as the size is known, one more entry is not enough.
    await vi.waitUntil(() => {
      const before = begun();
      type(1);
      return begun() === before;
    });
    type(1);
    expect(begun()).toBe(2);
    expect(jobs).toHaveLength(1);
  });

  test("one at a time, however much comes meanwhile", async () => {
    const { topic, jobs, begun, type, run, stored } = setup();
    type(5);
    await vi.waitUntil(() => jobs.length === 1);
    type(50);
    expect(begun()).toBe(1);
    await run();
    await run();
    await stored(2);
    expect(newest(topic).position.offset).toBe(55);
  });

  test("killed between reading and writing, the old snapshot and the log are as they were", async () => {
    const { topic, doc, compaction, jobs, type, run, stored } = setup();
    type(5);
    await run();
    await stored(1);
    type(5);
    await vi.waitUntil(() => jobs.length === 2);
    const writes = vi.spyOn(topic, "writeSnapshot");
    await compaction.close();
    await run();
    expect(topic.snapshots).toHaveLength(1);
    expect(await joined(topic)).toBe(doc.getText("t").toString());

    const inline: DocWorker = { ...createHeldWorker().worker, compact: async (job) => compact(job) };
    const limits = { compactAfterEntries: 5 };
    await new Promise<void>((onSnapshot) => {
      const next = createCompaction(topic, inline, limits, () => new Map(), onSnapshot);
      next.loaded(10, 5, 1_000, newest(topic).update.length);
    });
    // That of the room that opened next, after which the closed one's would have come.
    expect(writes).toHaveBeenCalledTimes(1);
    expect(topic.snapshots).toHaveLength(2);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test("[DC18] a failure is tried again later, with one timer and longer pauses", async () => {
    const { topic, jobs, type, run, fail, stored } = setup();
    const warned = vi.spyOn(topic.log, "warn");
    type(5);
    for (const [round, pauseMs] of [5_000, 10_000, 20_000].entries()) {
      await fail();
      await vi.waitUntil(() => topic.clock.pendingTimers === 1);
      type(1);
      expect(jobs).toHaveLength(round + 1);
      topic.clock.advance(pauseMs - 1);
      expect(topic.clock.pendingTimers).toBe(1);
      topic.clock.advance(1);
      expect(topic.clock.pendingTimers).toBe(0);
    }
    expect(warned).toHaveBeenCalledTimes(3);
    await run();
    await stored(1);
    expect(newest(topic).position.offset).toBe(8);
  });

  test("[DC18] a storage that does not take it hinders nothing", async () => {
    const { topic, type, run, stored } = setup();
    topic.failWrites();
    type(5);
    await run();
    await vi.waitUntil(() => topic.clock.pendingTimers === 1);
    topic.releaseWrites();
    topic.clock.advance(5_000);
    await run();
    await stored(1);
  });

  test("who is behind another node's snapshot leaves it at that", async () => {
    const { topic, type, run, jobs } = setup();
    type(5);
    await vi.waitUntil(() => jobs.length === 1);
    type(1);
    await topic.writeSnapshot({ epoch: "test-epoch", offset: 6 }, [Uint8Array.of(1)]);
    const writes = vi.spyOn(topic, "writeSnapshot");
    await run();
    await vi.waitUntil(() => writes.mock.results.length === 1);
    await expect(writes.mock.results[0]?.value).rejects.toThrow("newer snapshot");
    await Promise.resolve();
    expect(topic.snapshots).toHaveLength(1);
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("updates that were left out are named in the log by their offsets", async () => {
    const { topic, compaction, type, run, stored } = setup();
    const logged = vi.spyOn(topic.log, "error");
    type(4);
    const poison = Uint8Array.of(1, 1, 9, 0, 31, 0);
    const { offset } = topic.appendElsewhere({ kind: DOC_KIND.update, payload: poison });
    compaction.onCommitted(offset, poison.length);
    await run();
    await stored(1);
    expect(logged).toHaveBeenCalledWith(expect.objectContaining({ offsets: [5] }), expect.any(String));
  });

  test("[DC17] a log that is reset meanwhile gets no snapshot of the old one", async () => {
    const { topic, jobs, type, run } = setup();
    type(5);
    await vi.waitUntil(() => jobs.length === 1);
    topic.resetLog("another");
    const writes = vi.spyOn(topic, "writeSnapshot");
    await run();
    await vi.waitUntil(() => writes.mock.results.length === 1);
    await expect(writes.mock.results[0]?.value).rejects.toThrow("epoch");
    expect(topic.snapshots).toEqual([]);
  });

  test("closing waits for what is being written, and leaves no timer", async () => {
    const { topic, compaction, type, fail } = setup();
    type(5);
    await fail();
    await vi.waitUntil(() => topic.clock.pendingTimers === 1);
    await compaction.close();
    expect(topic.clock.pendingTimers).toBe(0);

    const other = setup();
    other.topic.holdWrites();
    other.type(5);
    const writes = vi.spyOn(other.topic, "writeSnapshot");
    await other.run();
    await vi.waitUntil(() => writes.mock.calls.length === 1);
    const order: string[] = [];
    const closing = other.compaction.close().then(() => order.push("closed"));
    await Promise.resolve();
    order.push("released");
    other.topic.releaseWrites();
    await closing;
    expect(order).toEqual(["released", "closed"]);
  });
});
