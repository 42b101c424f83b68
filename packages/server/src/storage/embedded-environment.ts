import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import type { Logger } from "../telemetry/log.ts";
import type { Draft } from "./embedded-draft.ts";
import { createReserve, type FileUse } from "./embedded-reserve.ts";

/** A run of records, in key order. */
export interface Range {
  readonly start: Buffer;
  /** Exclusive. */
  readonly end: Buffer;
  readonly limit?: number;
}

/** What is durable, and nothing else. */
export interface DurableView {
  get(key: Buffer): Uint8Array | undefined;
  range(range: Range): Iterable<{ readonly key: Buffer; readonly value: Uint8Array }>;
}

/** The files of an embedded store. One batch is written at a time. */
export interface Environment {
  /**
   * Runs `look` over one unchanging view. It must be synchronous: the view ends with it. Waits when the files are
   * being opened again after a failed write.
   */
  read<Result>(look: (view: DurableView) => Result): Promise<Result>;
  /** The view for the one who writes: between two batches, when nothing is under way. */
  readonly view: DurableView;
  /** Opens the files again if a failed write has closed them; called before each batch. */
  ensureOpen(): Promise<void>;
  /** Resolves when everything in the draft is durable; rejects with the disk's answer when nothing of it is. */
  flush(draft: Draft): Promise<void>;
  close(): Promise<void>;
}

const DATA_FILE = "data.mdb";
const LOCK_FILE = "lock.mdb";
/** Room for the table of readers: a header and 126 readers of 64 bytes. */
const READER_TABLE_BYTES = 16 * 1024;

type Files = RootDatabase<Buffer, Buffer>;

/** Opens or creates the files in `directory`, which this process must own. */
export async function openEnvironment(directory: string, log: Logger): Promise<Environment> {
  await reserveReaderTable(directory);
  let files: Files | undefined = openFiles(directory);
  const reserve = createReserve(join(directory, DATA_FILE));
  let writing: Promise<void> = Promise.resolve();
  let reopening: Promise<void> | undefined;
  let closed = false;

  /** After a failed write LMDB may refuse everything (`MDB_PANIC`) until its files are opened anew. */
  function reopen(): Promise<void> {
    const failed = files;
    files = undefined;
    reopening ??= (async () => {
      await failed?.close();
      if (!closed) files = openFiles(directory);
    })().finally(() => {
      reopening = undefined;
    });
    return reopening;
  }

  async function ensureOpen(): Promise<void> {
    if (reopening !== undefined || files === undefined) await reopen();
  }

  function opened(): Files {
    if (files === undefined) throw new Error("The store's files are not open.");
    return files;
  }

  const view: DurableView = {
    get: (key) => opened().getBinary(key),
    range: (range) => opened().getRange(range),
  };

  return {
    view,
    ensureOpen,
    async read(look) {
      await ensureOpen();
      try {
        return look(view);
      } catch (error) {
        // A write that has just failed on its own thread makes reads fail before its promise has said so.
        if (!String(error).includes("MDB_PANIC")) throw error;
        await writing.catch(() => undefined);
        await ensureOpen();
        return look(view);
      }
    },
    async flush(draft) {
      await reserve.cover(draft, useOf(opened()));
      writing = write(opened(), draft);
      try {
        await writing;
      } catch (error) {
        reserve.suspect();
        const cause = await causeOf(error);
        log.warn({ action: "storage.write.failed", error: String(cause) }, "The disk refused a write.");
        await reopen().catch((again: unknown) => {
          log.error(
            { action: "storage.open.failed", error: String(again) },
            "The store cannot be opened again.",
          );
        });
        throw cause;
      }
    },
    async close() {
      closed = true;
      await reopening?.catch(() => undefined);
      await files?.close();
      files = undefined;
    },
  };
}

function openFiles(directory: string): Files {
  return open<Buffer, Buffer>({
    path: directory,
    noSubdir: false,
    name: null as never,
    maxDbs: 1,
    encoding: "binary",
    keyEncoding: "binary",
    // LMDB's own order: flush, then make visible. The default of lmdb-js shows entries whose flush is pending, keeps
    // those whose flush failed, and decides by the machine's boot id whether to trust them.
    overlappingSync: false,
    // Gathering by event turn starts a hidden batch whose promise nobody could catch when the disk fails.
    eventTurnBatching: false,
  });
}

function useOf(files: Files): FileUse {
  const { lastPageNumber, pageSize } = files.getStats() as { lastPageNumber: number; pageSize: number };
  return { lastPage: lastPageNumber, pageBytes: pageSize };
}

/** One write transaction on lmdb-js's thread: resolves when it has been flushed. */
async function write(files: Files, draft: Draft): Promise<void> {
  const writes = [...draft.writes()];
  if (writes.length === 0) return;
  await files.batch(() => {
    for (const { key, bytes } of writes) {
      if (bytes === undefined) void files.remove(key);
      else void files.put(key, bytes as Buffer);
    }
  });
}

/** lmdb-js rejects with a general error; what the disk said is the rejection of its `commitError`. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  if (commitError === undefined) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}

/**
 * Gives the table of readers its disk blocks. LMDB only sets its size and maps it into memory: on a full disk the first
 * reader would end the process with a bus error.
 */
async function reserveReaderTable(directory: string): Promise<void> {
  const path = join(directory, LOCK_FILE);
  // This process owns the directory, so what is in the table is left over from one that has ended.
  await writeFile(path, Buffer.alloc(READER_TABLE_BYTES));
}
