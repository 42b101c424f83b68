import { spawnSync } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type Outcome, type StorageProcess, startStorageProcess } from "./fixtures/storage-process.ts";
import { inject, straceMissing } from "./fixtures/strace.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "plexline-faults-"));
  cleanups.push(() => rm(directory, { recursive: true }));
  return directory;
}

async function start(directory: string): Promise<StorageProcess> {
  const owner = await startStorageProcess(directory);
  cleanups.push(() => owner.kill());
  return owner;
}

const upTo = (head: number) => ({ head, offsets: Array.from({ length: head }, (_, index) => index + 1) });
const isAcked = (outcome: Outcome) => "offset" in outcome;

const missing = straceMissing();

describe.skipIf(missing !== undefined)(
  `an embedded store on a faulty disk${missing ? ` (skipped: ${missing})` : ""}`,
  () => {
    test("acks and shows nothing before a slow flush is over, and what arrives meanwhile shares the next one", async () => {
      const directory = await newDirectory();
      const owner = await start(join(directory, "store"));
      await owner.append("t");
      const slow = await inject(owner.pid, "fdatasync", "delay_enter=1000000", join(directory, "trace"));
      const startedAt = performance.now();
      let acks = 0;
      const count = (outcome: Outcome) => {
        acks += 1;
        return outcome;
      };
      const first = owner.append("t").then(count);
      // The answer to a read shows that the first append has been taken up, so the others come too late for its flush.
      while (performance.now() - startedAt < 500) {
        expect(await owner.offsets("t")).toEqual(upTo(1));
      }
      const others = Array.from({ length: 50 }, () => owner.append("t").then(count));
      expect(await owner.offsets("t")).toEqual(upTo(1));
      expect(acks).toBe(0);
      expect(await first).toEqual({ offset: 2 });
      expect(performance.now() - startedAt).toBeGreaterThan(990);
      expect(await Promise.all(others)).toEqual(
        Array.from({ length: 50 }, (_, index) => ({ offset: index + 3 })),
      );
      expect((await slow.stop()).length).toBe(2);
      expect(await owner.stall()).toBeLessThan(500);
      expect(await owner.offsets("t")).toEqual(upTo(52));
    });

    test("refuses what a failed flush was for, lives on, and commits again when the fault is gone", async () => {
      const directory = await newDirectory();
      const owner = await start(join(directory, "store"));
      await owner.append("t");
      const broken = await inject(owner.pid, "fdatasync", "error=EIO", join(directory, "trace"));
      for (let round = 0; round < 3; round += 1) {
        const outcomes = await Promise.all(Array.from({ length: 10 }, () => owner.append("t")));
        for (const outcome of outcomes) {
          expect(outcome).toMatchObject({
            code: "STORAGE_UNAVAILABLE",
            cause: expect.stringContaining("Input/output error"),
          });
        }
        expect(await owner.offsets("t")).toEqual(upTo(1));
      }
      expect((await broken.stop()).length).toBeGreaterThan(0);
      expect(await owner.append("t")).toEqual({ offset: 2 });
      await owner.kill();
      expect(await (await start(join(directory, "store"))).offsets("t")).toEqual(upTo(2));
    });

    test("survives a disk that takes nothing of a write, also of the page which makes a commit valid", async () => {
      const directory = await newDirectory();
      const owner = await start(join(directory, "store"));
      const trace: string[] = [];
      let acked = 0;
      for (let round = 0; round < 8; round += 1) {
        const which = `retval=0:when=${1 + (round % 4)}`;
        const broken = await inject(owner.pid, "pwrite64", which, join(directory, "trace"));
        const outcome = await owner.append("t");
        trace.push(...(await broken.stop()).filter((line) => line.includes("INJECTED")));
        if (isAcked(outcome)) acked += 1;
        else expect(outcome).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
        expect(await owner.offsets("t")).toEqual(upTo(acked));
        expect(await owner.append("t")).toEqual({ offset: acked + 1 });
        acked += 1;
      }
      // The two pages that make a commit valid begin at bytes 0 and 4096; what is written of them has an offset of 40.
      expect(trace.some((line) => / (40|4136)\) += 0 /.test(line))).toBe(true);
      await owner.kill();
      expect(await (await start(join(directory, "store"))).offsets("t")).toEqual(upTo(acked));
    });
  },
);

/** Mounts a small file system in memory; says why not when that is not permitted. */
function mountSmallDisk(directory: string): string | undefined {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", directory]);
  if (status !== 0) return `mount is not permitted here: ${String(stderr ?? "no mount command").trim()}`;
  cleanups.push(() => spawnSync("umount", ["-l", directory]));
  return undefined;
}

describe("an embedded store on a full disk", () => {
  test("refuses commits, goes on reading, loses nothing, and resumes when there is space", async (context) => {
    const disk = await newDirectory();
    const reason = mountSmallDisk(disk);
    if (reason !== undefined) context.skip(reason);
    const store = join(disk, "store");
    const owner = await start(store);
    const filler = join(disk, "filler");
    await writeFile(filler, new Uint8Array(2 * 1024 * 1024));
    let acked = 0;
    let last: Outcome = { offset: 0 };
    for (let round = 0; round < 1_000 && isAcked(last); round += 1) {
      last = await owner.append("t", 3_000);
      if (isAcked(last)) acked += 1;
    }
    expect(acked).toBeGreaterThan(10);
    const { bavail, bsize } = await statfs(disk);
    expect(bavail * bsize).toBeLessThan(64 * 1024);
    for (let round = 0; round < 3; round += 1) {
      expect(await owner.append("t", 100_000)).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
      expect(await owner.offsets("t")).toEqual(upTo(acked));
    }
    await rm(filler);
    expect(await owner.append("t", 3_000)).toEqual({ offset: acked + 1 });
    await owner.kill();
    const next = await start(store);
    expect(await next.offsets("t")).toEqual(upTo(acked + 1));
  });

  test("is not opened, and says why", async (context) => {
    const disk = await newDirectory();
    const reason = mountSmallDisk(disk);
    if (reason !== undefined) context.skip(reason);
    await writeFile(join(disk, "filler"), new Uint8Array(3 * 1024 * 1024)).catch(() => undefined);
    await expect(startStorageProcess(join(disk, "store"))).rejects.toThrow(/cannot be opened: ENOSPC/);
  });
});
