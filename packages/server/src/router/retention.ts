import type { HistoryOptions } from "../feature/feature.ts";

/** What retention needs to know of one entry. */
interface Kept {
  readonly offset: number;
  readonly bytes: number;
  readonly atMs: number;
}

/** Newest entries kept when the definition does not say. */
export const HISTORY_ENTRIES_MAX = 1_000;
/** Bytes kept when the definition does not say. */
export const HISTORY_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Which entries of a log may be dropped, by count, age and bytes. Pure: it is told of every entry and of the time, and
 * answers with the offset up to which the log may be trimmed.
 */
export class Retention {
  readonly #entriesMax: number;
  readonly #ageMaxMs: number;
  readonly #bytesMax: number;
  #kept: Kept[] = [];
  #start = 0;
  #bytes = 0;

  constructor(options: HistoryOptions) {
    this.#entriesMax = options.entriesMax ?? HISTORY_ENTRIES_MAX;
    this.#ageMaxMs = options.ageMaxMs ?? Number.POSITIVE_INFINITY;
    this.#bytesMax = options.bytesMax ?? HISTORY_BYTES_MAX;
  }

  add(offset: number, bytes: number, atMs: number): void {
    this.#kept.push({ offset, bytes, atMs });
    this.#bytes += bytes;
  }

  /** The newest offset that may go, or null. Asked again, it does not repeat itself. */
  take(nowMs: number): number | null {
    let trimTo: number | null = null;
    for (let oldest = this.#kept[this.#start]; oldest !== undefined; oldest = this.#kept[this.#start]) {
      const tooMany = this.#kept.length - this.#start > this.#entriesMax;
      if (!tooMany && this.#bytes <= this.#bytesMax && nowMs - oldest.atMs <= this.#ageMaxMs) break;
      trimTo = oldest.offset;
      this.#bytes -= oldest.bytes;
      this.#start += 1;
    }
    if (this.#start > 1_024 && this.#start * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#start);
      this.#start = 0;
    }
    return trimTo;
  }

  clear(): void {
    this.#kept = [];
    this.#start = 0;
    this.#bytes = 0;
  }
}
