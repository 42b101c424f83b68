/// <reference types="node" />
import { Worker } from "node:worker_threads";
import { PlexlineError } from "@plexline/protocol";
import type { ThreadAnswer, ThreadRequest } from "./thread-message.ts";

/** Limits of a pool. */
export interface PoolLimits {
  readonly threads: number;
  readonly deadlineMs: number;
  readonly heapMiBMax: number;
  readonly idleMs: number;
  readonly jobsMax: number;
  readonly jobsBytesMax: number;
}

/** One piece of work for a thread. */
export interface PoolJob {
  readonly bytes: number;
  /** Time beyond the deadline of all jobs, in milliseconds. Default 0. */
  readonly extraMs?: number;
  /** No two jobs of the same key are done at once. */
  readonly key?: string | undefined;
  /** Ends the job: it rejects with SHUTTING_DOWN. */
  readonly signal?: AbortSignal | undefined;
  /** Made when its turn comes. */
  readonly request: () => { readonly message: ThreadRequest; readonly transfer: readonly ArrayBuffer[] };
}

/** Threads that do jobs, in the order they came as far as their keys allow. */
export interface Pool {
  run(job: PoolJob): Promise<unknown>;
  /** Ends the threads. Jobs that are not done reject with SHUTTING_DOWN, and so do later ones. */
  close(): Promise<void>;
}

interface Waiting extends PoolJob {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PlexlineError) => void;
}

/** A thread with the one job that it does. */
interface Hand {
  thread: Worker | undefined;
  job: Waiting | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** Yjs deletes recursively, and a log may hold shared types that many updates have nested some ten thousand deep. */
const STACK_MIB = 64;

/**
 * Threads are started when there is work, keep no process alive, and end without work. After a crash or a missed deadline the
 * job rejects (INTERNAL, HANDLER_TIMEOUT), and the next one gets a new thread.
 */
export function createPool(limits: PoolLimits): Pool {
  const hands: Hand[] = Array.from({ length: limits.threads }, () => ({
    thread: undefined,
    job: undefined,
    timer: undefined,
  }));
  let waiting: Waiting[] = [];
  let jobs = 0;
  let bytes = 0;
  let isClosed = false;

  const end = (hand: Hand): Promise<unknown> => {
    clearTimeout(hand.timer);
    const { thread } = hand;
    hand.thread = undefined;
    return thread ? thread.terminate() : Promise.resolve();
  };
  const wake = (hand: Hand, callback: () => void, afterMs: number): void => {
    clearTimeout(hand.timer);
    hand.timer = setTimeout(callback, afterMs).unref();
  };
  const countDown = (job: PoolJob): void => {
    jobs -= 1;
    bytes -= job.bytes;
  };
  /** The hand's job is over; the next one's turn. */
  const finish = (hand: Hand, settle: (job: Waiting) => void): void => {
    const { job } = hand;
    if (!job) return;
    hand.job = undefined;
    countDown(job);
    settle(job);
    if (!isClosed) wake(hand, () => void end(hand), limits.idleMs);
    assign();
  };
  const fail = (hand: Hand, error: PlexlineError): void => {
    void end(hand);
    finish(hand, (job) => job.reject(error));
  };
  const lose = (hand: Hand, cause: unknown): void =>
    fail(
      hand,
      new PlexlineError("INTERNAL", { message: "The thread that worked on the document ended.", cause }),
    );

  const start = (hand: Hand): Worker => {
    const started = new Worker(threadFile(), {
      // What this process was started with (a loader, a test runner's flags) is not meant for the thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMiBMax, stackSizeMb: STACK_MIB },
    });
    // After its end a thread is not the hand's any more, and what it still says concerns nobody.
    const whileCurrent =
      <T>(listener: (value: T) => void) =>
      (value: T) => {
        if (hand.thread === started) listener(value);
      };
    started.on(
      "message",
      whileCurrent((answer: ThreadAnswer) => finish(hand, (job) => settle(job, answer))),
    );
    started.on(
      "error",
      whileCurrent((error: unknown) => lose(hand, error)),
    );
    started.on(
      "exit",
      whileCurrent((code: number) => lose(hand, new Error(`It ended with code ${code}.`))),
    );
    started.unref();
    return started;
  };
  const begin = (hand: Hand, job: Waiting): void => {
    hand.job = job;
    const deadlineMs = limits.deadlineMs + (job.extraMs ?? 0);
    const late = (): void =>
      fail(
        hand,
        new PlexlineError("HANDLER_TIMEOUT", {
          message: `Work on the document was given up after ${deadlineMs} ms.`,
        }),
      );
    try {
      hand.thread ??= start(hand);
      wake(hand, late, deadlineMs);
      const { message, transfer } = job.request();
      hand.thread.postMessage(message, [...transfer]);
    } catch (error) {
      lose(hand, error);
    }
  };
  const isBusy = (key: string | undefined): boolean =>
    key !== undefined && hands.some(({ job }) => job?.key === key);
  /** Gives the free hands what waits. A thread that runs is taken before one that would have to be started. */
  function assign(): void {
    for (;;) {
      const free = hands.filter(({ job }) => job === undefined);
      const hand = free.find(({ thread }) => thread !== undefined) ?? free[0];
      const next = waiting.findIndex(({ key }) => !isBusy(key));
      if (isClosed || hand === undefined || next === -1) return;
      const [job] = waiting.splice(next, 1);
      begin(hand, job!);
    }
  }
  const abort = (job: Waiting): void => {
    const hand = hands.find((one) => one.job === job);
    if (hand) fail(hand, new PlexlineError("SHUTTING_DOWN"));
    if (!waiting.includes(job)) return;
    waiting = waiting.filter((one) => one !== job);
    countDown(job);
    job.reject(new PlexlineError("SHUTTING_DOWN"));
  };

  return {
    run(job) {
      if (isClosed || job.signal?.aborted) return Promise.reject(new PlexlineError("SHUTTING_DOWN"));
      if (jobs >= limits.jobsMax || (jobs > 0 && bytes + job.bytes > limits.jobsBytesMax)) {
        return Promise.reject(
          new PlexlineError("OVERLOADED", { message: "Too many documents are being worked on at once." }),
        );
      }
      return new Promise((resolve, reject) => {
        const stop = (): void => abort(queued);
        const done =
          <T>(settled: (value: T) => void) =>
          (value: T) => {
            job.signal?.removeEventListener("abort", stop);
            settled(value);
          };
        const queued: Waiting = { ...job, resolve: done(resolve), reject: done(reject) };
        job.signal?.addEventListener("abort", stop);
        jobs += 1;
        bytes += job.bytes;
        waiting.push(queued);
        assign();
      });
    },
    async close() {
      isClosed = true;
      const ended = hands.map(end);
      for (const job of [...waiting.splice(0), ...hands.flatMap((hand) => hand.job ?? [])])
        job.reject(new PlexlineError("SHUTTING_DOWN"));
      for (const hand of hands) hand.job = undefined;
      await Promise.all(ended);
    },
  };
}

function settle(job: Waiting, answer: ThreadAnswer): void {
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
