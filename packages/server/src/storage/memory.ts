import type { Position } from "@plexline/protocol";
import type { Random } from "../platform/random.ts";
import { assertKey, assertTopic } from "./address.ts";
import { assertChunks, assertEpoch, assertPlace, assertSegments, assertSnapshot } from "./conflict.ts";
import { applyToDisk } from "./memory-commit.ts";
import { createMemoryDisk, logOf, type MemoryDisk, type MemoryLog, windowOf } from "./memory-disk.ts";
import type { Commit, Entry, Page, Segment, Storage } from "./storage.ts";
import { storageClosed } from "./unavailable.ts";

export interface MemoryStorageOptions {
  readonly random: Random;
  /** What is durable. Default: an empty disk of its own. */
  readonly disk?: MemoryDisk;
  /**
   * Decides when a flush happens: called with the flush when something waits for one and none is scheduled.
   * Until then the commit is neither durable nor readable; all that wait share the flush. Default: at the end of the
   * running microtask.
   */
  readonly scheduleFlush?: (flush: () => void) => void;
}

export interface MemoryStorage extends Storage {
  /** Pulls the plug: commits that wait for a flush never settle, later calls reject; the disk keeps what was flushed. */
  crash(): void;
}

/**
 * A storage in memory, for tests, simulations and logs whose history may end with the process.
 *
 * @example
 * const disk = createMemoryDisk({ random });
 * const storage = createMemoryStorage({ random, disk });
 * storage.crash();
 * const afterwards = createMemoryStorage({ random, disk }); // has what was acknowledged, and nothing else
 */
export function createMemoryStorage(options: MemoryStorageOptions): MemoryStorage {
  const { random, disk = createMemoryDisk({ random }), scheduleFlush = queueMicrotask } = options;
  let waiting: (() => void)[] = [];
  let state: "open" | "closed" | "crashed" = "open";

  function flush(): void {
    if (state === "crashed") return;
    for (const run of waiting.splice(0)) run();
  }

  function assertOpen(): void {
    if (state !== "open") throw storageClosed();
  }

  function enqueue<Result>(operation: () => Result): Promise<Result> {
    assertOpen();
    return new Promise((resolve, reject) => {
      waiting.push(() => {
        try {
          resolve(operation());
        } catch (reason) {
          reject(reason);
        }
      });
      if (waiting.length === 1) scheduleFlush(flush);
    });
  }

  return {
    incarnation: disk.incarnation,
    async commit(commit: Commit): Promise<readonly Position[]> {
      for (const { topic } of commit.appends ?? []) assertTopic(topic);
      for (const { key } of commit.puts ?? []) assertKey(key);
      return enqueue(() => applyToDisk(disk, commit));
    },
    async read(topic, from, limits) {
      assertOpen();
      const log = logOf(disk, topic);
      return { ...windowOf(disk, log), entries: pageOf(log.entries, from - log.floor, limits) };
    },
    async heads(topics) {
      assertOpen();
      return topics.map((topic) => windowOf(disk, logOf(disk, topic)));
    },
    async get(key) {
      assertOpen();
      return disk.values.get(key);
    },
    async list(prefix, { after, limit = Number.POSITIVE_INFINITY } = {}) {
      assertOpen();
      const found = [...disk.values.values()].filter(({ key }) => key.startsWith(prefix));
      const later = after === undefined ? found : found.filter(({ key }) => compareBytes(key, after) > 0);
      return later.sort((a, b) => compareBytes(a.key, b.key)).slice(0, limit);
    },
    async trim(topic, offset) {
      return enqueue(() => {
        const log = logOf(disk, topic);
        const floor = Math.min(Math.max(offset, log.floor), log.head);
        if (floor === log.floor) return;
        log.entries.splice(0, floor - log.floor);
        disk.logs.set(topic, { ...log, floor });
      });
    },
    async reset(topic, epoch) {
      assertTopic(topic);
      return enqueue(() => {
        const log = logOf(disk, topic);
        assertEpoch(topic, epoch, windowOf(disk, log));
        const fresh = { generation: log.generation + 1, head: 0, floor: 0, entries: [] };
        disk.logs.set(topic, fresh);
        return windowOf(disk, fresh);
      });
    },
    async writeSnapshot(topic, position, chunks, segments = []) {
      assertTopic(topic);
      assertChunks(chunks);
      return enqueue(() => {
        const log = logOf(disk, topic);
        assertSnapshot(topic, position, windowOf(disk, log), log.snapshot?.position);
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        assertSegments(topic, segments, segmentsOf(log));
        const copies = chunks.map((chunk) => new Uint8Array(chunk));
        const isNamed = (name: string): boolean => segments.some((segment) => segment.name === name);
        const kept = new Map([...(log.segments ?? [])].filter(([name]) => isNamed(name)));
        const snapshot = { position, bytes, chunks: copies, segments: [...segments] };
        disk.logs.set(topic, { ...log, snapshot, segments: kept });
      });
    },
    async writeSegment(topic, place, chunks) {
      assertTopic(topic);
      assertChunks(chunks);
      return enqueue(() => {
        const log = logOf(disk, topic);
        const { name, from } = place;
        const stored = segmentsOf(log).find((segment) => segment.name === name);
        assertPlace(topic, place, windowOf(disk, log), stored);
        const before = log.segments?.get(name)?.slice(0, from) ?? [];
        const copies = chunks.map((chunk) => new Uint8Array(chunk));
        const segments = new Map(log.segments).set(name, [...before, ...copies]);
        disk.logs.set(topic, { ...log, segments });
      });
    },
    async readSegment(topic, name, from, count) {
      assertOpen();
      const chunks = logOf(disk, topic).segments?.get(name);
      return chunks?.slice(from, from + count).map((chunk) => new Uint8Array(chunk));
    },
    async readSnapshot(topic) {
      assertOpen();
      return logOf(disk, topic).snapshot;
    },
    async close() {
      if (state !== "open") return;
      const settled = waiting.length === 0 ? undefined : enqueue(() => undefined);
      state = "closed";
      await settled;
    },
    crash() {
      state = "crashed";
      waiting = [];
    },
  };
}

function segmentsOf({ segments }: MemoryLog): Segment[] {
  return Array.from(segments ?? [], ([name, chunks]) => ({ name, chunks: chunks.length }));
}

/** The entries after the first `skip` that fit the limits; none when `skip` lies outside the list. */
function pageOf(
  entries: readonly Entry[],
  skip: number,
  limits: { entriesMax: number; bytesMax: number },
): Page["entries"] {
  if (skip < 0) return [];
  let bytes = 0;
  let end = skip;
  while (end < entries.length && end - skip < limits.entriesMax) {
    bytes += entries[end]?.data.length ?? 0;
    if (bytes > limits.bytesMax && end > skip) break;
    end += 1;
  }
  return entries.slice(skip, end);
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
