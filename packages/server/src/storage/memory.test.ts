import { describe, expect, test } from "vitest";
import { storageContract } from "../../../testing/src/storage-contract/index.ts";
import { systemRandom as random } from "../platform/random.ts";
import { createMemoryStorage } from "./memory.ts";
import { createMemoryDisk } from "./memory-disk.ts";
import type { Storage } from "./storage.ts";

storageContract("createMemoryStorage", async () => {
  const disk = createMemoryDisk({ random });
  let storage: Storage = createMemoryStorage({ random, disk });
  return {
    storage,
    async reopen() {
      await storage.close();
      storage = createMemoryStorage({ random, disk });
      return storage;
    },
    cleanup: () => storage.close(),
  };
});

const ALL = { entriesMax: 100, bytesMax: 1_000 };
const entries = (text: string) => [{ data: Buffer.from(text), atMs: 1 }];

function manualFlush() {
  const scheduled: (() => void)[] = [];
  return {
    scheduled,
    scheduleFlush: (flush: () => void) => void scheduled.push(flush),
    flush: () => scheduled.shift()?.(),
  };
}

describe("a memory storage with a flush of its own", () => {
  test("shows and settles nothing before the flush, and several commits share one", async () => {
    const { scheduled, scheduleFlush, flush } = manualFlush();
    const storage = createMemoryStorage({ random, scheduleFlush });
    const settled: string[] = [];
    const commits = ["a", "b"].map((text) =>
      storage.commit({ appends: [{ topic: "t", entries: entries(text) }] }).then(() => settled.push(text)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect([settled, scheduled.length]).toEqual([[], 1]);
    expect(await storage.read("t", 0, ALL)).toMatchObject({ head: 0, entries: [] });
    flush();
    await Promise.all(commits);
    expect(settled).toEqual(["a", "b"]);
    expect(await storage.read("t", 0, ALL)).toMatchObject({
      head: 2,
      entries: [{ offset: 1 }, { offset: 2 }],
    });
  });

  test("a crash loses what was not flushed, keeps what was, and leaves its commits unsettled", async () => {
    const { scheduleFlush, flush } = manualFlush();
    const disk = createMemoryDisk({ random, incarnation: "one" });
    const storage = createMemoryStorage({ random, disk, scheduleFlush });
    const acked = storage.commit({ appends: [{ topic: "t", entries: entries("acked") }] });
    flush();
    await acked;
    let settled = false;
    const note = () => {
      settled = true;
    };
    storage.commit({ appends: [{ topic: "t", entries: entries("lost") }] }).then(note, note);
    storage.crash();
    flush();
    const afterwards = createMemoryStorage({ random, disk });
    expect(await afterwards.commit({ appends: [{ topic: "t", entries: entries("next") }] })).toEqual([
      { epoch: "one", offset: 2 },
    ]);
    expect(settled).toBe(false);
    await expect(storage.heads(["t"])).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("keeps its own copy of what it was given", async () => {
    const storage = createMemoryStorage({ random });
    const data = Buffer.from("before");
    await storage.commit({
      appends: [{ topic: "t", entries: [{ data, atMs: 1 }] }],
      puts: [{ key: "k", value: data }],
    });
    data.fill("x");
    const page = await storage.read("t", 0, ALL);
    expect(Buffer.from(page.entries[0]?.data ?? []).toString()).toBe("before");
    expect(Buffer.from((await storage.get("k"))?.value ?? []).toString()).toBe("before");
  });
});
