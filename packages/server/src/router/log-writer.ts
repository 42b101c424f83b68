import { PlexlineError, type Position } from "@plexline/protocol";
import type { NewEntry } from "../storage/storage.ts";

/** Entries of a topic that may wait to become durable, those under way included. Over it: OVERLOADED. */
export const QUEUED_ENTRIES_MAX = 4_096;
/** Bytes that may wait before the next entry is refused, which itself may be longer than this. Over it: OVERLOADED. */
export const QUEUED_BYTES_MAX = 16 * 1024 * 1024;

/** An entry that has been handed to subscribers and is on its way into the log. */
export interface QueuedEntry extends NewEntry {
  /** Its number among the topic's broadcasts: which of them a subscriber has been handed. */
  readonly number: number;
  /** Epoch of the log that it was made for. In another one it would be somebody else's history. */
  readonly epoch: string;
}

interface Waiting {
  readonly entry: QueuedEntry;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: PlexlineError) => void;
}

/** Makes a batch durable, all or none, and answers the position of its last entry. */
export type CommitBatch = (batch: readonly QueuedEntry[]) => Promise<Position>;

/**
 * The queue of a topic's broadcasts before the log: one batch is under way, and whatever comes meanwhile is the next one.
 * Entries build on each other, so when a batch fails everything behind it fails with it, in its order.
 */
export class LogWriter {
  readonly #commit: CommitBatch;
  #waiting: Waiting[] = [];
  #entries = 0;
  #bytes = 0;
  #running: Promise<void> | null = null;
  /** What the entries before were lost by, until whoever made them has heard of it. */
  #failure: PlexlineError | null = null;

  constructor(commit: CommitBatch) {
    this.#commit = commit;
  }

  /** Why no entry can be taken now; null when one can. Asked before the entry is handed to anybody. */
  get refusal(): PlexlineError | null {
    if (this.#failure) return this.#failure;
    const isFull = this.#entries >= QUEUED_ENTRIES_MAX || this.#bytes >= QUEUED_BYTES_MAX;
    return isFull
      ? new PlexlineError("OVERLOADED", { message: "Too much of this topic waits to be stored." })
      : null;
  }

  /** Settles when everything queued has. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  get isIdle(): boolean {
    return this.#running === null;
  }

  /** Queues an entry; resolves with its position once it is durable. */
  add(entry: QueuedEntry): Promise<Position> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#entries += 1;
      this.#bytes += entry.data.byteLength;
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#write(batch);
    }
    this.#running = null;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const { epoch, offset } = await this.#commit(batch.map(({ entry }) => entry));
      const before = offset - batch.length;
      for (const [index, { entry, resolve }] of batch.entries()) {
        this.#leave(entry);
        resolve({ epoch, offset: before + 1 + index });
      }
    } catch (error) {
      this.#fail([...batch, ...this.#waiting.splice(0)], error);
    }
  }

  /**
   * A room hears of the loss only when its promises are told. What it broadcasts before may build on what is lost: it is
   * refused for as long.
   */
  #fail(lost: readonly Waiting[], cause: unknown): void {
    const error =
      cause instanceof PlexlineError ? cause : new PlexlineError("STORAGE_UNAVAILABLE", { cause });
    this.#failure = error;
    for (const { entry, reject } of lost) {
      this.#leave(entry);
      reject(error);
    }
    queueMicrotask(() => {
      this.#failure = null;
    });
  }

  #leave(entry: QueuedEntry): void {
    this.#entries -= 1;
    this.#bytes -= entry.data.byteLength;
  }
}
