import { existsSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { decodeDeletions } from "../deletions.ts";
import { jobOf } from "../segment.fixture.ts";
import { nestedTypes } from "../update/hostile.fixture.ts";
import { scanUpdate } from "../update/scan.ts";
import type { ScanLimits } from "../update/update-scan.ts";
import { fold } from "./fold.ts";
import { render } from "./render.ts";
import {
  createDocWorker,
  type DocWorkerHost,
  type DocWorkerOptions,
  sharedDocWorker,
} from "./worker-host.ts";

// Real threads: they run what was built last.
const isBuilt = existsSync(new URL("../../../dist/doc/worker/thread.js", import.meta.url));

const LIMITS: ScanLimits = {
  structsMax: 100_000,
  clientsMax: 1_000,
  depthMax: 64,
  clockMax: 2 ** 40,
  fillerMax: 2 ** 24,
  typeDepthMax: 200,
};

const hosts: DocWorkerHost[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});
function create(options: DocWorkerOptions = {}): DocWorkerHost {
  const host = createDocWorker(options);
  hosts.push(host);
  return host;
}

function typed(count: number, clientID = 1): Uint8Array[] {
  const doc = new Y.Doc();
  doc.clientID = clientID;
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  for (let n = 0; n < count; n += 1) doc.getText("t").insert(n >> 1, `${n}`);
  doc.getText("t").delete(0, 3);
  return updates;
}

describe.runIf(isBuilt)("the worker threads of documents", () => {
  test("a scan and a compaction give what they give here", async () => {
    const worker = create();
    const updates = typed(50);
    const update = Y.mergeUpdates(updates);
    expect(await worker.scan(update, LIMITS)).toEqual(scanUpdate(update, LIMITS));
    const first = await worker.fold(jobOf(updates.slice(0, 20)));
    expect(first).toEqual(fold(jobOf(updates.slice(0, 20))));
    for (const how of ["fold", "merge"] as const) {
      const job = () => ({ ...jobOf(updates.slice(20), how), segments: [[new Uint8Array(first.update)]] });
      const expected = fold(job());
      expect(await worker.fold(job())).toEqual(expected);
    }
  });

  test("shared types in each other that are deleted at once do not overflow its stack", async () => {
    const worker = create();
    const deep = await worker.fold(jobOf([nestedTypes(50_000, true)]));
    expect(deep.skipped).toEqual([]);
    expect(deep.deletions.map(decodeDeletions)).toEqual([new Map([[1, [0, 50_000]]])]);
  });

  test("the caller's bytes stay the caller's, those of larger buffers too", async () => {
    const worker = create();
    const [update] = typed(1) as [Uint8Array];
    const buffer = Buffer.alloc(1_000, 7);
    buffer.set(update, 100);
    const view = buffer.subarray(100, 100 + update.length);
    await worker.scan(view, LIMITS);
    expect(Buffer.compare(view, update)).toBe(0);
    expect(buffer.length).toBe(1_000);
  });

  test("a PlexlineError keeps its code, its message and its fix", async () => {
    const bad = Uint8Array.of(1, 2, 3);
    let expected: unknown;
    try {
      scanUpdate(bad, LIMITS);
    } catch (error) {
      expected = error;
    }
    const { code, message, fix } = expected as { code: string; message: string; fix: string };
    expect(code).toBe("UPDATE_INVALID");
    await expect(create().scan(bad, LIMITS)).rejects.toMatchObject({ code, message, fix });
  });

  test("a job that cannot be done rejects, and the thread goes on with the next", async () => {
    const worker = create();
    const poison = Uint8Array.of(1, 1, 9, 0, 31, 0);
    await expect(worker.fold({ ...jobOf([]), segments: [[new Uint8Array(poison)]] })).rejects.toMatchObject({
      code: "INTERNAL",
    });
    const done = await worker.fold(jobOf([poison, ...typed(2)]));
    expect(done.skipped).toEqual([0]);
  });

  test("a job that takes too long is given up, and the next one gets a new thread", async () => {
    // A new thread takes far longer than that to start, one that runs far less to scan.
    const worker = create({ deadlineMs: 1 });
    const late = worker.scan(Uint8Array.of(0, 0), LIMITS);
    const next = worker.scan(Uint8Array.of(0, 0), LIMITS);
    await expect(late).rejects.toMatchObject({ code: "HANDLER_TIMEOUT" });
    await expect(next).rejects.toMatchObject({ code: "HANDLER_TIMEOUT" });
  });

  test("a thread that dies takes only its job with it", async () => {
    const worker = create({ heapMiBMax: 24, largeHeapMiBMax: 24 });
    const doc = new Y.Doc();
    // Each one before the last: structs that cannot be joined, of 5 bytes here and of hundreds in a heap.
    doc.transact(() => {
      for (let n = 0; n < 300_000; n += 1) doc.getArray("a").insert(0, [n]);
    });
    const lost = worker.fold(jobOf([Y.encodeStateAsUpdate(doc)]));
    const next = worker.fold(jobOf(typed(3)));
    next.catch(() => {});
    await expect(lost).rejects.toMatchObject({
      code: "INTERNAL",
      cause: expect.objectContaining({ code: "ERR_WORKER_OUT_OF_MEMORY" }),
    });
    expect((await next).clocks[2]).toBeGreaterThan(0);
  });

  test.runIf(existsSync(new URL("../../../dist/doc/worker/render.js", import.meta.url)))(
    "a rendering gives what it gives here, refusals included, and takes no bytes away",
    async () => {
      const worker = create();
      const update = Y.mergeUpdates(typed(20));
      const job = { update, format: "json", name: "t", types: new Map() } as const;
      expect(await worker.render(job)).toBe(render(job));
      const text = { ...job, format: "text" } as const;
      expect(await worker.render(text)).toBe(render(text));
      const asArray = worker.render({ ...text, types: new Map([["t", "array"]]) });
      await expect(asArray).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
      expect(update.length).toBeGreaterThan(0);
    },
  );

  test("more jobs than are allowed are refused, and so are more bytes", async () => {
    const worker = create({ jobsMax: 2, jobsBytesMax: 100 });
    const update = Uint8Array.of(0, 0);
    const taken = [worker.scan(update, LIMITS), worker.scan(update, LIMITS)];
    await expect(worker.scan(update, LIMITS)).rejects.toMatchObject({ code: "OVERLOADED" });
    const large = typed(50);
    // One alone is done, however large; folding does not wait for scans.
    const alone = worker.fold(jobOf(large));
    await expect(worker.fold(jobOf(large))).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    await Promise.all([...taken, alone]);
    await worker.scan(update, LIMITS);
  });

  test("a thread without work ends, and the next job starts another", async () => {
    const worker = create({ idleMs: 0 });
    for (let round = 0; round < 3; round += 1) {
      expect((await worker.scan(Uint8Array.of(0, 0), LIMITS)).sections).toEqual([]);
      await new Promise(setImmediate);
    }
  });

  test("closing rejects what is not done, and later jobs", async () => {
    const worker = create();
    const waiting = [worker.scan(Uint8Array.of(0, 0), LIMITS), worker.scan(Uint8Array.of(0, 0), LIMITS)];
    const settled = Promise.allSettled(waiting);
    await worker.close();
    const refused = expect.objectContaining({ reason: expect.objectContaining({ code: "SHUTTING_DOWN" }) });
    expect(await settled).toEqual([refused, refused]);
    await expect(worker.scan(Uint8Array.of(0, 0), LIMITS)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await worker.close();
  });

  test("one serves the whole process", async () => {
    expect(sharedDocWorker()).toBe(sharedDocWorker());
  });
});
