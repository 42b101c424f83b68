import { PlexlineError, type Position } from "@plexline/protocol";
import { formatCursor, parseCursor } from "../cursor.ts";
import type { StreamLogEvent } from "../transport.ts";
import type { StreamMeta } from "./events.ts";
import type { StreamHandleOptions } from "./handle.ts";

/** Where a handle begins; undefined: at what comes next. */
export function sinceOf<State>({ since, fold }: StreamHandleOptions<State>): Position | "start" | undefined {
  if (since === undefined) return fold === undefined ? "start" : undefined;
  if (since === "now") return undefined;
  if (since === "start" || typeof since === "object") return since;
  const position = parseCursor(since);
  if (position !== null) return position;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `since is not a cursor: "${since.slice(0, 64)}".`,
    fix: 'Give a cursor of an earlier event as it was, "start" or "now".',
  });
}

/** What is told of an event beside its payload. */
export function metaOf({ position, atMs, user }: StreamLogEvent): StreamMeta {
  return {
    offset: position.offset,
    cursor: formatCursor(position),
    position,
    ...(atMs === undefined ? {} : { atMs }),
    ...(user === undefined ? {} : { user }),
  };
}
