/** Many updates in one buffer of their own, which can be handed to a thread at once. */
export interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How long each of them is. */
  readonly lengths: readonly number[];
}

/** Updates that are gathered into batches as they are read, each copied once. */
export interface Batches {
  readonly bytes: number;
  add(update: Uint8Array): void;
  finish(): readonly Batch[];
}

const BATCH_BYTES = 256 * 1024;

export function createBatches(): Batches {
  const done: Batch[] = [];
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let total = 0;
  const flush = (): void => {
    if (pending.length > 0) done.push(batchOf(pending));
    pending = [];
    pendingBytes = 0;
  };
  return {
    get bytes() {
      return total;
    },
    add(update) {
      pending.push(update);
      pendingBytes += update.length;
      total += update.length;
      if (pendingBytes >= BATCH_BYTES) flush();
    },
    finish() {
      flush();
      return done;
    },
  };
}

/** Copies updates into a batch. */
export function batchOf(updates: readonly Uint8Array[]): Batch {
  const lengths = updates.map((update) => update.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const update of updates) {
    bytes.set(update, at);
    at += update.length;
  }
  return { bytes, lengths };
}

/** The updates of batches, as views. */
export function updatesOf(batches: readonly Batch[]): Uint8Array[] {
  return batches.flatMap(({ bytes, lengths }) => {
    let at = 0;
    return lengths.map((length) => {
      at += length;
      return bytes.subarray(at - length, at);
    });
  });
}
