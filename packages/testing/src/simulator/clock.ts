import type { Clock, Timer } from "@plexline/server";

/** Time that passes only while `run` is awaited, with everything that promises have to do done in between. */
export interface SimulatorClock extends Clock {
  /**
   * Moves time forward by `ms`. Timers run in the order of their due time; after each, promises and then what was
   * deferred run to their end, as they do between two events of a real process.
   */
  run(ms: number): Promise<void>;
  /** A view of this clock for something that may vanish: `end` drops its timers and whatever it defers. */
  life(): { readonly clock: Clock; end(): void };
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | null;
}

/** Callbacks of one `run` before it is taken for a loop that never ends. */
const CALLBACKS_MAX = 2_000_000;

/** Creates a clock at 0 whose wall clock starts at `startMs`. */
export function createSimulatorClock(startMs = Date.UTC(2025, 0, 1)): SimulatorClock {
  const timers: Due[] = [];
  let deferred: (() => void)[] = [];
  let elapsedMs = 0;
  let order = 0;

  const clock: Clock = {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    setTimer(callback, delayMs): Timer {
      const due: Due = { atMs: elapsedMs + Math.max(0, delayMs), order: order++, callback };
      push(timers, due);
      return {
        cancel() {
          due.callback = null;
        },
      };
    },
    defer: (callback) => void deferred.push(callback),
  };
  const runDeferred = async (): Promise<void> => {
    while (deferred.length > 0) {
      const callbacks = deferred;
      deferred = [];
      for (const callback of callbacks) callback();
      await promisesDone();
    }
  };
  return {
    ...clock,
    async run(ms) {
      const untilMs = elapsedMs + ms;
      await promisesDone();
      await runDeferred();
      for (let runs = 0; timers[0] !== undefined && timers[0].atMs <= untilMs; runs += 1) {
        if (runs === CALLBACKS_MAX) throw new Error("Timers set one another for ever.");
        const { atMs, callback } = pop(timers);
        if (callback === null) continue;
        elapsedMs = atMs;
        callback();
        await promisesDone();
        if (deferred.length > 0) await runDeferred();
      }
      elapsedMs = untilMs;
    },
    life() {
      let isOver = false;
      const unlessOver = (callback: () => void) => () => {
        if (!isOver) callback();
      };
      return {
        clock: {
          ...clock,
          setTimer: (callback, delayMs) => clock.setTimer(unlessOver(callback), delayMs),
          defer: (callback) => clock.defer(unlessOver(callback)),
        },
        end() {
          isOver = true;
        },
      };
    },
  };
}

/** Node empties the queue of promise reactions before the next tick's callbacks, so this comes after all of them. */
function promisesDone(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

// A binary heap: the earliest on top, equal times in the order they were set.

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let index = heap.length;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Due;
    if (!isBefore(due, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = due;
}

function pop(heap: Due[]): Due {
  const top = heap[0] as Due;
  const last = heap.pop() as Due;
  if (heap.length === 0) return top;
  let index = 0;
  for (;;) {
    let child = index * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child += 1;
    if (!isBefore(heap[child] as Due, last)) break;
    heap[index] = heap[child] as Due;
    index = child;
  }
  heap[index] = last;
  return top;
}
