import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { type Logger, silentLogger } from "../telemetry/log.ts";
import { assertKey, assertTopic } from "./address.ts";
import { assertChunks } from "./conflict.ts";
import { draftCommit, draftReset, draftSnapshot, draftTrim, windowOfRecord } from "./embedded-commit.ts";
import { createDraft, type Draft } from "./embedded-draft.ts";
import { type DurableView, type Environment, openEnvironment } from "./embedded-environment.ts";
import { ensureFormat } from "./embedded-format.ts";
import { logKey } from "./embedded-keys.ts";
import { type DirectoryLock, lockDirectory } from "./embedded-lock.ts";
import { readPage, readStoredSnapshot, readValue, readValues } from "./embedded-read.ts";
import { decodeLogRecord, type LogRecord } from "./embedded-records.ts";
import { draftSegment, readStoredSegment } from "./embedded-segments.ts";
import { sweepLog } from "./embedded-sweep.ts";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import type { Commit, Storage } from "./storage.ts";
import { storageClosed, storageUnavailable } from "./unavailable.ts";

export interface EmbeddedStorageOptions {
  /** Where the files are; created if it does not exist. One process at a time may use it. */
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly log?: Logger;
  /** True when the files come from a backup: gives the store a new incarnation, and with it every log a new epoch. */
  readonly restored?: boolean;
}

/**
 * Opens the embedded store: one directory, LMDB inside, owned by this process. Commits that arrive while a flush is
 * under way share the next one. Nothing waits for the disk on the main thread.
 *
 * Rejects with `STORAGE_UNAVAILABLE` when another process owns the directory (with its pid), when a later version
 * wrote it, or when the files cannot be opened.
 *
 * @example
 * const storage = await openEmbeddedStorage({ directory: ".plexline", random: systemRandom, clock: systemClock });
 */
export async function openEmbeddedStorage(options: EmbeddedStorageOptions): Promise<Storage> {
  const { random, clock, log = silentLogger, restored = false } = options;
  const directory = resolve(options.directory);
  try {
    await mkdir(directory, { recursive: true });
    const lock = await lockDirectory({ directory, random, clock });
    try {
      const environment = await openEnvironment(directory, log);
      const incarnation = await ensureFormat(environment, directory, random, restored);
      await syncDirectories(directory);
      return createEmbeddedStorage({ environment, incarnation, lock, clock, log });
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw error instanceof PlexlineError ? error : cannotOpen(directory, error);
  }
}

interface Parts {
  readonly environment: Environment;
  readonly incarnation: string;
  readonly lock: DirectoryLock;
  readonly clock: Clock;
  readonly log: Logger;
}

function createEmbeddedStorage({ environment, incarnation, lock, clock, log }: Parts): Storage {
  const commits = createCommits(environment, clock);
  let closing: Promise<void> | undefined;

  async function read<Result>(look: (view: DurableView) => Result): Promise<Result> {
    if (closing !== undefined) throw storageClosed();
    try {
      return await environment.read(look);
    } catch (error) {
      throw storageUnavailable(error);
    }
  }

  /** The log is already cut when this begins; what it leaves behind only takes space. */
  async function sweep(topic: string, record: LogRecord): Promise<void> {
    try {
      await sweepLog(environment, commits, topic, record);
    } catch (error) {
      log.warn(
        { action: "storage.sweep.failed", topic, error: String(error) },
        "Trimmed entries still take space.",
      );
    }
  }

  return {
    incarnation,
    async commit(commit) {
      for (const { topic } of commit.appends ?? []) assertTopic(topic);
      for (const { key } of commit.puts ?? []) assertKey(key);
      return commits.enqueue(bytesOf(commit), (draft) => draftCommit(draft, incarnation, commit));
    },
    async read(topic, from, limits) {
      return read((view) => readPage(view, incarnation, topic, from, limits));
    },
    async heads(topics) {
      const windowOf = (view: DurableView, topic: string) =>
        windowOfRecord(incarnation, decodeLogRecord(view.get(logKey(topic))));
      return read((view) => topics.map((topic) => windowOf(view, topic)));
    },
    async get(key) {
      return read((view) => readValue(view, key));
    },
    async list(prefix, options = {}) {
      return read((view) => readValues(view, prefix, options));
    },
    async trim(topic, offset) {
      assertTopic(topic);
      const record = await commits.enqueue(0, (draft) => draftTrim(draft, topic, offset));
      await sweep(topic, record);
    },
    async reset(topic, epoch) {
      assertTopic(topic);
      const record = await commits.enqueue(0, (draft) => draftReset(draft, incarnation, topic, epoch));
      await sweep(topic, record);
      return windowOfRecord(incarnation, record);
    },
    async writeSnapshot(topic, position, chunks, segments) {
      assertTopic(topic);
      assertChunks(chunks);
      return commits.enqueue(bytesOfChunks(chunks), (draft) => {
        draftSnapshot(draft, incarnation, topic, position, chunks, segments);
      });
    },
    async writeSegment(topic, place, chunks) {
      assertTopic(topic);
      assertChunks(chunks);
      return commits.enqueue(bytesOfChunks(chunks), (draft) => {
        const window = windowOfRecord(incarnation, decodeLogRecord(draft.get(logKey(topic))));
        draftSegment(draft, window, topic, place, chunks);
      });
    },
    async readSegment(topic, name, from, count) {
      return read((view) => readStoredSegment(view, topic, { name, from, count }));
    },
    async readSnapshot(topic) {
      return read((view) => readStoredSnapshot(view, incarnation, topic));
    },
    close() {
      closing ??= (async () => {
        await commits.close();
        await environment.close();
        await lock.release();
      })();
      return closing;
    },
  };
}

function createCommits(environment: Environment, clock: Clock): GroupCommit<Draft> {
  return createGroupCommit<Draft>({
    begin: async () => {
      await environment.ensureOpen();
      return createDraft(environment.view.get);
    },
    attempt: (draft, operation) => draft.attempt(() => operation(draft)),
    flush: (draft) => environment.flush(draft),
    defer: (callback) => clock.defer(callback),
  });
}

function bytesOfChunks(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** What a commit weighs in the queue; a value that is still to be computed counts as small. */
function bytesOf(commit: Commit): number {
  let bytes = 0;
  for (const { entries } of commit.appends ?? []) for (const { data } of entries) bytes += data.length + 64;
  for (const { value } of commit.puts ?? []) bytes += typeof value === "function" ? 64 : value.length + 64;
  return bytes;
}

/** Makes the names of new files durable too: a power cut may otherwise take the file away whose content was flushed. */
async function syncDirectories(directory: string): Promise<void> {
  for (const path of [directory, dirname(directory)]) {
    const handle = await open(path, "r").catch(() => undefined);
    // Some systems cannot open or flush a directory; there the file system does it by itself.
    await handle?.sync().catch(() => undefined);
    await handle?.close();
  }
}

function cannotOpen(directory: string, cause: unknown): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: `The data directory ${directory} cannot be opened: ${String((cause as Error).message)}.`,
    fix: "Check that it is on a local disk with free space, and that this user may write to it.",
    cause,
  });
}
