/** Writes by key, as Latin-1 text because a map cannot look up bytes; `undefined` stands for a removal. */
type Writes = Map<string, { readonly key: Buffer; readonly bytes: Uint8Array | undefined }>;

/** The writes of one batch, over what is durable. Nothing of it can be read outside before it has been flushed. */
export interface Draft {
  get(key: Buffer): Uint8Array | undefined;
  put(key: Buffer, bytes: Uint8Array): void;
  remove(key: Buffer): void;
  /** Runs an operation; when it throws, its writes are gone, and those before it stay. */
  attempt<Result>(operation: () => Result): Result;
  /** What there is to write, in no particular order. */
  writes(): Iterable<{ readonly key: Buffer; readonly bytes: Uint8Array | undefined }>;
}

/** Starts a batch over `readDurable`. */
export function createDraft(readDurable: (key: Buffer) => Uint8Array | undefined): Draft {
  const kept: Writes = new Map();
  let pending: Writes = new Map();

  function write(key: Buffer, bytes: Uint8Array | undefined): void {
    pending.set(key.toString("latin1"), { key, bytes });
  }

  return {
    get(key) {
      const text = key.toString("latin1");
      const written = pending.get(text) ?? kept.get(text);
      return written === undefined ? readDurable(key) : written.bytes;
    },
    put: write,
    remove: (key) => write(key, undefined),
    attempt(operation) {
      pending = new Map();
      const result = operation();
      for (const [text, written] of pending) kept.set(text, written);
      pending = new Map();
      return result;
    },
    writes: () => kept.values(),
  };
}
