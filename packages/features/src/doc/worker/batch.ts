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
  /** Copied at once: ten thousand short buffers that wait for being copied together are what the garbage collector stops for. */
  let pending = new Uint8Array(BATCH_BYTES);
  let lengths: number[] = [];
  let pendingBytes = 0;
  let total = 0;
  const flush = (): void => {
    if (lengths.length > 0) done.push({ bytes: pending.slice(0, pendingBytes), lengths });
    lengths = [];
    pendingBytes = 0;
  };
  return {
    get bytes() {
      return total;
    },
    add(update) {
      total += update.length;
      if (pendingBytes + update.length > BATCH_BYTES) flush();
      if (update.length > BATCH_BYTES) {
        done.push(batchOf([update]));
        return;
      }
      pending.set(update, pendingBytes);
      pendingBytes += update.length;
      lengths.push(update.length);
    },
    finish() {
      flush();
      pending = new Uint8Array();
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
