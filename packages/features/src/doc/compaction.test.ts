import { createTestTopic, type TestTopic } from "@plexline/testing";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { createCompaction } from "./compaction.ts";
import { DOC_KIND } from "./protocol.ts";
import { updatesIn } from "./segment.fixture.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot-format.ts";
import { openSegment } from "./stored-segment.ts";
import { fold } from "./worker/fold.ts";
import type { DocWorker, Folded, FoldJob } from "./worker/jobs.ts";

/** A worker that folds when it is let: every job waits for `run`. */
function createHeldWorker() {
  const waiting: {
    job: FoldJob;
    resolve: (result: Folded) => void;
    reject: (error: unknown) => void;
  }[] = [];
  const jobs: FoldJob[] = [];
  const worker: DocWorker = {
    scan: () => Promise.reject(new Error("no scans here")),
    fold: (job) =>
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
      const { job, resolve, reject } = await next();
      try {
        resolve(fold(job));
      } catch (error) {
        reject(error);
      }
    },
    async fail() {
      (await next()).reject(new Error("no"));
    },
  };
}

function setup(limits = { compactAfterEntries: 5, compactAfterBytes: 1_000_000 }) {
  const topic = createTestTopic();
  // Waiting for a turn is not waiting for the test.
  vi.spyOn(topic.clock, "defer").mockImplementation((callback) => void setImmediate(callback));
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
  for (const segment of stored ? decodeSnapshot(stored).segments : [])
    Y.applyUpdate(doc, Buffer.concat(await openSegment(topic, segment).readUpdate()));
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
    expect(newest(topic)).toMatchObject({ position: { epoch: "test-epoch", offset: 5 } });
    const [segment] = newest(topic).segments;
    const header = [];
    for await (const parts of openSegment(topic, segment!).header()) header.push(...parts);
    expect(header).toEqual([{ kind: "clocks", user: "ada", clocks: [1, 0, 5] }]);
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
    const [first] = newest({ ...topic, snapshots: topic.snapshots.slice(0, 1) }).segments;
    expect(jobs[1]?.how).toBe("fold");
    expect(jobs[1]?.segments).toEqual([await openSegment(topic, first!).readUpdate()]);
    expect(updatesIn(jobs[1]!)).toBe(5);
    expect(newest(topic).position.offset).toBe(10);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test("[DC18] a large document is not folded for every few entries: they are merged, and with those merged before", async () => {
    const { topic, doc, jobs, type, run, stored } = setup();
    doc.getText("t").insert(0, "x".repeat(4_000));
    type(4);
    await run();
    await stored(1);
    for (let round = 2; round <= 9; round += 1) {
      type(5);
      await run();
      await stored(round);
      expect(await joined(topic)).toBe(doc.getText("t").toString());
    }
    expect(jobs.map(({ how }) => how)).toEqual(["fold", ...Array(8).fill("merge")]);
    // The first segment is as it was, and those after it are few.
    expect(newest(topic).segments[0]?.to).toBe(5);
    expect(newest(topic).segments.length).toBeLessThan(5);
    expect(newest(topic).position.offset).toBe(45);
    type(4);
    doc.getText("t").insert(0, "y".repeat(4_000));
    await run();
    await stored(10);
    expect(jobs.at(-1)?.how).toBe("fold");
    expect(newest(topic).segments).toHaveLength(1);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test("long segments are stored by themselves, are used again, and go when nothing names them", async () => {
    const { topic, doc, type, run, stored } = setup();
    doc.getText("t").insert(0, "x".repeat(600_000));
    type(4);
    await run();
    await stored(1);
    const [base] = newest(topic).segments;
    expect([...topic.segments.keys()]).toEqual([base?.name]);
    const writes = vi.spyOn(topic, "writeSegment");
    type(5);
    await run();
    await stored(2);
    expect(newest(topic).segments).toMatchObject([{ name: base?.name }, { name: undefined }]);
    expect(writes).not.toHaveBeenCalled();
    type(4);
    doc.getText("t").insert(0, "y".repeat(600_000));
    await run();
    await stored(3);
    expect([...topic.segments.keys()]).toEqual([newest(topic).segments[0]?.name]);
    expect([...topic.segments.keys()]).not.toEqual([base?.name]);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
  });

  test.each(["first chunks of a segment", "further chunks", "snapshot"])(
    "[DC18] killed before the %s, everything is as it was, and the next room goes on",
    async (step) => {
      const { topic, doc, compaction, type, run, stored } = setup({
        compactAfterEntries: 5,
        compactAfterBytes: 10_000_000,
      });
      doc.getText("t").insert(0, "x".repeat(2_500_000));
      type(4);
      await run();
      await stored(1);
      const before = [...topic.segments.keys()];
      type(4);
      doc.getText("t").insert(0, "y".repeat(3_000_000));
      const count = step === "further chunks" ? 2 : 1;
      const method = step === "snapshot" ? "writeSnapshot" : "writeSegment";
      let calls = 0;
      const write = topic[method].bind(topic) as (...given: unknown[]) => Promise<void>;
      const writes = vi.spyOn(topic, method).mockImplementation(async (...given: unknown[]) => {
        calls += 1;
        // The process is gone: nothing comes back any more.
        if (calls >= count) await new Promise(() => {});
        await write(...given);
      });
      await run();
      await vi.waitUntil(() => calls === count);
      writes.mockRestore();
      void compaction.close();
      expect(topic.snapshots).toHaveLength(1);
      expect(await joined(topic)).toBe(doc.getText("t").toString());
      const inline: DocWorker = { ...createHeldWorker().worker, fold: async (job) => fold(job) };
      await new Promise<void>((onSnapshot) => {
        const next = createCompaction(topic, inline, { compactAfterEntries: 5 }, () => new Map(), onSnapshot);
        next.loaded(10, 5, 3_000_000);
      });
      expect(newest(topic).position.offset).toBe(10);
      // What the killed one had begun is gone with the snapshot that it was replaced by.
      expect([...topic.segments.keys()]).toEqual([newest(topic).segments[0]?.name]);
      expect([...topic.segments.keys()]).not.toEqual(before);
      expect(await joined(topic)).toBe(doc.getText("t").toString());
    },
  );

  test("a segment that Yjs cannot apply is made of the log again", async () => {
    const { topic, doc, jobs, type, run, stored } = setup();
    doc.getText("t").insert(0, "x".repeat(4_000));
    type(4);
    await run();
    await stored(1);
    type(5);
    await run();
    await stored(2);
    const list = newest(topic).segments;
    const broken = { ...list[1]!, inline: list[1]!.inline.map((chunk) => chunk.map(() => 0xff)) };
    const { chunks, named } = encodeSnapshot([list[0]!, broken]);
    await topic.writeSnapshot(newest(topic).position, chunks, named);
    type(4);
    doc.getText("t").insert(0, "y".repeat(4_000));
    await run();
    await run();
    await stored(4);
    expect(updatesIn(jobs.at(-1)!)).toBe(10);
    expect(newest(topic).segments).toHaveLength(1);
    expect(await joined(topic)).toBe(doc.getText("t").toString());
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

    const inline: DocWorker = { ...createHeldWorker().worker, fold: async (job) => fold(job) };
    const limits = { compactAfterEntries: 5 };
    await new Promise<void>((onSnapshot) => {
      const next = createCompaction(topic, inline, limits, () => new Map(), onSnapshot);
      next.loaded(10, 5, 1_000);
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
