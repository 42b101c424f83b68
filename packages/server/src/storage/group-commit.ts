import { PlexlineError } from "@plexline/protocol";
import { storageClosed, storageUnavailable } from "./unavailable.ts";

/** Work that is decided inside a batch: it reads and writes the batch's draft, and throws to be refused. */
export type Operation<Draft, Result> = (draft: Draft) => Result;

export interface GroupCommitOptions<Draft> {
  /** Starts a batch. */
  readonly begin: () => Promise<Draft>;
  /** Runs one operation; what it wrote must vanish when it throws. */
  readonly attempt: <Result>(draft: Draft, operation: Operation<Draft, Result>) => Result;
  /** Makes the batch durable, or rejects and leaves nothing of it behind. */
  readonly flush: (draft: Draft) => Promise<void>;
  /** Runs `callback` when more operations have had a chance to arrive: usually at the end of the tick. */
  readonly defer: (callback: () => void) => void;
  /** Operations of one batch. Default 2,000: some ten milliseconds of work. */
  readonly batchOperationsMax?: number;
  /** Bytes of one batch; a single larger operation is a batch of its own. Default 8 MiB. */
  readonly batchBytesMax?: number;
  /** Operations that may wait. Default 100,000. */
  readonly waitingOperationsMax?: number;
  /** Bytes that may wait; a single larger operation is accepted when nothing waits. Default 64 MiB. */
  readonly waitingBytesMax?: number;
}

export interface GroupCommit<Draft> {
  /**
   * Queues an operation. Resolves with its result when its batch is durable; rejects with what it threw, or with
   * `STORAGE_UNAVAILABLE` when the batch could not be flushed, the queue is full or closed.
   */
  enqueue<Result>(bytes: number, operation: Operation<Draft, Result>): Promise<Result>;
  /** Refuses further operations; resolves when everything queued has settled. */
  close(): Promise<void>;
}

interface Waiting<Draft> {
  readonly bytes: number;
  /** Runs the operation and returns what is to be called once the batch is durable. */
  readonly run: (draft: Draft) => () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Many operations share one flush: while a flush is under way, operations gather; then they run in order against one
 * draft and are flushed together. No outcome leaves before the flush, not even a refusal, because it may rest on
 * an earlier operation of the same batch.
 */
export function createGroupCommit<Draft>(options: GroupCommitOptions<Draft>): GroupCommit<Draft> {
  const { batchOperationsMax = 2_000, batchBytesMax = 8 * 1024 * 1024 } = options;
  const { waitingOperationsMax = 100_000, waitingBytesMax = 64 * 1024 * 1024 } = options;
  let waiting: Waiting<Draft>[] = [];
  let waitingBytes = 0;
  let closed = false;
  let running = false;
  const whenIdle: (() => void)[] = [];

  function takeBatch(): Waiting<Draft>[] {
    let count = 0;
    let bytes = 0;
    for (const { bytes: more } of waiting) {
      if (count === batchOperationsMax || (count > 0 && bytes + more > batchBytesMax)) break;
      bytes += more;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingBytes -= bytes;
    return batch;
  }

  async function runBatch(batch: readonly Waiting<Draft>[]): Promise<void> {
    try {
      const draft = await options.begin();
      const outcomes = batch.map((operation) => operation.run(draft));
      await options.flush(draft);
      for (const settle of outcomes) settle();
    } catch (cause) {
      const error = storageUnavailable(cause);
      for (const operation of batch) operation.reject(error);
    }
  }

  async function runAll(): Promise<void> {
    while (waiting.length > 0) await runBatch(takeBatch());
    running = false;
    for (const idle of whenIdle.splice(0)) idle();
  }

  function assertRoom(bytes: number): void {
    if (closed) throw storageClosed();
    const full = waiting.length >= waitingOperationsMax || waitingBytes + bytes > waitingBytesMax;
    if (waiting.length > 0 && full) {
      throw new PlexlineError("STORAGE_UNAVAILABLE", { message: "Too many commits wait for the disk." });
    }
  }

  return {
    async enqueue(bytes, operation) {
      assertRoom(bytes);
      return new Promise((resolve, reject) => {
        const run = (draft: Draft) => {
          try {
            const result = options.attempt(draft, operation);
            return () => resolve(result);
          } catch (reason) {
            return () => reject(reason);
          }
        };
        waiting.push({ bytes, run, reject });
        waitingBytes += bytes;
        if (running) return;
        running = true;
        options.defer(() => void runAll());
      });
    },
    close() {
      closed = true;
      return running ? new Promise((resolve) => whenIdle.push(resolve)) : Promise.resolve();
    },
  };
}
