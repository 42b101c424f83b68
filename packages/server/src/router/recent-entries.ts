import type { LogWindow } from "@plexline/protocol";
import { type OutboxPolicy, Publication } from "../broker/publication.ts";
import type { LoggedPush } from "../feature/feature.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entry, Page } from "../storage/storage.ts";
import { decodeEntry } from "./entry.ts";

/** How long after its last use an entry that several have read is kept. */
const KEPT_MS = 1_000;
/** What one topic keeps, and all of a process. */
const TOPIC_BYTES_MAX = 4 * 1024 * 1024;
const PROCESS_BYTES_MAX = 32 * 1024 * 1024;
/** What an entry takes beside its data, which is there decoded and encoded. */
const ENTRY_BYTES = 512;

const MUST_ARRIVE: OutboxPolicy = { policy: "close" };

/** An entry of a log as those who catch up need it. Many may have the same one: nobody changes it. */
export interface ReadEntry {
  readonly offset: number;
  /** Length of the entry in the log. */
  readonly bytes: number;
  /** Absent for a binary entry. */
  readonly push: LoggedPush | undefined;
  readonly publication: Publication;
}

/** A run of consecutive entries and the window of the log at the moment it was read. */
export interface ReadPage extends LogWindow {
  readonly entries: readonly ReadEntry[];
}

export interface ReadLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** The log that is read. */
export interface ReadLog {
  read(from: number, limits: ReadLimits): Promise<Page>;
  /** The window of the log by now. */
  readWindow(): Promise<LogWindow>;
}

/** What the topics of a process keep together. */
export interface KeptBytes {
  bytes: number;
}

export interface RecentEntriesParts {
  readonly topic: string;
  readonly alias: number;
  readonly clock: Clock;
  readonly log: ReadLog;
  readonly kept: KeptBytes;
}

/**
 * Reads a topic's log for those who catch up. When a hundred come back at once they read the same entries: whatever is read a
 * second time within a second is kept, decoded and encoded, until nobody has asked for it for a second. What a single reader
 * reads is not kept. Entries never change within an epoch; the window that a page carries is always the one of the log by
 * now, so that what a reader is told of gaps and of the head is the same as without this.
 */
export class RecentEntries {
  readonly #parts: RecentEntriesParts;
  /** The epoch of what is kept. */
  #epoch = "";
  /** By offset; the first to go is the one that was kept first. */
  readonly #kept = new Map<number, ReadEntry>();
  #bytes = 0;
  /** What has been read lately lies between these offsets; null for nothing. Begun anew each second. */
  #read: { readonly from: number; readonly upTo: number; readonly sinceMs: number } | null = null;
  /** When something that is kept was asked for. */
  #usedAtMs = 0;
  #timer: Timer | null = null;

  constructor(parts: RecentEntriesParts) {
    this.#parts = parts;
  }

  /** Entries after `from`, as the storage gives them: at least one if there is any. */
  async read(from: number, limits: ReadLimits): Promise<ReadPage> {
    const page = this.#kept.has(from + 1) ? await this.#readOn(from, limits) : null;
    return page ?? this.#take(from, await this.#parts.log.read(from, limits));
  }

  /** Keeps nothing any more. */
  forget(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#parts.kept.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#kept.clear();
    this.#read = null;
  }

  /** What is kept, and what follows it in the log; null if the log is not any more what that was read from. */
  async #readOn(from: number, limits: ReadLimits): Promise<ReadPage | null> {
    const { log, clock } = this.#parts;
    const epoch = this.#epoch;
    this.#usedAtMs = clock.monotonicMs();
    const { entries, bytes, isFull } = this.#keptAfter(from, limits);
    const last = from + entries.length;
    const entriesMax = limits.entriesMax - entries.length;
    const bytesMax = limits.bytesMax - bytes;
    const rest = isFull ? null : await log.read(last, { entriesMax, bytesMax });
    const { head, floor, ...read } = rest ?? (await log.readWindow());
    if (read.epoch !== epoch || floor > from || head < last) {
      if (this.#epoch === epoch) this.forget();
      return null;
    }
    // The storage gives one entry at least, which may be more than there is room for.
    const more = rest ? this.#take(last, rest).entries : [];
    const isTooLong = more.length === 1 && (more[0] as ReadEntry).bytes > bytesMax;
    return { epoch, head, floor, entries: isTooLong ? entries : [...entries, ...more] };
  }

  #keptAfter(from: number, { entriesMax, bytesMax }: ReadLimits) {
    const entries: ReadEntry[] = [];
    let bytes = 0;
    while (entries.length < entriesMax) {
      const entry = this.#kept.get(from + entries.length + 1);
      if (!entry) return { entries, bytes, isFull: bytes >= bytesMax };
      if (entries.length > 0 && bytes + entry.bytes > bytesMax) break;
      entries.push(entry);
      bytes += entry.bytes;
    }
    return { entries, bytes, isFull: true };
  }

  /** Decodes what was read, and keeps it if others read the same just now. */
  #take(from: number, { epoch, head, floor, entries }: Page): ReadPage {
    if (epoch !== this.#epoch) this.forget();
    this.#epoch = epoch;
    const taken = entries.map((entry) => this.#kept.get(entry.offset) ?? this.#decode(entry));
    const isRepeated = this.#isRepeated(from, from + taken.length);
    if (isRepeated) for (const entry of taken) this.#keep(entry);
    return { epoch, head, floor, entries: taken };
  }

  /** Whether some of this has been read just now; from here on it has. */
  #isRepeated(from: number, upTo: number): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#read && nowMs - this.#read.sinceMs >= KEPT_MS) this.#read = null;
    const before = this.#read ?? { from, upTo: from, sinceMs: nowMs };
    this.#read = {
      from: Math.min(from, before.from),
      upTo: Math.max(upTo, before.upTo),
      sinceMs: before.sinceMs,
    };
    return from < before.upTo && upTo > before.from;
  }

  #decode(entry: Entry): ReadEntry {
    const { topic, alias } = this.#parts;
    const { push, binary } = decodeEntry(topic, entry);
    const message = push ?? { alias, kind: binary.kind, payload: binary.payload };
    const publication = new Publication(message, entry.offset, MUST_ARRIVE);
    return { offset: entry.offset, bytes: entry.data.byteLength, push, publication };
  }

  #keep(entry: ReadEntry): void {
    const { clock, kept } = this.#parts;
    if (this.#kept.has(entry.offset)) return;
    const bytes = sizeOf(entry);
    const hasRoom = () => this.#bytes + bytes <= TOPIC_BYTES_MAX && kept.bytes + bytes <= PROCESS_BYTES_MAX;
    for (const oldest of this.#kept.values()) {
      if (hasRoom()) break;
      this.#drop(oldest);
    }
    if (!hasRoom()) return;
    this.#kept.set(entry.offset, entry);
    this.#bytes += bytes;
    kept.bytes += bytes;
    this.#usedAtMs = clock.monotonicMs();
    this.#timer ??= clock.setTimer(() => this.#forgetUnused(), KEPT_MS);
  }

  #drop(entry: ReadEntry): void {
    this.#kept.delete(entry.offset);
    this.#bytes -= sizeOf(entry);
    this.#parts.kept.bytes -= sizeOf(entry);
  }

  #forgetUnused(): void {
    const restMs = this.#usedAtMs + KEPT_MS - this.#parts.clock.monotonicMs();
    if (restMs > 0) this.#timer = this.#parts.clock.setTimer(() => this.#forgetUnused(), restMs);
    else this.forget();
  }
}

function sizeOf({ bytes }: ReadEntry): number {
  return 2 * bytes + ENTRY_BYTES;
}

/** How large the entries of a page are, as they are stored. */
export function bytesOf(page: ReadPage): number {
  return page.entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
