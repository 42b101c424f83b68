import type { ErrorBody, GapMessage, Position } from "@plexline/protocol";

/** Rows kept; the oldest go first, never one that is still waiting for its ack. */
export const ROWS_MAX = 500;

/** `sending` until the server's ack or push says it is durable; `failed` when it said no. */
export type MessageState = "sending" | "saved" | "failed";

export interface MessageRow {
  readonly kind: "message";
  /** Stays the same when the push replaces the optimistic row, so that the row does not jump. */
  readonly id: string;
  /** Idempotency key, if it was published with one. */
  readonly key: string | null;
  readonly user: string;
  readonly text: string;
  readonly atMs: number;
  /** Null until the server has told it. */
  readonly offset: number | null;
  /** Counts the log's epochs as this page saw them: offsets of two eras cannot be compared. */
  readonly era: number;
  readonly state: MessageState;
  /** It was missed and then recovered, not received live. */
  readonly recovered: boolean;
  readonly error: ErrorBody | null;
}

/** Something about the log itself, between two messages. */
export interface NoticeRow {
  readonly kind: "start" | "gap";
  readonly id: string;
  readonly era: number;
  /** The notice stands after this offset. */
  readonly offset: number;
  readonly reason: GapMessage["reason"] | null;
}

export type LogRow = MessageRow | NoticeRow;

/** What one pane shows of a channel's log: rows in the order of the log, then what is not in it yet. */
export interface MessageLog {
  readonly rows: readonly LogRow[];
  /** The pane's own user: only their pushes may replace an optimistic row. */
  readonly self: string;
  readonly epoch: string | null;
  readonly era: number;
}

export type LogAction =
  /** The user pressed Enter. */
  | { readonly type: "sent"; readonly key: string; readonly text: string; readonly atMs: number }
  /** The server answered the publish. */
  | { readonly type: "acked"; readonly key: string; readonly position: Position | null }
  | { readonly type: "refused"; readonly key: string; readonly error: ErrorBody }
  | { readonly type: "retried"; readonly key: string }
  | { readonly type: "discarded"; readonly key: string }
  /** A publication arrived. */
  | {
      readonly type: "pushed";
      readonly text: string;
      readonly user: string;
      readonly atMs: number;
      readonly offset: number;
      readonly key: string | null;
      readonly recovered: boolean;
    }
  | { readonly type: "subscribed"; readonly position: Position | null }
  | { readonly type: "gap"; readonly position: Position; readonly reason: GapMessage["reason"] };

export function emptyLog(self: string): MessageLog {
  return { rows: [], self, epoch: null, era: 0 };
}

/** The next log after something happened. Pure: the page, its tests and a replay agree on what is shown. */
export function reduceLog(log: MessageLog, action: LogAction): MessageLog {
  switch (action.type) {
    case "sent":
      return withRows(log, [...log.rows, optimisticRow(log, action)]);
    case "acked":
      return acked(log, action.key, action.position);
    case "refused":
      return updateOwn(log, action.key, (row) =>
        row.state === "saved" ? row : { ...row, state: "failed", error: action.error },
      );
    case "retried":
      return updateOwn(log, action.key, (row) =>
        row.state === "failed" ? { ...row, state: "sending", error: null } : row,
      );
    case "discarded":
      return withRows(
        log,
        log.rows.filter((row) => !isOwn(row, log, action.key) || row.state !== "failed"),
      );
    case "pushed":
      return pushed(log, action);
    case "subscribed":
      return subscribed(log, action.position);
    case "gap":
      return gap(log, action.position, action.reason);
  }
}

/** How many own messages wait for their ack, and how many were refused. */
export function countUnsaved(log: MessageLog): { sending: number; failed: number } {
  let sending = 0;
  let failed = 0;
  for (const row of log.rows) {
    if (row.kind !== "message") continue;
    if (row.state === "sending") sending += 1;
    if (row.state === "failed") failed += 1;
  }
  return { sending, failed };
}

function optimisticRow(log: MessageLog, action: LogAction & { type: "sent" }): MessageRow {
  return {
    kind: "message",
    id: action.key,
    key: action.key,
    user: log.self,
    text: action.text,
    atMs: action.atMs,
    offset: null,
    era: log.era,
    state: "sending",
    recovered: false,
    error: null,
  };
}

function acked(log: MessageLog, key: string, position: Position | null): MessageLog {
  const known = position !== null && position.epoch === log.epoch;
  return updateOwn(log, key, (row) => ({
    ...row,
    state: "saved",
    error: null,
    ...(known && row.offset === null ? { offset: position.offset, era: log.era } : {}),
  }));
}

function pushed(log: MessageLog, action: LogAction & { type: "pushed" }): MessageLog {
  const own = log.rows.find((row) => action.user === log.self && isOwn(row, log, action.key));
  const shown = log.rows.some((row) => row !== own && isAt(row, log.era, action.offset));
  if (shown) return log;
  const row: MessageRow = {
    kind: "message",
    id: own?.id ?? `${log.era}:${action.offset}`,
    key: action.key,
    user: action.user,
    text: action.text,
    atMs: action.atMs,
    offset: action.offset,
    era: log.era,
    state: "saved",
    recovered: action.recovered,
    error: null,
  };
  return withRows(log, [...log.rows.filter((other) => other !== own), row]);
}

function subscribed(log: MessageLog, position: Position | null): MessageLog {
  if (!position) return log;
  const next = inEpoch(log, position.epoch);
  const first = log.epoch === null && position.offset > 0;
  return first ? withRows(next, [...next.rows, notice(next, "start", position.offset, null)]) : next;
}

function gap(log: MessageLog, position: Position, reason: GapMessage["reason"]): MessageLog {
  const next = inEpoch(log, position.epoch);
  const row = notice(next, "gap", position.offset, reason);
  return next.rows.some((other) => other.id === row.id) ? next : withRows(next, [...next.rows, row]);
}

function notice(
  log: MessageLog,
  kind: NoticeRow["kind"],
  offset: number,
  reason: NoticeRow["reason"],
): NoticeRow {
  return { kind, id: `${kind}:${log.era}:${offset}`, era: log.era, offset, reason };
}

function inEpoch(log: MessageLog, epoch: string): MessageLog {
  if (log.epoch === epoch) return log;
  return { ...log, epoch, era: log.epoch === null ? log.era : log.era + 1 };
}

function isOwn(row: LogRow, log: MessageLog, key: string | null): row is MessageRow {
  return row.kind === "message" && key !== null && row.key === key && row.user === log.self;
}

function isAt(row: LogRow, era: number, offset: number): boolean {
  return row.kind === "message" && row.era === era && row.offset === offset;
}

function updateOwn(log: MessageLog, key: string, change: (row: MessageRow) => MessageRow): MessageLog {
  if (!log.rows.some((row) => isOwn(row, log, key))) return log;
  return withRows(
    log,
    log.rows.map((row) => (isOwn(row, log, key) ? change(row) : row)),
  );
}

function withRows(log: MessageLog, rows: readonly LogRow[]): MessageLog {
  const sorted = rows.toSorted(compareRows);
  let surplus = sorted.length - ROWS_MAX;
  const kept = sorted.filter((row) => {
    if (surplus <= 0 || (row.kind === "message" && row.state !== "saved")) return true;
    surplus -= 1;
    return false;
  });
  return { ...log, rows: kept };
}

/** By era, then offset; what has no offset yet comes last, in the order it was written. */
function compareRows(a: LogRow, b: LogRow): number {
  if (a.offset === null || b.offset === null) return Number(a.offset === null) - Number(b.offset === null);
  return a.era - b.era || a.offset - b.offset || rankOf(a) - rankOf(b);
}

/** A notice stands after the message with its offset. */
function rankOf(row: LogRow): number {
  return row.kind === "message" ? 0 : 1;
}
