import type { PlexlineError, Position } from "@plexline/protocol";

/** A chunk with its place. */
export interface StreamEntry<Chunk> {
  readonly chunk: Chunk;
  readonly offset: number;
  readonly cursor: string;
  readonly position: Position;
  readonly atMs?: number;
  readonly user?: string;
}

/** What waits for an iteration at most: one more than this makes it full. */
export interface BufferLimits {
  /** Default 1,000. */
  readonly chunksMax: number;
  /** As JSON, in characters. Default 1,048,576. */
  readonly sizeMax: number;
}

export const BUFFER_LIMITS_DEFAULT: BufferLimits = { chunksMax: 1_000, sizeMax: 1_048_576 };

interface Waiting<Chunk> {
  readonly entry: StreamEntry<Chunk>;
  readonly size: number;
}

/** The chunks that wait for one iteration, and how it ends: behind them. */
export class ChunkQueue<Chunk> implements AsyncIterator<StreamEntry<Chunk>, void> {
  /** The place after which it goes on: the last chunk that was taken, or where the handle began. */
  taken: Position | null = null;
  readonly #limits: BufferLimits;
  readonly #onDrained: () => void;
  readonly #onReturn: (queue: ChunkQueue<Chunk>) => void;
  #waiting: Waiting<Chunk>[] = [];
  #first = 0;
  #size = 0;
  #end: { readonly error?: PlexlineError } | null = null;
  #wake: (() => void) | null = null;

  constructor(
    limits: BufferLimits,
    callbacks: { onDrained(): void; onReturn(queue: ChunkQueue<Chunk>): void },
  ) {
    this.#limits = limits;
    this.#onDrained = callbacks.onDrained;
    this.#onReturn = callbacks.onReturn;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#length >= this.#limits.chunksMax || this.#size >= this.#limits.sizeMax;
  }

  /** So little waits that more may be asked for. */
  get isLow(): boolean {
    return this.#length <= this.#limits.chunksMax / 2 && this.#size <= this.#limits.sizeMax / 2;
  }

  push(entry: StreamEntry<Chunk>): void {
    if (this.#end !== null) return;
    const size = JSON.stringify(entry.chunk)?.length ?? 0;
    this.#waiting.push({ entry, size });
    this.#size += size;
    this.#wakeUp();
  }

  /** Nothing follows what waits. */
  end(error?: PlexlineError): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wakeUp();
  }

  async next(): Promise<IteratorResult<StreamEntry<Chunk>, void>> {
    for (;;) {
      const entry = this.#take();
      if (entry !== undefined) return { done: false, value: entry };
      if (this.#end !== null) {
        const { error } = this.#end;
        this.#end = {};
        this.#onReturn(this);
        if (error !== undefined) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        const before = this.#wake;
        this.#wake = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  async return(): Promise<IteratorResult<StreamEntry<Chunk>, void>> {
    this.#waiting = [];
    this.#first = 0;
    this.#size = 0;
    this.end();
    this.#onReturn(this);
    return { done: true, value: undefined };
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  get #length(): number {
    return this.#waiting.length - this.#first;
  }

  #take(): StreamEntry<Chunk> | undefined {
    const waiting = this.#waiting[this.#first];
    if (waiting === undefined) return undefined;
    this.#first += 1;
    this.#size -= waiting.size;
    this.taken = waiting.entry.position;
    // What has been taken goes in one piece now and then, so that taking one costs the same however many wait.
    if (this.#first * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    if (this.isLow) this.#onDrained();
    return waiting.entry;
  }
}
