import type { Position } from "@plexline/protocol";
import type { Evidence } from "../checker.ts";
import { type Happening, type SeatName, UNTOLD_EPOCH } from "../history.ts";
import type { TopicAddress } from "../topics.ts";

export function* checkSubscribers({ history, end, settings }: Evidence): Generator<string> {
  const readers = new Map<string, Reader>();
  for (const happening of history.happenings) {
    if (!("seat" in happening)) continue;
    const name = nameOf(happening.seat);
    const reader = readers.get(name) ?? new Reader();
    readers.set(name, reader);
    const mistake = reader.follow(happening);
    if (mistake !== null) yield `${name}: ${mistake}`;
    const isTrimmed = settings.entriesMax <= end.archived.length;
    if (happening.kind === "gap" && happening.seat.topic === "disk:1" && !isTrimmed)
      yield `${name}: was told of a gap although everything is there`;
    if (happening.kind === "left" && happening.error !== null && happening.error !== "CLIENT_CLOSED")
      yield `${name}: was thrown out with ${happening.error}`;
  }
  for (const { seats } of end.actors) {
    for (const { name, isWanted } of seats) {
      const head = end.heads.get(name.topic as TopicAddress) ?? null;
      const cursor = readers.get(nameOf(name))?.cursor ?? null;
      if (isWanted && !isSame(head, cursor))
        yield `${nameOf(name)}: ended at ${told(cursor)}, the log at ${told(head)}`;
    }
  }
}

/** Follows what one handle is told of one topic, and knows what has to come next. */
class Reader {
  /** The last offset seen, or where the handle was told to start. */
  cursor: Position | null = null;

  /** What is wrong with the next event; null when nothing is. */
  follow(event: Extract<Happening, { seat: SeatName }>): string | null {
    if (event.kind === "left") {
      this.cursor = null;
      return null;
    }
    const { position } = event;
    if (position === null) return null;
    const cursor = this.cursor && inEpochOf(position, this.cursor);
    if (cursor === null) {
      this.cursor = position;
      return null;
    }
    if (event.kind === "gap") {
      this.cursor = position;
      return position.epoch === cursor.epoch && position.offset < cursor.offset
        ? `was sent back from ${told(cursor)} to ${told(position)}`
        : null;
    }
    if (event.kind === "subscribed") {
      const isAhead = position.epoch !== cursor.epoch || position.offset > cursor.offset;
      if (!isAhead) return null;
      this.cursor = position;
      return `was moved from ${told(cursor)} to ${told(position)} without being told of a gap`;
    }
    this.cursor = position;
    return position.epoch === cursor.epoch && position.offset === cursor.offset + 1
      ? null
      : `saw ${told(position)} after ${told(cursor)}`;
  }
}

/** The cursor with the epoch that is told at last. */
function inEpochOf({ epoch }: Position, cursor: Position): Position {
  return cursor.epoch === UNTOLD_EPOCH ? { epoch, offset: cursor.offset } : cursor;
}

function isSame(a: Position | null, b: Position | null): boolean {
  return a?.epoch === b?.epoch && a?.offset === b?.offset;
}

function nameOf({ client, topic, handle }: SeatName): string {
  return `${client}/${topic}#${handle}`;
}

function told(position: Position | null): string {
  return position === null ? "nowhere" : `${position.epoch}:${position.offset}`;
}
