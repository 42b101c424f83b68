import { PlexlineError } from "@plexline/protocol";
import type { Clock, Storage } from "@plexline/server";

/** Faults that strike by themselves, as often as a random says. */
export interface RandomFaults {
  /** A number in [0, 1) per draw; seeded, so that a run can be repeated. */
  readonly next: () => number;
  /** How many writes fail, from 0 to 1. Default 0. */
  readonly failureRate?: number;
  /** Longest delay of a write, in milliseconds; each waits for a random part of it. Default 0. */
  readonly delayMaxMs?: number;
}

export interface FaultyStorageOptions {
  /** The clock that delays go by. Needed only with `delayMaxMs`. */
  readonly clock?: Clock;
  readonly faults?: RandomFaults;
  /** Makes the error of a failed write. Default: an I/O error. */
  readonly error?: () => Error;
}

/** A storage whose writes can be made to fail or to wait. Reads always pass: they show what is durable. */
export interface FaultyStorage extends Storage {
  /** The next `count` writes reject, and nothing of them is written. */
  fail(count: number): void;
  /** Writes wait from now on, in order, and nothing of them is written. */
  hold(): void;
  /** Writes go on, those that waited first. */
  release(): void;
  /** Writes that have not reached the wrapped storage yet. */
  readonly held: number;
}

/**
 * Wraps a storage with faults, by hand or by chance. What a write rejects with is what a full disk gives.
 *
 * @example
 * const storage = createFaultyStorage(createMemoryStorage({ random }));
 * storage.fail(1);
 * await storage.commit(commit); // rejects with STORAGE_UNAVAILABLE
 * await storage.commit(commit); // succeeds
 */
export function createFaultyStorage(inner: Storage, options: FaultyStorageOptions = {}): FaultyStorage {
  const { clock, faults, error = ioError } = options;
  let failures = 0;
  let held = 0;
  let gate: Promise<void> = Promise.resolve();
  let openGate: (() => void) | undefined;
  let turn: Promise<void> = Promise.resolve();

  async function disturb(): Promise<void> {
    await gate;
    const delayMs = Math.floor((faults?.delayMaxMs ?? 0) * (faults?.next() ?? 0));
    if (delayMs > 0 && clock !== undefined) await new Promise<void>((go) => void clock.setTimer(go, delayMs));
    const unlucky = (faults?.next() ?? 1) < (faults?.failureRate ?? 0);
    if (failures === 0 && !unlucky) return;
    failures = Math.max(0, failures - 1);
    throw error();
  }

  /** Writes keep their order: each begins when the one before has passed its fault, not when it has finished. */
  async function write<Result>(perform: () => Promise<Result>): Promise<Result> {
    const disturbed = turn.then(disturb);
    turn = disturbed.catch(() => undefined);
    held += 1;
    await disturbed.finally(() => {
      held -= 1;
    });
    return perform();
  }

  return {
    get incarnation() {
      return inner.incarnation;
    },
    get held() {
      return held;
    },
    fail(count) {
      failures = count;
    },
    hold() {
      if (openGate !== undefined) return;
      gate = new Promise((resolve) => {
        openGate = resolve;
      });
    },
    release() {
      openGate?.();
      openGate = undefined;
    },
    commit: (commit) => write(() => inner.commit(commit)),
    trim: (topic, offset) => write(() => inner.trim(topic, offset)),
    reset: (topic, epoch) => write(() => inner.reset(topic, epoch)),
    writeSnapshot: (topic, position, chunks, segments) =>
      write(() => inner.writeSnapshot(topic, position, chunks, segments)),
    writeSegment: (topic, place, chunks) => write(() => inner.writeSegment(topic, place, chunks)),
    readSegment: (topic, name, from, count) => inner.readSegment(topic, name, from, count),
    read: (topic, from, limits) => inner.read(topic, from, limits),
    heads: (topics) => inner.heads(topics),
    get: (key) => inner.get(key),
    list: (prefix, listOptions) => inner.list(prefix, listOptions),
    readSnapshot: (topic) => inner.readSnapshot(topic),
    close: () => inner.close(),
  };
}

function ioError(): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", { cause: new Error("EIO: input/output error (injected)") });
}
