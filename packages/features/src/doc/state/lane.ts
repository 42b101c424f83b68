import { PlexlineError } from "@plexline/protocol";

/** Messages of one member that wait for one before them. */
export interface Lane {
  /** Whether nothing is under way. */
  readonly isFree: boolean;
  /** Runs a task after those before it. Throws OVERLOADED when too much waits already. */
  run(bytes: number, task: () => Promise<void>): Promise<void>;
}

/** Messages that may wait; more than a connection may send before the server stops reading it. */
const ENTRIES_MAX = 600;
/** Bytes that may wait beside the one under way. */
const BYTES_MAX = 8 * 1024 * 1024;

/** Keeps the messages of one member in their order while one of them takes time. */
export function createLane(): Lane {
  let entries = 0;
  let bytes = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    get isFree() {
      return entries === 0;
    },
    async run(size, task) {
      if (entries > 0 && (entries >= ENTRIES_MAX || bytes + size > BYTES_MAX)) throw laneFull();
      // The one under way does not count: it may be larger than everything that may wait.
      const waits = entries > 0 ? size : 0;
      entries += 1;
      bytes += waits;
      const result = last.then(task);
      const settled = (): void => {
        entries -= 1;
        bytes -= waits;
      };
      last = result.then(settled, settled);
      return result;
    },
  };
}

function laneFull(): PlexlineError {
  return new PlexlineError("OVERLOADED", {
    message: "Too much waits for a large update to be checked.",
    fix: "Send it again when the large one is settled.",
  });
}
