import { PlexlineError } from "@plexline/protocol";
import type { Clock, Timer } from "@plexline/server";
import type { UpdateScan } from "../update/update-scan.ts";
import { isKnown } from "./classify.ts";
import type { DocumentState } from "./document-state.ts";
import type { Settle } from "./in-flight.ts";

/** How much may wait, and how long. */
export interface GapLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  readonly ageMaxMs: number;
}

/** Updates that something is missing for. Their bytes are not kept: who sent them sends them again. */
export interface Gaps {
  readonly count: number;
  /** An update waits from now on. Too many or too large ones make the oldest give way. */
  add(scan: UpdateScan, bytes: number, settle: Settle): void;
  /** Takes out those whose structs and deletions the document has by now, and hands over how they are to be settled. */
  takeCovered(): Settle[];
  /** Answers all that wait. */
  clear(error: PlexlineError): void;
}

interface Waiting {
  readonly scan: UpdateScan;
  readonly bytes: number;
  readonly settle: Settle;
  readonly dueMs: number;
}

/** Updates in a gap, with one timer for their end [DC8]. */
export function createGaps(clock: Clock, state: DocumentState, limits: GapLimits): Gaps {
  /** The oldest first. */
  const waiting = new Set<Waiting>();
  let bytes = 0;
  let timer: Timer | undefined;

  const remove = (gap: Waiting): void => {
    waiting.delete(gap);
    bytes -= gap.bytes;
    if (waiting.size > 0) return;
    timer?.cancel();
    timer = undefined;
  };
  /** Answers the oldest for as long as there is one to be answered. */
  const expireWhile = (isOver: (gap: Waiting) => boolean, why: string): void => {
    for (const gap of waiting) {
      if (!isOver(gap)) return;
      remove(gap);
      gap.settle(gapError(why));
    }
  };
  const onTimer = (): void => {
    timer = undefined;
    const nowMs = clock.monotonicMs();
    expireWhile(({ dueMs }) => dueMs <= nowMs, "it has been waited for long enough");
    schedule();
  };
  const schedule = (): void => {
    const [oldest] = waiting;
    if (oldest && !timer) timer = clock.setTimer(onTimer, Math.max(0, oldest.dueMs - clock.monotonicMs()));
  };

  return {
    get count() {
      return waiting.size;
    },
    add(scan, size, settle) {
      waiting.add({ scan, bytes: size, settle, dueMs: clock.monotonicMs() + limits.ageMaxMs });
      bytes += size;
      const isFull = () => waiting.size > limits.entriesMax || bytes > limits.bytesMax;
      expireWhile(isFull, "too much waits for what is missing");
      schedule();
    },
    takeCovered() {
      const covered = [...waiting].filter(({ scan }) => isKnown(state, scan));
      for (const gap of covered) remove(gap);
      return covered.map(({ settle }) => settle);
    },
    clear(error) {
      const all = [...waiting];
      for (const gap of all) remove(gap);
      for (const { settle } of all) settle(error);
    },
  };
}

/** The error of an update that something is missing for. */
export function gapError(why: string): PlexlineError {
  return new PlexlineError("UPDATE_GAP", {
    message: `Something before the update is missing, and ${why}.`,
    fix: "Answer sync-request with all that the document lacks; what refers to it can be taken then.",
  });
}
