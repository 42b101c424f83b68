import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { formatCursor, parseCursor } from "../../cursor.ts";
import { STREAM_COMMAND, STREAM_EVENT, type StreamFold, type StreamInfo } from "../../protocol.ts";
import { type RunState, runFold } from "../../run/fold.ts";
import type { ToldEvent } from "../../run/run-event.ts";

/** Where a run stands, for somebody who comes. */
export interface Standing {
  readonly position: Position;
  /** Null if it is too large to be told [ST28], or of a stream that has another fold. */
  readonly state: RunState | null;
  readonly status: string | null;
  readonly closed: boolean;
  /** The run's `close`, if the state covers it: it will not be told again. */
  readonly end: ToldEvent | null;
}

/** Reads where a run stands; of one that is not there, how it begins. Rejects with a PlexlineError. */
export async function readStanding(ws: EndpointSession, topic: string): Promise<Standing> {
  const fold = await ask<StreamFold<RunState>>(ws, topic, STREAM_COMMAND.fold);
  const info = fold && (await ask<StreamInfo>(ws, topic, STREAM_COMMAND.info));
  if (!fold || !info) {
    const { position } = await ws.read(topic, { since: "head" });
    const state = runFold.initial();
    return { position, state, status: state.status, closed: false, end: null };
  }
  const { state, position } = fold;
  const isEnd = info.closed !== null && (await endsAt(ws, topic, position));
  const end = isEnd ? endOf(info, position) : null;
  return { position, state, status: state?.status ?? null, closed: info.closed !== null, end };
}

/** Whether nothing will ever follow a position, because the run has ended before it. */
export async function isOver(ws: EndpointSession, topic: string, position: Position): Promise<boolean> {
  const info = await ask<StreamInfo>(ws, topic, STREAM_COMMAND.info);
  if (!info || info.closed === null || info.position.epoch !== position.epoch) return false;
  return endsAt(ws, topic, position);
}

/** The position that a client names; null if it names none. */
export function readCursor(text: string | null | undefined): Position | null {
  if (text === null || text === undefined || text === "") return null;
  const position = parseCursor(text);
  if (position !== null) return position;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: "The cursor is none of this server's.",
    fix: "Send the cursor of the last event as it was told, or none to begin with the snapshot.",
  });
}

/** Whether the entry at a position is the run's `close`, or that has been dropped already. */
async function endsAt(ws: EndpointSession, topic: string, { epoch, offset }: Position): Promise<boolean> {
  if (offset === 0) return false;
  const since = { epoch, offset: offset - 1 };
  const { events, window, gap } = await ws.read(topic, { since, entriesMax: 1 });
  if (gap !== null) return window.epoch === epoch && window.floor >= offset && window.head === offset;
  return events[0]?.event === STREAM_EVENT.close;
}

function endOf({ closed }: StreamInfo, position: Position): ToldEvent {
  const data = closed?.final === undefined ? {} : { final: closed.final };
  return { type: "close", data, cursor: formatCursor(position) };
}

/** The output of a command that reads; null if there is no such stream. */
async function ask<Output>(ws: EndpointSession, topic: string, command: string): Promise<Output | null> {
  try {
    return (await ws.call(topic, command, undefined)).output as Output;
  } catch (error) {
    if (error instanceof PlexlineError && error.code === "STREAM_ABSENT") return null;
    throw error;
  }
}
