import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { storageContract } from "../../../testing/src/storage-contract/index.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { systemRandom as random } from "../platform/random.ts";
import { silentLogger } from "../telemetry/log.ts";
import { openEmbeddedStorage } from "./embedded.ts";
import { createDraft } from "./embedded-draft.ts";
import { openEnvironment } from "./embedded-environment.ts";
import { FORMAT_KEY } from "./embedded-keys.ts";

const directories: string[] = [];
async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "plexline-storage-"));
  directories.push(directory);
  return directory;
}
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

storageContract("openEmbeddedStorage", async () => {
  const directory = await newDirectory();
  let storage = await openEmbeddedStorage({ directory, random, clock });
  return {
    storage,
    async reopen() {
      await storage.close();
      storage = await openEmbeddedStorage({ directory, random, clock });
      return storage;
    },
    cleanup: () => storage.close(),
  };
});

const entries = (text: string) => [{ data: Buffer.from(text), atMs: 1 }];

describe("the data directory", () => {
  test("is refused to a second opener, with the owner's pid and the fix, and free after close", async () => {
    const directory = await newDirectory();
    const storage = await openEmbeddedStorage({ directory, random, clock });
    await expect(openEmbeddedStorage({ directory, random, clock })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining(`in use by process ${process.pid}`),
      fix: expect.stringContaining("--data"),
    });
    await storage.commit({ appends: [{ topic: "t", entries: entries("still works") }] });
    await storage.close();
    await (await openEmbeddedStorage({ directory, random, clock })).close();
  });

  const stale: [string, (owner: Record<string, unknown>) => Record<string, unknown>][] = [
    ["a process that is gone", (owner) => ({ ...owner, pid: 4_194_305 })],
    ["a process whose id another one has now", (owner) => ({ ...owner, startedAt: "1" })],
    ["an earlier boot", (owner) => ({ ...owner, bootId: "earlier" })],
    ["a power cut while the lock was written", () => ({})],
  ];
  test.each(stale)("is taken over from %s", async (_, change) => {
    const directory = await newDirectory();
    const path = join(directory, "owner.json");
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const owner = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    await storage.close();
    await writeFile(path, JSON.stringify({ ...change(owner), id: "stale" }));
    const next = await openEmbeddedStorage({ directory, random, clock });
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
    await next.close();
    expect((await readdir(directory)).sort()).toEqual(["data.mdb", "lock.mdb"]);
  });

  test("belongs to an owner in another container for as long as that one renews its lock", async () => {
    const directory = await newDirectory();
    const path = join(directory, "owner.json");
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const owner = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    await storage.close();
    await writeFile(path, JSON.stringify({ ...owner, pidNamespace: "pid:[1]", id: "other" }));
    await expect(openEmbeddedStorage({ directory, random, clock })).rejects.toMatchObject({
      message: expect.stringContaining("in use"),
    });
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    await (await openEmbeddedStorage({ directory, random, clock })).close();
  });

  test("of twenty openers at once, also over a stale lock, exactly one succeeds", async () => {
    const directory = await newDirectory();
    await writeFile(join(directory, "owner.json"), JSON.stringify({ pid: 4_194_305, id: "stale" }));
    const openers = Array.from({ length: 20 }, () => openEmbeddedStorage({ directory, random, clock }));
    const outcomes = await Promise.allSettled(openers);
    const opened = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(opened.length).toBe(1);
    await opened[0]?.close();
  });

  test("that cannot be created is refused with the reason and the fix", async () => {
    const directory = join(await newDirectory(), "file");
    await writeFile(directory, "");
    await expect(openEmbeddedStorage({ directory, random, clock })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("EEXIST"),
      fix: expect.stringContaining("local disk"),
    });
  });
});

describe("the store", () => {
  test("of a later format is refused and left as it is", async () => {
    const directory = await newDirectory();
    await (await openEmbeddedStorage({ directory, random, clock })).close();
    const environment = await openEnvironment(directory, silentLogger);
    const draft = createDraft(environment.view.get);
    draft.attempt(() => draft.put(FORMAT_KEY, Buffer.from(JSON.stringify({ version: 2, incarnation: "x" }))));
    await environment.flush(draft);
    await environment.close();
    await expect(openEmbeddedStorage({ directory, random, clock })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("format 2"),
    });
    expect(await readdir(directory)).not.toContain("owner.json");
  });

  test("that was restored from a backup has a new incarnation and new epochs, and keeps its entries", async () => {
    const directory = await newDirectory();
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const [position] = await storage.commit({ appends: [{ topic: "t", entries: entries("kept") }] });
    await storage.writeSnapshot("t", position!, [Buffer.from("state")]);
    await storage.close();
    const restored = await openEmbeddedStorage({ directory, random, clock, restored: true });
    expect(restored.incarnation).not.toBe(storage.incarnation);
    const page = await restored.read("t", 0, { entriesMax: 9, bytesMax: 99 });
    expect(page).toMatchObject({ head: 1, entries: [{ offset: 1 }] });
    expect(page.epoch).not.toBe(position?.epoch);
    expect(await restored.readSnapshot("t")).toBeUndefined();
    await restored.writeSnapshot("t", { epoch: page.epoch, offset: 0 }, []);
    await restored.close();
  });

  test("grows without a size that has to be set", async () => {
    const directory = await newDirectory();
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const data = new Uint8Array(64 * 1024).fill(7);
    const append = () => storage.commit({ appends: [{ topic: "t", entries: [{ data, atMs: 1 }] }] });
    await Promise.all(Array.from({ length: 500 }, append));
    expect(await storage.heads(["t"])).toMatchObject([{ head: 500 }]);
    const page = await storage.read("t", 499, { entriesMax: 1, bytesMax: 1 });
    expect(page.entries[0]?.data).toEqual(data);
    await storage.close();
  });

  test("gives back the space of trimmed and reset logs", async () => {
    const directory = await newDirectory();
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const many = Array.from({ length: 1_500 }, () => ({ data: new Uint8Array(100), atMs: 1 }));
    await storage.commit({
      appends: [
        { topic: "t", entries: many },
        { topic: "u", entries: many },
      ],
    });
    await storage.trim("t", 1_400);
    await storage.reset("u");
    await storage.close();
    const environment = await openEnvironment(directory, silentLogger);
    const all = { start: Buffer.from("e"), end: Buffer.from("f") };
    const left = await environment.read((view) => Array.from(view.range(all)).length);
    await environment.close();
    expect(left).toBe(100);
  });

  test("refuses commits beyond what may wait for the disk, and goes on afterwards", async () => {
    const directory = await newDirectory();
    const storage = await openEmbeddedStorage({ directory, random, clock });
    const data = new Uint8Array(30 * 1024 * 1024);
    const append = () => storage.commit({ appends: [{ topic: "t", entries: [{ data, atMs: 1 }] }] });
    const outcomes = await Promise.allSettled([append(), append(), append()]);
    expect(outcomes).toMatchObject([
      { status: "fulfilled" },
      { status: "fulfilled" },
      {
        status: "rejected",
        reason: { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("wait") },
      },
    ]);
    expect(await storage.commit({ appends: [{ topic: "t", entries: entries("x") }] })).toMatchObject([
      { offset: 3 },
    ]);
    await storage.close();
  });
});
