import type { BinaryEntry, TopicContext } from "@plexline/server";
import type { ResolvedOptions } from "../options.ts";
import type { DocumentState } from "./document-state.ts";
import { createLane } from "./lane.ts";
import { type Loaded, loadDocument, takeEntry } from "./load.ts";

/** Pause before the log is read again after a failure. */
const RETRY_MS = 1_000;

/** Brings what is in the log into a document's state. */
export interface LogReader {
  /** Resolves when the state can be used; null when it can. */
  readonly loading: Promise<void> | null;
  /** Reads the document. Rejects when the storage does. */
  load(): Promise<void>;
  /** Forgets the document and reads it anew, until that succeeds. */
  reload(): Promise<void>;
  /** Takes what another node has stored. */
  take(entry: BinaryEntry): void;
}

/**
 * @param onLoaded Told what has been read.
 * @param onTaken Told that an entry has been taken.
 */
export function createLogReader(
  topic: TopicContext,
  { worker, limits }: ResolvedOptions,
  state: DocumentState,
  onLoaded: (loaded: Loaded) => void,
  onTaken: () => void,
): LogReader {
  const scanner = { worker, scanBytesMax: limits.scanBytesMax };
  const lane = createLane();
  let loading: Promise<void> | null = null;

  const load = async (): Promise<void> => onLoaded(await loadDocument(topic, state, scanner));
  const loadAtLast = async (): Promise<void> => {
    while (!topic.signal.aborted) {
      try {
        return await load();
      } catch (error) {
        topic.log.warn({ action: "yjs.load.failed", topic: topic.topic, error });
        await pause(topic, RETRY_MS);
      }
    }
  };
  const takeInTurn = async (entry: BinaryEntry): Promise<void> => {
    await loading;
    await takeEntry(topic, state, scanner, entry);
    onTaken();
  };

  return {
    get loading() {
      return loading;
    },
    load,
    reload() {
      state.reset();
      const reading: Promise<void> = Promise.resolve(loading)
        .then(loadAtLast)
        .finally(() => {
          if (loading === reading) loading = null;
        });
      loading = reading;
      return reading;
    },
    take(entry) {
      if (lane.isFree && !loading && entry.payload.length <= limits.scanBytesMax) {
        // Short ones are taken at once.
        void takeEntry(topic, state, scanner, entry);
        onTaken();
        return;
      }
      lane
        .run(entry.payload.length, () => takeInTurn(entry))
        .catch((error: unknown) => {
          // The state stays below it: what it held is asked for and stored again.
          topic.log.warn({ action: "yjs.entry.dropped", topic: topic.topic, offset: entry.offset, error });
        });
    },
  };
}

/** Waits, unless the room closes. */
function pause({ clock, signal }: TopicContext, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setTimer(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
