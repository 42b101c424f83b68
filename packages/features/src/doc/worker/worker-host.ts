/// <reference types="node" />
import { availableParallelism } from "node:os";
import type { UpdateScan } from "../update/update-scan.ts";
import type { DocRenderer, DocWorker, Folded, FoldJob } from "./jobs.ts";
import { createPool } from "./pool.ts";

/** Limits of the worker threads. */
export interface DocWorkerOptions {
  /**
   * Threads that fold documents of up to 4 MiB. Default: one less than there are processors, 1 to 4. Beside them there is one for
   * larger documents, one for scans and one for renderings. All are started when they are needed.
   */
  readonly threads?: number;
  /**
   * A job that takes longer is given up, and its thread with it, in milliseconds; folding may take a second more for every
   * MiB. Default 60,000.
   */
  readonly deadlineMs?: number;
  /** JavaScript heap of one thread, in MiB. Default 1,024. */
  readonly heapMiBMax?: number;
  /** The same of the thread for large documents, which need about ten times their bytes. Default 4,096. */
  readonly largeHeapMiBMax?: number;
  /** A thread without work ends after this time, in milliseconds. Default 30,000. */
  readonly idleMs?: number;
  /** Jobs of one sort at once. Default 64; one more is refused with OVERLOADED. */
  readonly jobsMax?: number;
  /** Bytes of the jobs of one sort at once. Default 256 MiB; more are refused with OVERLOADED, but for a single job. */
  readonly jobsBytesMax?: number;
}

/** Worker threads for documents that can be ended. */
export interface DocWorkerHost extends DocWorker, DocRenderer {
  /** Ends the threads. Jobs that are not done reject with SHUTTING_DOWN, and so do later ones. */
  close(): Promise<void>;
}

/** A document beyond that takes seconds to fold, and hundreds of MiB. */
const LARGE_BYTES = 4 * 1024 * 1024;
const EXTRA_MS_PER_MIB = 1_000;
const THREADS_MAX = 4;

/**
 * Threads for scans, for folding and for rendering, so that nobody's update waits for another document to be folded, and no
 * document's folding for one that is far larger. Of large ones one is folded at a time: it is their memory that counts.
 *
 * @example
 * const worker = createDocWorker({ threads: 2, deadlineMs: 10_000 });
 * const scan = await worker.scan(update, limits);
 * await worker.close();
 */
export function createDocWorker(options: DocWorkerOptions = {}): DocWorkerHost {
  const { largeHeapMiBMax = 4_096, threads = defaultThreads(), ...given } = options;
  const limits = {
    threads: 1,
    deadlineMs: 60_000,
    heapMiBMax: 1_024,
    idleMs: 30_000,
    jobsMax: 64,
    jobsBytesMax: 256 * 1024 * 1024,
    ...given,
  };
  const scans = createPool(limits);
  const folds = createPool({ ...limits, threads });
  const largeFolds = createPool({
    ...limits,
    heapMiBMax: Math.max(limits.heapMiBMax, largeHeapMiBMax),
    // What it has grown to is given back as soon as there is nothing large to do.
    idleMs: Math.min(limits.idleMs, 5_000),
  });
  const renderings = createPool(limits);
  return {
    scan: (update, scanLimits) =>
      scans.run({
        bytes: update.length,
        request: () => {
          // Not slice(): that of a Buffer is no copy, and the buffer behind it would be taken away from everybody.
          const copy = new Uint8Array(update);
          return { message: { type: "scan", update: copy, limits: scanLimits }, transfer: [copy.buffer] };
        },
      }) as Promise<UpdateScan>,
    fold(job) {
      const bytes = bytesOf(job);
      const pool = bytes > LARGE_BYTES ? largeFolds : folds;
      const { how, segments, batches, document: key, signal } = job;
      const transfer = [...segments.flat(), ...batches.map((batch) => batch.bytes)].map(
        ({ buffer }) => buffer,
      );
      return pool.run({
        bytes,
        extraMs: Math.ceil(bytes / (1024 * 1024)) * EXTRA_MS_PER_MIB,
        key,
        signal,
        request: () => ({ message: { type: "fold", job: { how, segments, batches } }, transfer }),
      }) as Promise<Folded>;
    },
    render: (job) =>
      renderings.run({
        bytes: job.update.length,
        request: () => {
          const update = new Uint8Array(job.update);
          return { message: { type: "render", job: { ...job, update } }, transfer: [update.buffer] };
        },
      }) as Promise<string>,
    async close() {
      await Promise.all([scans, folds, largeFolds, renderings].map((pool) => pool.close()));
    },
  };
}

function defaultThreads(): number {
  return Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1));
}

function bytesOf({ segments, batches }: FoldJob): number {
  const pieces = [...segments.flat(), ...batches.map((batch) => batch.bytes)];
  return pieces.reduce((bytes, piece) => bytes + piece.length, 0);
}

let shared: DocWorkerHost | undefined;

/** The worker threads of this process, for all its documents. */
export function sharedDocWorker(): DocWorker & DocRenderer {
  shared ??= createDocWorker();
  return shared;
}
