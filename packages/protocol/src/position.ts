/**
 * Where a publication stands in the log of its topic. `offset` rises by one for each entry, from 1; 0 means
 * "before the first". `epoch` names one incarnation of the log: offsets of two epochs cannot be compared.
 * The pair is Centrifugo's stream position.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Whether two positions name the same place. */
export function positionsEqual(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}

/** What a log still holds: its epoch, the offset of its last entry and the offset before its oldest one. */
export interface LogWindow {
  readonly epoch: string;
  /** Offset of the last durable entry; 0 when the log is empty. */
  readonly head: number;
  /** Offset of the newest entry that has been trimmed away; 0 when nothing has been. */
  readonly floor: number;
}

/**
 * Whether everything after `since` can be given from `window`, complete and in order. A position ahead of the
 * head or below the floor, or of another epoch, cannot be continued: the subscriber is told of a gap.
 */
export function isRecoverable(since: Position, window: LogWindow): boolean {
  return since.epoch === window.epoch && since.offset <= window.head && since.offset >= window.floor;
}
