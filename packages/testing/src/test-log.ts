import { type LogWindow, PlexlineError, type Position } from "@plexline/protocol";
import type {
  BinaryEntry,
  BinaryPage,
  EventPage,
  LoggedEvent,
  LoggedPush,
  NewBinaryEntry,
  Segment,
  SegmentPlace,
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

type LogRecord = LoggedPush | BinaryEntry;

/**
 * The log of a test topic: events and binary entries in one order. Broadcasts are committed as the engine does: one batch
 * at a time, all or none, and a failed batch takes everything with it that waits behind it.
 */
export class TestLog {
  epoch = "test-epoch";
  /** Binary entries, in the order of the log. */
  readonly entries: BinaryEntry[] = [];
  /** Events, in the order of the log. */
  readonly events: LoggedPush[] = [];
  readonly snapshots: Snapshot[] = [];
  /** Chunks of the segments that are there, by their names. */
  readonly segments = new Map<string, Uint8Array[]>();
  readonly #gate: Gate;
  readonly #nowMs: () => number;
  #records: LogRecord[] = [];
  #queue: Queued[] = [];
  #underWay = 0;
  #isFailing = false;
  /** What may be seen of the log while a room is being made. */
  #seen: LogWindow | null = null;

  constructor(gate: Gate, nowMs: () => number) {
    this.#gate = gate;
    this.#nowMs = nowMs;
  }

  get head(): number {
    return this.#records.length;
  }

  get window(): LogWindow {
    return this.#seen ?? { epoch: this.epoch, head: this.head, floor: 0 };
  }

  /** What is appended until `thaw` is not seen before. */
  freeze(): void {
    this.#seen = this.window;
  }

  thaw(): void {
    this.#seen = null;
  }

  append(topic: string, { event, payload, sender, key }: LoggedEvent, atMs: number): LoggedPush {
    const push: LoggedPush = {
      type: "push",
      topic,
      event,
      ...(payload === undefined ? {} : { payload }),
      offset: this.head + 1,
      ...(sender?.sessionId ? { from: sender.sessionId } : {}),
      ...(sender ? { user: sender.principal.id } : {}),
      atMs,
      ...(key === undefined ? {} : { key }),
    };
    this.#records.push(push);
    this.events.push(push);
    return push;
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

  readEntries: TopicContext["readEntries"] = async (from, limits): Promise<BinaryPage> => {
    const entries = pageOf(this.entries, from, limits, ({ payload }) => payload.byteLength);
    return { ...this.window, entries };
  };

  readEvents: TopicContext["readEvents"] = async (from, limits): Promise<EventPage> => {
    const { head, epoch } = this.window;
    const seen = this.events.filter(({ offset }) => epoch === this.epoch && offset <= head);
    const events = pageOf(seen, from, limits, (event) => Buffer.byteLength(JSON.stringify(event)));
    return { ...this.window, events };
  };

  async writeSnapshot(
    position: Position,
    chunks: readonly Uint8Array[],
    segments: readonly Segment[] = [],
  ): Promise<void> {
    await this.#gate.pass();
    const stored = this.snapshots.at(-1)?.position;
    if (position.epoch !== this.epoch) throw conflict("the log has another epoch");
    if (position.offset > this.head) throw conflict("the snapshot is ahead of the log");
    if (stored !== undefined && position.offset < stored.offset) throw conflict("a newer snapshot exists");
    if (segments.some((segment) => this.segments.get(segment.name)?.length !== segment.chunks))
      throw conflict("a segment is not there");
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    this.snapshots.push({ position, bytes, chunks: chunks.map((chunk) => chunk.slice()), segments });
    for (const name of this.segments.keys())
      if (!segments.some((segment) => segment.name === name)) this.segments.delete(name);
  }

  async writeSegment({ epoch, name, from }: SegmentPlace, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#gate.pass();
    const stored = this.segments.get(name) ?? [];
    if (epoch !== this.epoch) throw conflict("the log has another epoch");
    if (from !== 0 && from !== stored.length) throw conflict("chunks of the segment are missing");
    this.segments.set(name, [...stored.slice(0, from), ...chunks.map((chunk) => chunk.slice())]);
  }

  readSegment: TopicContext["readSegment"] = async (name, from, count) =>
    this.segments
      .get(name)
      ?.slice(from, from + count)
      .map((chunk) => chunk.slice());

  /** The history is gone; the next entry has offset 1 in another epoch. */
  reset(epoch: string): void {
    this.epoch = epoch;
    this.#records = [];
    this.entries.length = 0;
    this.events.length = 0;
    this.snapshots.length = 0;
    this.segments.clear();
  }
}

/** What a storage refuses a commit with whose conditions do not hold. */
export function conflict(what: string): Error {
  const error = new Error(`The commit was refused: ${what}.`);
  error.name = "ConflictError";
  return error;
}

/** What comes after an offset, as much as the limits allow, but always one if there is one. */
function pageOf<T extends { readonly offset: number }>(
  records: readonly T[],
  from: number,
  { entriesMax, bytesMax }: { entriesMax: number; bytesMax: number },
  bytesOf: (record: T) => number,
): T[] {
  const page: T[] = [];
  let bytes = 0;
  for (const record of records) {
    if (record.offset <= from) continue;
    bytes += bytesOf(record);
    if (page.length > 0 && (page.length >= entriesMax || bytes > bytesMax)) break;
    page.push(record);
  }
  return page;
}
