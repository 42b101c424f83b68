import { PlexlineError, type Position } from "@plexline/protocol";
import type { StreamEnd } from "../protocol.ts";

/** Bounds of what a producer has not been told to be durable. */
export interface ProducerLimits {
  /** Values. Default 10,000. */
  readonly valuesMax: number;
  /** As JSON, in bytes. Default 4 MiB. */
  readonly bytesMax: number;
}

export const PRODUCER_LIMITS_DEFAULT: ProducerLimits = { valuesMax: 10_000, bytesMax: 4 * 1024 * 1024 };

/** Values of one append: what the server takes by default. */
const BATCH_VALUES_MAX = 1_000;

/** One `append` of the application: what is told when all of it is durable. */
interface Group {
  readonly resolve: (position: Position) => void;
  readonly reject: (error: PlexlineError) => void;
}

interface Item {
  readonly group: Group;
  readonly value: unknown;
  readonly bytes: number;
  /** The last one of its group. */
  readonly isLast: boolean;
}

/** What leaves as one append. */
export interface Batch {
  sequence: number;
  /** The attempt in which it was last sent. */
  attempt: number;
  readonly items: readonly Item[];
  readonly end: { readonly group: Group; readonly value: StreamEnd } | null;
}

/** Values on their way to the log, in order: first those that wait, then batches without answer. Has no I/O. */
export class ProducerQueue {
  readonly #limits: ProducerLimits;
  #waiting: Item[] = [];
  #end: Batch["end"] = null;
  #sent: Batch[] = [];
  #waitingBytes = 0;
  #values = 0;
  #bytes = 0;
  #whenRoom: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  constructor(limits: ProducerLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#values === 0 && this.#end === null && this.#sent.length === 0;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0 || this.#end !== null;
  }

  get isEnding(): boolean {
    return this.#end !== null || this.#sent.some(({ end }) => end !== null);
  }

  /** Batches without answer, oldest first. */
  get sent(): readonly Batch[] {
    return this.#sent;
  }

  get hasRoom(): boolean {
    return this.#values < this.#limits.valuesMax && this.#bytes < this.#limits.bytesMax;
  }

  /** Whether what waits fills a batch. */
  isFull(bytesMax: number): boolean {
    return this.#waiting.length >= BATCH_VALUES_MAX || this.#waitingBytes >= bytesMax;
  }

  /** Resolves with the position when all of it is durable. Rejects with QUEUE_FULL, PAYLOAD_INVALID or MESSAGE_TOO_LARGE. */
  add(values: readonly unknown[], bytesMax: number, end: StreamEnd | null = null): Promise<Position> {
    return new Promise((resolve, reject) => {
      if (!this.hasRoom && end === null) throw new PlexlineError("QUEUE_FULL");
      const group: Group = { resolve, reject };
      const items = values.map((value, index): Item => {
        const { copy, bytes } = copyOf(value);
        if (bytes > bytesMax)
          throw new PlexlineError("MESSAGE_TOO_LARGE", {
            message: `A chunk has ${bytes} bytes; this way to the server takes ${bytesMax}.`,
          });
        return { group, value: copy, bytes, isLast: end === null && index === values.length - 1 };
      });
      const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
      this.#bytes += bytes;
      this.#waitingBytes += bytes;
      this.#values += items.length;
      this.#waiting.push(...items);
      if (end !== null) this.#end = { group, value: end };
    });
  }

  /** Takes the next batch from what waits, and counts it as sent. */
  take(sequence: number, bytesMax: number): Batch {
    let bytes = 0;
    let count = 0;
    for (const item of this.#waiting) {
      bytes += item.bytes + 1;
      if (count > 0 && (count === BATCH_VALUES_MAX || bytes > bytesMax)) break;
      count += 1;
    }
    const items = this.#waiting.splice(0, count);
    const end = this.#waiting.length === 0 ? this.#end : null;
    if (end !== null) this.#end = null;
    this.#waitingBytes -= items.reduce((sum, item) => sum + item.bytes, 0);
    const batch = { sequence, attempt: -1, items, end };
    this.#sent.push(batch);
    return batch;
  }

  /** Everything up to this sequence is durable. */
  settle(sequence: number, position: Position): void {
    while (this.#sent[0] !== undefined && this.#sent[0].sequence <= sequence) {
      const { items, end } = this.#sent.shift() as Batch;
      this.#free(items);
      for (const { group, isLast } of items) if (isLast) group.resolve(position);
      end?.group.resolve(position);
    }
    this.#tellRoom();
  }

  /**
   * The server takes this batch in no way. With several appends in it each goes again by itself, so that the good ones are not
   * refused with the bad one; a single one is rejected. Those behind it move up.
   */
  refuse(batch: Batch, error: PlexlineError): void {
    const index = this.#sent.indexOf(batch);
    if (index < 0) return;
    const parts = batchesByGroup(batch);
    const isSingle = parts.length === 1;
    if (isSingle) {
      this.#free(batch.items);
      for (const group of groupsOf(batch)) group.reject(error);
    }
    this.#sent.splice(index, 1, ...(isSingle ? [] : parts));
    for (const [place, each] of this.#sent.entries())
      if (place >= index) each.sequence = batch.sequence + place - index;
    this.#tellRoom();
  }

  /** Nothing is sent any more. */
  fail(error: PlexlineError): void {
    const groups = new Set([...this.#sent.flatMap(groupsOf), ...this.#waiting.map(({ group }) => group)]);
    if (this.#end !== null) groups.add(this.#end.group);
    this.#sent = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#end = null;
    this.#values = 0;
    this.#bytes = 0;
    for (const group of groups) group.reject(error);
    this.#tellRoom();
  }

  whenRoom(): Promise<void> {
    return this.hasRoom ? Promise.resolve() : new Promise((resolve) => this.#whenRoom.push(resolve));
  }

  whenEmpty(): Promise<void> {
    return this.isEmpty ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #free(items: readonly Item[]): void {
    this.#values -= items.length;
    for (const { bytes } of items) this.#bytes -= bytes;
  }

  #tellRoom(): void {
    if (this.hasRoom) for (const resolve of this.#whenRoom.splice(0)) resolve();
    if (this.isEmpty) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

function groupsOf({ items, end }: Batch): Group[] {
  const groups = new Set(items.map(({ group }) => group));
  if (end !== null) groups.add(end.group);
  return [...groups];
}

function batchesByGroup(batch: Batch): Batch[] {
  return groupsOf(batch).map((group) => ({
    sequence: batch.sequence,
    attempt: -1,
    items: batch.items.filter((item) => item.group === group),
    end: batch.end?.group === group ? batch.end : null,
  }));
}

/** The value as JSON sees it now: what the application changes later does not change what is sent again. */
function copyOf(value: unknown): { copy: unknown; bytes: number } {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new PlexlineError("PAYLOAD_INVALID", {
      message: `The chunk is not JSON: ${String(cause)}.`,
      cause,
    });
  }
  if (json === undefined) throw new PlexlineError("PAYLOAD_INVALID", { message: "The chunk is not JSON." });
  return {
    copy: typeof value === "object" ? JSON.parse(json) : value,
    bytes: new TextEncoder().encode(json).length,
  };
}
