import type { PlexlineError, Position } from "@plexline/protocol";
import { BUFFER_LIMITS_DEFAULT, type BufferLimits, ChunkQueue, type StreamEntry } from "./chunks.ts";

interface Hooks {
  /** An iteration has taken what waited for it, or is no more. */
  readonly onDrained: () => void;
  /** The application has ended an iteration. */
  readonly onReturn: () => void;
}

/** The iterations over one handle: each gets every chunk at its own pace. */
export class Iterations<Chunk> {
  readonly #limits: BufferLimits;
  readonly #hooks: Hooks;
  readonly #queues = new Set<ChunkQueue<Chunk>>();

  constructor(limits: Partial<BufferLimits> = {}, hooks: Hooks) {
    this.#limits = { ...BUFFER_LIMITS_DEFAULT, ...limits };
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#queues.size;
  }

  /** Whether every one of them has room for what comes. */
  get isLow(): boolean {
    for (const queue of this.#queues) if (!queue.isLow) return false;
    return true;
  }

  /** Begins one behind this position, which has ended already if `ended` is given. */
  add(position: Position | null, ended?: { readonly error?: PlexlineError }): ChunkQueue<Chunk> {
    const { onDrained, onReturn } = this.#hooks;
    const queue = new ChunkQueue<Chunk>(this.#limits, {
      onDrained,
      onReturn: (returned) => {
        this.#queues.delete(returned);
        onDrained();
        onReturn();
      },
    });
    queue.taken = position;
    if (ended) queue.end(ended.error);
    else this.#queues.add(queue);
    return queue;
  }

  /** Those that did not know where they begin are told. */
  place(position: Position): void {
    for (const queue of this.#queues) queue.taken ??= position;
  }

  /** Where the slowest one is, if something waits for it; else the handle's own position. */
  slowest(own: Position | null): Position | null {
    let position = own;
    for (const { taken, isEmpty } of this.#queues)
      if (!isEmpty && taken !== null && (position === own || taken.offset < position!.offset))
        position = taken;
    return position;
  }

  /** Hands a chunk to all of them; false if one has no room any more. */
  push(entry: StreamEntry<Chunk>): boolean {
    let hasRoom = true;
    for (const queue of this.#queues) {
      queue.push(entry);
      if (queue.isFull) hasRoom = false;
    }
    return hasRoom;
  }

  /** Ends them behind what waits for them. */
  end(error?: PlexlineError): void {
    for (const queue of [...this.#queues]) queue.end(error);
  }
}

/** A queue as the application iterates over it. */
export function iterate<Chunk>(queue: ChunkQueue<Chunk>): AsyncIterableIterator<StreamEntry<Chunk>> {
  return {
    next: () => queue.next(),
    return: () => queue.return() as Promise<IteratorResult<StreamEntry<Chunk>, undefined>>,
    [Symbol.asyncIterator]() {
      return this;
    },
  } as AsyncIterableIterator<StreamEntry<Chunk>>;
}

/** The chunks of an iteration without their places. */
export function chunksOnly<Chunk>(
  entries: AsyncIterableIterator<StreamEntry<Chunk>>,
): AsyncIterator<Chunk, void> {
  return {
    async next() {
      const { done, value } = await entries.next();
      return done ? { done: true, value: undefined } : { done: false, value: value.chunk };
    },
    async return() {
      await entries.return?.();
      return { done: true, value: undefined };
    },
  };
}
