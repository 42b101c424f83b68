import type { LogWindow } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { logChanged } from "./log-tail.ts";
import { mergePage } from "./merged-page.ts";

/** What of the log is read at once. */
const ENTRIES_MAX = 1_000;
const BYTES_MAX = 256 * 1024;
/** Bytes that are shared with those who come later. Whoever comes later to more of it than that reads the rest for themselves. */
const SHARED_BYTES_MAX = 1024 * 1024;
/** Runs that are shared. A document that is typed into grows by one with each who joins; from time to time it is read as one again. */
const RUNS_MAX = 32;

/** The log behind a snapshot, for all who join meanwhile: read and merged once, so that a hundred keystrokes are one message. */
export interface SharedTail {
  /**
   * The updates after an offset up to the head of a window, and maybe some that came since. Read as they are asked for; throws as
   * `readTail` does.
   */
  updates(window: Pick<LogWindow, "epoch" | "head">, from: number): AsyncGenerator<Uint8Array>;
  /** What is held of it. */
  readonly bytes: number;
  /** Holds nothing of it. */
  drop(): void;
}

/** Entries of the log, merged. */
interface Run {
  /** Offset of the last of them. */
  readonly to: number;
  readonly updates: readonly Uint8Array[];
}

export function createSharedTail(topic: TopicContext): SharedTail {
  /** The log that they are of. */
  let epoch = "";
  /** By the offset that they begin after. */
  let runs = new Map<number, Promise<Run>>();
  let bytes = 0;
  const drop = (): void => {
    runs = new Map();
    bytes = 0;
  };
  const share = (window: Pick<LogWindow, "epoch" | "head">, from: number): Promise<Run> => {
    if (runs.size >= RUNS_MAX) drop();
    const own = runs;
    const forget = (): void => {
      if (own.get(from) === reading) own.delete(from);
    };
    const reading = readRun(topic, window, from);
    own.set(from, reading);
    reading.then(({ updates }) => {
      if (runs !== own) return;
      const length = updates.reduce((sum, update) => sum + update.length, 0);
      if (bytes + length > SHARED_BYTES_MAX) forget();
      else bytes += length;
    }, forget);
    return reading;
  };
  const runAfter = (window: Pick<LogWindow, "epoch" | "head">, from: number): Promise<Run> => {
    if (window.epoch !== epoch) drop();
    epoch = window.epoch;
    return runs.get(from) ?? share(window, from);
  };
  return {
    async *updates(window, from) {
      for (let at = from; at < window.head; ) {
        const { updates, to } = await runAfter(window, at);
        yield* updates;
        at = to;
      }
    },
    get bytes() {
      return bytes;
    },
    drop,
  };
}

async function readRun(
  topic: TopicContext,
  { epoch, head }: Pick<LogWindow, "epoch" | "head">,
  from: number,
): Promise<Run> {
  const entriesMax = Math.min(ENTRIES_MAX, head - from);
  const page = await topic.readEntries(from, { entriesMax, bytesMax: BYTES_MAX });
  if (page.epoch !== epoch || page.floor > from) throw logChanged();
  const to = page.entries.at(-1)?.offset ?? head;
  return { to, updates: await mergePage(topic, page.entries) };
}
