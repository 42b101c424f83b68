import type { LogWindow, Position } from "@plexline/protocol";

/** One record of a topic's log, as it is handed in. */
export interface NewEntry {
  readonly data: Uint8Array;
  /** When it was accepted, in milliseconds since 1970: retention by age goes by it. */
  readonly atMs: number;
}

/** One record of a topic's log, as it is read. */
export interface Entry extends NewEntry {
  readonly offset: number;
}

/** Entries to append to one topic. Without entries it only checks, and its position is that of the head. */
export interface Append {
  readonly topic: string;
  readonly entries: readonly NewEntry[];
  /** Refuse the commit (`conflict`) unless the log has this epoch. */
  readonly epoch?: string;
  /** Refuse the commit (`conflict`) unless the log's head is this offset. */
  readonly expectedOffset?: number;
}

/**
 * A value to write; a function is called inside the commit with the positions the appends received. It must be
 * synchronous; when it throws, the commit is refused with what it threw.
 */
export interface Put {
  /** 1 to 1,024 UTF-8 bytes. */
  readonly key: string;
  readonly value: Uint8Array | ((positions: readonly Position[]) => Uint8Array);
}

/** Refuse the commit (`conflict`) unless the key has this version; 0 means that it must not exist. */
export interface Check {
  readonly key: string;
  readonly version: number;
}

/**
 * All of this becomes durable together, or none of it. In order: the checks, the appends (a second one to a topic sees
 * the first), the puts, the deletes. The bytes must not change until the promise has settled.
 */
export interface Commit {
  readonly appends?: readonly Append[];
  readonly checks?: readonly Check[];
  readonly puts?: readonly Put[];
  readonly deletes?: readonly string[];
}

/** A stored value with its version: 1 at first, one more with every put, and 1 again after a delete. */
export interface Stored {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: number;
}

/** A run of consecutive entries and the window of the log at the moment it was read. */
export interface Page extends LogWindow {
  /** The entries after the offset asked for; empty at the head, or when `from` lies outside the window. */
  readonly entries: readonly Entry[];
}

/** State that replaces replaying the log up to `position`. */
export interface Snapshot {
  readonly position: Position;
  readonly bytes: number;
  readonly chunks: readonly Uint8Array[];
  /** Bytes that belong to it and are stored by themselves; default none. */
  readonly segments?: readonly Segment[];
}

/**
 * Bytes that snapshots of a log are made of beside their own chunks. They are written once, in as many steps as it takes, and every
 * newer snapshot that names them goes on using them: a large state need not be written anew for a small change.
 */
export interface Segment {
  /** Unique among those of the log: 1 to 64 characters. */
  readonly name: string;
  readonly chunks: number;
}

/** Where in a segment chunks are written. */
export interface SegmentPlace {
  /** The log's epoch; refused with a ConflictError if it has another one. */
  readonly epoch: string;
  readonly name: string;
  /** Index of the first chunk: as many as are there, or 0 to begin anew; anything else is refused with a ConflictError. */
  readonly from: number;
}

/** Largest chunk of a snapshot or a segment. */
export const SNAPSHOT_CHUNK_BYTES_MAX = 256 * 1024;

/** A commit was refused because a check, an epoch or an expected offset did not hold. Nothing was written. */
export class ConflictError extends Error {
  constructor(what: string) {
    super(`The commit was refused: ${what}.`);
    this.name = "ConflictError";
  }
}

/**
 * Where what must survive lives: one log per topic, snapshots, and a small key-value space.
 *
 * Guarantees, held by the contract suite `storageContract` of `@plexline/testing`:
 * - `commit` resolves when everything in it is durable, and rejects when nothing in it is. A rejected commit leaves
 *   no offset used. Commits of one topic resolve in the order of their offsets. Many commits share one flush.
 * - Offsets are given inside the commit: head + 1, head + 2, …, with no hole.
 * - **A read never returns what is not durable.**
 * - A failure (full disk, I/O error) rejects with `PlexlineError("STORAGE_UNAVAILABLE")` and a `cause`; reads go on,
 *   and later commits succeed by themselves once the fault is gone. Too many commits waiting for the disk, and calls
 *   after `close`, reject with the same code.
 * - Commits issued together are carried out in the order of the calls; each sees those before it, and one that is
 *   refused does not hurt the others. A refusal, too, is told only when what it rests on is durable.
 * - A topic that has never been written has a window `{ epoch, head: 0, floor: 0 }`; its epoch is stable from then on,
 *   for as long as the store's incarnation is.
 */
export interface Storage {
  /** Identity of this store's history. Restoring a backup changes it, and with it every epoch. */
  readonly incarnation: string;
  /** Makes a commit durable; one position per append, that of its last entry. */
  commit(commit: Commit): Promise<readonly Position[]>;
  /**
   * Entries after offset `from`, oldest first: at most `entriesMax`, and at most `bytesMax` of data, but always one
   * if there is one.
   */
  read(topic: string, from: number, limits: { entriesMax: number; bytesMax: number }): Promise<Page>;
  /** The windows of several logs. */
  heads(topics: readonly string[]): Promise<readonly LogWindow[]>;
  get(key: string): Promise<Stored | undefined>;
  /** Values whose key starts with `prefix`, in key order (by UTF-8 bytes), after `after` if given, at most `limit` (all). */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<readonly Stored[]>;
  /**
   * Drops the entries up to and including `offset`; the log's floor rises to it. Never beyond the head, never back.
   * May be repeated. Their space may be given back a little later than they stop being readable.
   */
  trim(topic: string, offset: number): Promise<void>;
  /**
   * Drops a log with its snapshot and all segments; it starts again at offset 0 with a new epoch. With `epoch` it drops that
   * history and no other: refused with a ConflictError if the log has another one by then.
   */
  reset(topic: string, epoch?: string): Promise<LogWindow>;
  /**
   * Stores a snapshot tied to a position, in chunks of at most 256 KiB. One that is older than the stored one, ahead of
   * the log or of a foreign epoch is refused with a ConflictError; one of the same position replaces it. So is one that names
   * a segment that has not exactly so many chunks. All segments that it does not name are dropped with it, also those that are
   * being written.
   */
  writeSnapshot(
    topic: string,
    position: Position,
    chunks: readonly Uint8Array[],
    segments?: readonly Segment[],
  ): Promise<void>;
  /** Writes the next chunks of a segment, of at most 256 KiB each. Nothing refers to it before a snapshot names it. */
  writeSegment(topic: string, place: SegmentPlace, chunks: readonly Uint8Array[]): Promise<void>;
  /** Up to `count` chunks of a segment from index `from`; undefined if there is no such segment any more. */
  readSegment(
    topic: string,
    name: string,
    from: number,
    count: number,
  ): Promise<readonly Uint8Array[] | undefined>;
  readSnapshot(topic: string): Promise<Snapshot | undefined>;
  /** Flushes what is under way and lets go of the files. Later calls reject; closing again does nothing. */
  close(): Promise<void>;
}
