import { type FileHandle, open } from "node:fs/promises";
import type { Draft } from "./embedded-draft.ts";

/** Pages that a batch rewrites besides its records: inner ones of the trees and the list of free pages. */
const PAGES_PER_BATCH = 64;
/** Pages of a small record: it rewrites a leaf, and may split it. */
const PAGES_PER_RECORD = 2;
/** How much further the file grows than it must, so that it does not grow with every batch. */
const SLACK_BYTES = 256 * 1024;
const ZEROS = new Uint8Array(64 * 1024);

/** How far LMDB has used its file. */
export interface FileUse {
  readonly lastPage: number;
  readonly pageBytes: number;
}

/** Disk space that is taken before LMDB writes into it. */
export interface Reserve {
  /** Takes what the draft may need; rejects with the disk's answer, e.g. `ENOSPC`, when it is not to be had. */
  cover(draft: Draft, use: FileUse): Promise<void>;
  /** A write has failed: the next `cover` writes, too, instead of trusting the space it has taken. */
  suspect(): void;
}

/**
 * Keeps LMDB away from a disk that refuses. lmdb-js 3.5.6 describes a page write that failed in a buffer that is too
 * small for the description, which ends the process; and a disk is mostly full. So the file is made longer with plain
 * writes first, where a refusal is an ordinary error, and LMDB then fills space that is there.
 */
export function createReserve(path: string): Reserve {
  let reservedBytes = 0;
  let suspicious = true;
  return {
    async cover(draft, use) {
      const usedBytes = (use.lastPage + 1) * use.pageBytes;
      const neededBytes = usedBytes + bytesOf(draft, use.pageBytes);
      if (!suspicious && neededBytes <= reservedBytes) return;
      const file = await open(path, "r+");
      try {
        const { size } = await file.stat();
        // At least the last page is written, to ask the disk; all of this lies behind what LMDB has used.
        const end = Math.max(size, neededBytes + (neededBytes > size ? SLACK_BYTES : 0));
        const start = Math.max(usedBytes, Math.min(size, end - use.pageBytes));
        const reached = await fill(file, start, end, Math.max(neededBytes, Math.min(size, end)));
        reservedBytes = Math.max(size, reached);
        suspicious = false;
      } finally {
        await file.close();
      }
    },
    suspect() {
      suspicious = true;
    },
  };
}

/** Writes zeros from `start` to `end`, or as far as there is space; rejects when that is short of `needed`. */
async function fill(file: FileHandle, start: number, end: number, needed: number): Promise<number> {
  let at = start;
  try {
    while (at < end) {
      const { bytesWritten } = await file.write(ZEROS, 0, Math.min(ZEROS.length, end - at), at);
      at += bytesWritten;
    }
  } catch (error) {
    if (at < needed) throw error;
  }
  return at;
}

/** The most that LMDB may write for a draft if no page of the file is free. */
function bytesOf(draft: Draft, pageBytes: number): number {
  let pages = PAGES_PER_BATCH;
  for (const { bytes } of draft.writes())
    pages += PAGES_PER_RECORD + Math.ceil((bytes?.length ?? 0) / pageBytes);
  return pages * pageBytes;
}
