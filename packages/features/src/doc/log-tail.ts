import { type LogWindow, PlexlineError } from "@plexline/protocol";
import type { BinaryEntry, TopicContext } from "@plexline/server";
import { turnOf } from "./stored-segment.ts";

const PAGE_LIMITS = { entriesMax: 1_000, bytesMax: 256 * 1024 };

/**
 * The binary entries after an offset up to the head of a window, read in pages as they are asked for, with other work between
 * two of them. Throws a PlexlineError STORAGE_UNAVAILABLE if the log is another one by then, or entries of it are gone.
 */
export async function* readTail(
  topic: TopicContext,
  { epoch, head }: Pick<LogWindow, "epoch" | "head">,
  from: number,
): AsyncGenerator<BinaryEntry> {
  for (let at = from; at < head; ) {
    if (at > from) await turnOf(topic);
    const page = await topic.readEntries(at, PAGE_LIMITS);
    if (page.epoch !== epoch || page.floor > at) throw logChanged();
    if (page.entries.length === 0) return;
    for (const entry of page.entries) {
      if (entry.offset > head) return;
      at = entry.offset;
      yield entry;
    }
  }
}

/** What is read belongs to another log than what was read before. */
export function logChanged(): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: "The document's log changed while it was being read.",
    fix: "Ask again.",
  });
}
