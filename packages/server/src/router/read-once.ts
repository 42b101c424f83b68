import { type LogWindow, PlexlineError, type Position } from "@plexline/protocol";
import type { ReadOptions, ReadResult } from "../feature/endpoint.ts";
import type { LiveTopic } from "./live-topic.ts";
import type { ReadPage } from "./recent-entries.ts";
import { recoveryStep } from "./recovery.ts";

const ENTRIES_MAX = 1_000;
const BYTES_DEFAULT = 256 * 1024;
const BYTES_MAX = 1024 * 1024;

/** Reads the events of a topic's log once, for somebody who does not subscribe: a subscriber's first step of recovery. */
export async function readOnce(live: LiveTopic, options: ReadOptions): Promise<ReadResult> {
  const limits = limitsOf(options);
  const { since } = options;
  if (typeof since === "object") await live.reach(since);
  const window = live.window;
  if (window === null)
    throw new PlexlineError("OPERATION_UNSUPPORTED", { message: "This topic keeps no log." });
  if (since === "head") return { events: [], position: headOf(window), window, gap: null };
  const reader = since === "start" ? { epoch: window.epoch, offset: window.floor } : since;
  const page = await live.read(reader.offset, limits);
  const step = recoveryStep(reader, page, window.head);
  if (step.kind === "deliver") return taken(reader, page, null);
  // A position ahead of the head is nobody's: nothing before the head was promised to follow it.
  const isAhead = step.reason === "reset" && page.epoch === reader.epoch;
  if (isAhead) return { events: [], position: step.position, window: windowOf(page), gap: step.reason };
  const oldest = { epoch: page.epoch, offset: page.floor };
  // What it asked from the start of may have been dropped meanwhile, which is no gap to it.
  return taken(oldest, await live.read(oldest.offset, limits), since === "start" ? null : step.reason);
}

/** The page as it was read, from the oldest that it could have. */
function taken(reader: Position, page: ReadPage, gap: ReadResult["gap"]): ReadResult {
  const events = page.entries.flatMap(({ push }) => push ?? []);
  const offset = page.entries.at(-1)?.offset ?? Math.min(Math.max(reader.offset, page.floor), page.head);
  return { events, position: { epoch: page.epoch, offset }, window: windowOf(page), gap };
}

function limitsOf({ entriesMax = ENTRIES_MAX, bytesMax = BYTES_DEFAULT }: ReadOptions) {
  return {
    entriesMax: Math.min(Math.max(entriesMax, 1), ENTRIES_MAX),
    bytesMax: Math.min(Math.max(bytesMax, 1), BYTES_MAX),
  };
}

function windowOf({ epoch, head, floor }: LogWindow): LogWindow {
  return { epoch, head, floor };
}

function headOf({ epoch, head }: LogWindow): Position {
  return { epoch, offset: head };
}
