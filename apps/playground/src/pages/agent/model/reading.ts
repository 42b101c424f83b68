import { type RunState, runFold } from "@plexline/features/client";
import type { Position } from "@plexline/protocol";

/** An entry of the log, without its place. */
export type Entry = Omit<Parameters<typeof runFold.apply>[1], "offset">;

/** What is told of a run, the same whichever way it comes. */
export type Told =
  /** Everything so far, in one value; null where it is too large to be told. */
  | { readonly kind: "snapshot"; readonly state: RunState | null; readonly position: Position }
  | { readonly kind: "event"; readonly event: Entry; readonly position: Position }
  /** What was missed cannot be had any more; a snapshot follows. */
  | { readonly kind: "gap" }
  /** The run is over, and all of it was told. */
  | { readonly kind: "end" };

/** An answer to an input request, as the log has it. */
export interface Answer {
  readonly ask: string;
  readonly data: unknown;
  readonly isDeclined: boolean;
}

/** A run as far as it was read, and what it took. */
export interface Reading {
  readonly state: RunState | null;
  readonly position: Position | null;
  /** Events that were told, each once. */
  readonly events: number;
  /** Events that had been told before, and were dropped. */
  readonly duplicates: number;
  /** Holes: events that were left out, or are gone for good. */
  readonly gaps: number;
  /** Answers that were given since this reader came. */
  readonly answers: readonly Answer[];
  readonly ended: boolean;
}

export const NOTHING_READ: Reading = {
  state: null,
  position: null,
  events: 0,
  duplicates: 0,
  gaps: 0,
  answers: [],
  ended: false,
};

/** Takes what was told next. Nothing is believed of the way that it came: places are looked at here. */
export function read(reading: Reading, told: Told): Reading {
  switch (told.kind) {
    case "snapshot":
      return { ...reading, state: told.state, position: told.position };
    case "gap":
      return { ...reading, gaps: reading.gaps + 1, position: null };
    case "end":
      return { ...reading, ended: true };
    case "event":
      return readEvent(reading, told);
  }
}

function readEvent(reading: Reading, { event, position }: Told & { kind: "event" }): Reading {
  const { position: before, state, gaps, answers } = reading;
  const isSameLog = before !== null && before.epoch === position.epoch;
  // A newcomer's snapshot covers the end of a closed run, which is told once more all the same.
  if (isSameLog && position.offset === before.offset && event.event === "close" && !reading.ended)
    return { ...reading, ended: true };
  if (isSameLog && position.offset <= before.offset)
    return { ...reading, duplicates: reading.duplicates + 1 };
  const isHole = isSameLog && position.offset > before.offset + 1;
  return {
    ...reading,
    state: state && runFold.apply(state, { ...event, offset: position.offset }),
    position,
    events: reading.events + 1,
    gaps: isHole ? gaps + 1 : gaps,
    answers: [...answers, ...answerOf(event)],
    ended: reading.ended || event.event === "close",
  };
}

function answerOf({ event, payload }: Entry): readonly Answer[] {
  if (event !== "request" || typeof payload !== "object" || payload === null) return [];
  const { ask, data, status } = payload as { ask?: unknown; data?: unknown; status?: unknown };
  return typeof ask === "string" ? [{ ask, data, isDeclined: status === "declined" }] : [];
}

/** Whether nobody has begun the run yet. */
export function isAbsent({ position, state }: Reading): boolean {
  return position !== null && position.offset === 0 && state?.status === "queued";
}
