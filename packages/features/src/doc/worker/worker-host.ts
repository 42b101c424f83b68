/// <reference types="node" />
import { Worker } from "node:worker_threads";
import { PlexlineError } from "@plexline/protocol";
import type { UpdateScan } from "../update/update-scan.ts";
import type { Compacted, DocRenderer, DocWorker } from "./jobs.ts";
import { bytesOf, pack } from "./packing.ts";
import type { ThreadAnswer, ThreadRequest } from "./thread-message.ts";

/** Limits of the worker threads. */
export interface DocWorkerOptions {
  /** A job that takes longer is given up, and its thread with it, in milliseconds. Default 60,000. */
  readonly deadlineMs?: number;
  /** JavaScript heap of one thread, in MiB. Default 1,024. */
  readonly heapMiBMax?: number;
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

/** Yjs deletes recursively, and a log may hold shared types that many updates have nested some ten thousand deep. */
const STACK_MIB = 64;

type Limits = Required<DocWorkerOptions>;

interface Job {
  readonly bytes: number;
  /** Made when its turn comes: the bytes are copied for the thread, and only one job's at a time. */
  readonly request: () => { readonly message: ThreadRequest; readonly transfer: ArrayBuffer };
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PlexlineError) => void;
}

/**
 * Starts threads when there is work: one for scans, one for folding and one for rendering, so that nobody's update waits for
 * another document to be folded. They keep no process alive. After a crash or a missed deadline the job rejects (INTERNAL, HANDLER_TIMEOUT)
 * and the next one gets a new thread.
 *
 * @example
 * const worker = createDocWorker({ deadlineMs: 10_000 });
 * const scan = await worker.scan(update, limits);
 * await worker.close();
 */
export function createDocWorker(options: DocWorkerOptions = {}): DocWorkerHost {
  const limits: Limits = {
    deadlineMs: 60_000,
    heapMiBMax: 1_024,
    idleMs: 30_000,
    jobsMax: 64,
    jobsBytesMax: 256 * 1024 * 1024,
    ...options,
  };
  const scans = createLane(limits);
  const folds = createLane(limits);
  const renderings = createLane(limits);
  return {
    scan: (update, scanLimits) =>
      scans.run(update.length, () => {
        // Not slice(): that of a Buffer is no copy, and the buffer behind it would be taken away from everybody.
        const copy = new Uint8Array(update);
        return { message: { type: "scan", update: copy, limits: scanLimits }, transfer: copy.buffer };
      }) as Promise<UpdateScan>,
    compact: (job) => folds.run(bytesOf(job), () => pack(job)) as Promise<Compacted>,
    render: (job) =>
      renderings.run(job.update.length, () => {
        const update = new Uint8Array(job.update);
        return { message: { type: "render", job: { ...job, update } }, transfer: update.buffer };
      }) as Promise<string>,
    async close() {
      await Promise.all([scans.close(), folds.close(), renderings.close()]);
    },
  };
}

let shared: DocWorkerHost | undefined;

/** The worker threads of this process, for all its documents. */
export function sharedDocWorker(): DocWorker & DocRenderer {
  shared ??= createDocWorker();
  return shared;
}

/** One thread at a time, with the jobs that wait for it. */
function createLane(limits: Limits) {
  /** The first is the one being done. */
  const jobs: Job[] = [];
  let bytes = 0;
  let thread: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const wake = (callback: () => void, afterMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(callback, afterMs).unref();
  };
  const end = (): Promise<unknown> => {
    clearTimeout(timer);
    const ended = thread;
    thread = undefined;
    return ended ? ended.terminate() : Promise.resolve();
  };
  /** The job being done is over; the next one's turn. */
  const finish = (settle: (job: Job) => void): void => {
    const job = jobs.shift();
    if (!job) return;
    bytes -= job.bytes;
    settle(job);
    begin();
  };
  const begin = (): void => {
    const job = jobs[0];
    if (!job) {
      wake(() => void end(), limits.idleMs);
      return;
    }
    try {
      thread ??= start();
      wake(miss, limits.deadlineMs);
      const { message, transfer } = job.request();
      thread.postMessage(message, [transfer]);
    } catch (error) {
      lose(error);
    }
  };
  const miss = (): void => {
    void end();
    finish((job) =>
      job.reject(
        new PlexlineError("HANDLER_TIMEOUT", {
          message: `Work on the document was given up after ${limits.deadlineMs} ms.`,
        }),
      ),
    );
  };
  /** The thread has crashed, or could not be started. */
  const lose = (cause: unknown): void => {
    void end();
    finish((job) =>
      job.reject(
        new PlexlineError("INTERNAL", { message: "The thread that worked on the document ended.", cause }),
      ),
    );
  };
  const start = (): Worker => {
    const started = new Worker(threadFile(), {
      // What this process was started with (a loader, a test runner's flags) is not meant for the thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMiBMax, stackSizeMb: STACK_MIB },
    });
    // After its end a thread is not the lane's any more, and what it still says concerns nobody.
    const whileCurrent =
      <T>(listener: (value: T) => void) =>
      (value: T) => {
        if (thread === started) listener(value);
      };
    started.on(
      "message",
      whileCurrent((answer: ThreadAnswer) => finish((job) => settle(job, answer))),
    );
    started.on("error", whileCurrent(lose));
    started.on(
      "exit",
      whileCurrent((code: number) => lose(new Error(`It ended with code ${code}.`))),
    );
    started.unref();
    return started;
  };

  return {
    run(jobBytes: number, request: Job["request"]): Promise<unknown> {
      if (isClosed) return Promise.reject(new PlexlineError("SHUTTING_DOWN"));
      const isFull =
        jobs.length >= limits.jobsMax || (jobs.length > 0 && bytes + jobBytes > limits.jobsBytesMax);
      if (isFull) {
        return Promise.reject(
          new PlexlineError("OVERLOADED", { message: "Too many documents are being worked on at once." }),
        );
      }
      return new Promise((resolve, reject) => {
        jobs.push({ bytes: jobBytes, request, resolve, reject });
        bytes += jobBytes;
        if (jobs.length === 1) begin();
      });
    },
    async close(): Promise<void> {
      isClosed = true;
      const ended = end();
      for (const job of jobs.splice(0)) job.reject(new PlexlineError("SHUTTING_DOWN"));
      await ended;
    },
  };
}

function settle(job: Job, answer: ThreadAnswer): void {
  if (answer.ok) {
    job.resolve(answer.result);
    return;
  }
  const { code = "INTERNAL", message, fix } = answer.error;
  job.reject(new PlexlineError(code, { message, ...(fix === undefined ? {} : { fix }) }));
}

/**
 * Run from sources (by a test runner that translates them), the thread comes from the last build all the same: a worker
 * thread does not share its parent's translation, and Node 20 does not read TypeScript.
 */
function threadFile(): URL {
  return import.meta.url.endsWith(".ts")
    ? new URL("../../../dist/doc/worker/thread.js", import.meta.url)
    : new URL("./thread.js", import.meta.url);
}
