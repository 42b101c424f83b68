import type { Position } from "@plexline/protocol";
import { assertAppend, assertCheck } from "./conflict.ts";
import { logOf, type MemoryDisk, windowOf } from "./memory-disk.ts";
import type { Append, Commit, Entry, Put } from "./storage.ts";

interface Staged {
  readonly positions: Position[];
  readonly entries: Map<string, Entry[]>;
  readonly values: { key: string; value: Uint8Array }[];
}

/** Applies a commit to the disk at once: whatever can refuse it or throw comes before the first change. */
export function applyToDisk(disk: MemoryDisk, commit: Commit): readonly Position[] {
  for (const check of commit.checks ?? []) assertCheck(check, disk.values.get(check.key)?.version ?? 0);
  const staged: Staged = { positions: [], entries: new Map(), values: [] };
  for (const append of commit.appends ?? []) stageAppend(disk, staged, append);
  for (const put of commit.puts ?? []) staged.values.push(stagePut(staged, put));
  for (const [topic, entries] of staged.entries) {
    const log = logOf(disk, topic);
    for (const entry of entries) log.entries.push(entry);
    disk.logs.set(topic, { ...log, head: log.head + entries.length });
  }
  for (const { key, value } of staged.values) {
    disk.values.set(key, { key, value, version: (disk.values.get(key)?.version ?? 0) + 1 });
  }
  for (const key of commit.deletes ?? []) disk.values.delete(key);
  return staged.positions;
}

function stageAppend(disk: MemoryDisk, staged: Staged, append: Append): void {
  const log = logOf(disk, append.topic);
  const entries = staged.entries.get(append.topic) ?? [];
  const window = windowOf(disk, { ...log, head: log.head + entries.length });
  assertAppend(append, window);
  const added = append.entries.map(({ data, atMs }, index) => {
    return { data: new Uint8Array(data), atMs, offset: window.head + index + 1 };
  });
  staged.entries.set(append.topic, entries.concat(added));
  staged.positions.push({ epoch: window.epoch, offset: window.head + added.length });
}

function stagePut(staged: Staged, put: Put): { key: string; value: Uint8Array } {
  const value = typeof put.value === "function" ? put.value(staged.positions) : put.value;
  return { key: put.key, value: new Uint8Array(value) };
}
