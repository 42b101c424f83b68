import { PlexlineError, type Position } from "@plexline/protocol";
import type {
  BinaryEntry,
  BinaryPage,
  LoggedEvent,
  NewBinaryEntry,
  Snapshot,
  TopicContext,
} from "@plexline/server";

/** Broadcasts that may wait at once; the engine's queue has the same bound. */
const QUEUE_MAX = 4_096;

/** Lets writes through, holds them or fails them; those held go on in their order. */
export interface Gate {
  pass(): Promise<void>;
  hold(): void;
  release(): void;
  fail(): void;
}

export function createGate(): Gate {
  let state: "open" | "held" | "failing" = "open";
  let waiting: ((outcome: "open" | "failing") => void)[] = [];
  const settle = (next: "open" | "failing"): void => {
    state = next;
    const continued = waiting;
    waiting = [];
    for (const go of continued) go(next);
  };
  return {
    async pass(): Promise<void> {
      const outcome =
        state === "held" ? await new Promise<"open" | "failing">((resolve) => waiting.push(resolve)) : state;
      if (outcome === "failing") throw new PlexlineError("STORAGE_UNAVAILABLE");
    },
    hold(): void {
      state = "held";
    },
    release: () => settle("open"),
    fail: () => settle("failing"),
  };
}

interface Queued {
  readonly entry: NewBinaryEntry;
  readonly atMs: number;
  readonly onDurable: () => void;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

type LogRecord = LoggedEvent | BinaryEntry;

/**
 * The log of a test topic: events and binary entries in one order. Broadcasts are committed as the engine does: one batch
 * at a time, all or none, and a failed batch takes everything with it that waits behind it.
 */
export class TestLog {
  epoch = "test-epoch";
  /** Binary entries, in the order of the log. */
  readonly entries: BinaryEntry[] = [];
  readonly snapshots: Snapshot[] = [];
  readonly #gate: Gate;
  readonly #nowMs: () => number;
  #records: LogRecord[] = [];
  #queue: Queued[] = [];
  #underWay = 0;
  #isFailing = false;

  constructor(gate: Gate, nowMs: () => number) {
    this.#gate = gate;
    this.#nowMs = nowMs;
  }

  get head(): number {
    return this.#records.length;
  }

  get window() {
    return { epoch: this.epoch, head: this.head, floor: 0 };
  }

  append(event: LoggedEvent): Position {
    this.#records.push(event);
    return { epoch: this.epoch, offset: this.head };
  }

  appendBinary(entry: NewBinaryEntry, atMs: number): BinaryEntry {
    const { sender, kind, payload } = entry;
    const logged: BinaryEntry = {
      kind,
      payload: payload.slice(),
      ...(sender ? { user: sender.principal.id } : {}),
      ...(sender?.sessionId ? { from: sender.sessionId } : {}),
      offset: this.head + 1,
      atMs,
    };
    this.#records.push(logged);
    this.entries.push(logged);
    return logged;
  }

  /** Why a broadcast cannot be taken now; null when it can. */
  refusal(): PlexlineError | null {
    if (this.#isFailing) return new PlexlineError("STORAGE_UNAVAILABLE");
    return this.#queue.length + this.#underWay >= QUEUE_MAX ? new PlexlineError("OVERLOADED") : null;
  }

  /** Queues a broadcast. `onDurable` is called when it is an entry, before anybody is told. */
  commit(entry: NewBinaryEntry, onDurable: () => void = () => {}): Promise<Position> {
    return new Promise((resolve, reject) => {
      const kept = { ...entry, payload: entry.payload.slice() };
      this.#queue.push({ entry: kept, atMs: this.#nowMs(), onDurable, resolve, reject });
      if (this.#underWay === 0) void this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      this.#underWay = batch.length;
      try {
        await this.#gate.pass();
        for (const { entry, atMs, onDurable, resolve } of batch) {
          const { offset } = this.appendBinary(entry, atMs);
          onDurable();
          resolve({ epoch: this.epoch, offset });
        }
      } catch (error) {
        this.#fail([...batch, ...this.#queue.splice(0)], error);
      }
    }
    this.#underWay = 0;
  }

  /** Until the room has heard of it, what it broadcasts may build on what has just been lost: that is refused too. */
  #fail(lost: readonly Queued[], error: unknown): void {
    this.#isFailing = true;
    for (const { reject } of lost) reject(error);
    queueMicrotask(() => {
      this.#isFailing = false;
    });
  }

  readEntries: TopicContext["readEntries"] = async (from, { entriesMax, bytesMax }): Promise<BinaryPage> => {
    const page: BinaryEntry[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      if (entry.offset <= from) continue;
      bytes += entry.payload.byteLength;
      if (page.length > 0 && (page.length >= entriesMax || bytes > bytesMax)) break;
      page.push(entry);
    }
    return { ...this.window, entries: page };
  };

  async writeSnapshot(position: Position, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#gate.pass();
    const stored = this.snapshots.at(-1)?.position;
    if (position.epoch !== this.epoch) throw conflict("the log has another epoch");
    if (position.offset > this.head) throw conflict("the snapshot is ahead of the log");
    if (stored !== undefined && position.offset < stored.offset) throw conflict("a newer snapshot exists");
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    this.snapshots.push({ position, bytes, chunks: chunks.map((chunk) => chunk.slice()) });
  }

  /** The history is gone; the next entry has offset 1 in another epoch. */
  reset(epoch: string): void {
    this.epoch = epoch;
    this.#records = [];
    this.entries.length = 0;
    this.snapshots.length = 0;
  }
}

/** What a storage refuses a commit with whose conditions do not hold. */
export function conflict(what: string): Error {
  const error = new Error(`The commit was refused: ${what}.`);
  error.name = "ConflictError";
  return error;
}
