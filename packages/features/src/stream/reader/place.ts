import type { Position } from "@plexline/protocol";
import { parseCursor } from "../cursor.ts";
import type { Leg } from "./leg.ts";
import type { WireMessage } from "./wire.ts";

/** The place that a message tells; null where it tells none. */
export function placeOf({ cursor }: WireMessage): Position | null {
  return typeof cursor === "string" ? parseCursor(cursor) : null;
}

/** Whether one who stands at `here` has all until `there`. */
export function hasReached(here: Position | null, there: Position | null): boolean {
  if (there === null) return true;
  return here !== null && here.epoch === there.epoch && here.offset >= there.offset;
}

/**
 * Where a reader stands. Several wires may tell it the same events: each tells them in order and without holes from a place that the
 * reader had reached, so that whatever is beyond the reader's place is the next one, whoever tells it.
 */
export class ReaderPlace {
  position: Position | null;

  constructor(position: Position | null) {
    this.position = position;
  }

  /**
   * Notes an event or a snapshot of a wire; false for what the reader has been told already. The end of a run is told under the
   * cursor of the snapshot that covers it.
   */
  take(leg: Leg, at: Position, isEnd = false): boolean {
    leg.position = at;
    const { position } = this;
    const isBeyond = (here: Position) => at.offset > here.offset || (isEnd && at.offset === here.offset);
    const isNew = position === null || leg.isBehindGap || (at.epoch === position.epoch && isBeyond(position));
    if (!isNew) return false;
    leg.isBehindGap = false;
    this.position = at;
    return true;
  }
}
