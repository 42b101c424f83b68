import type { Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { HttpRefusal } from "../../../http/failure.ts";
import { parseCursor } from "../../cursor.ts";
import type { StreamInfo } from "../../protocol.ts";
import { refuse } from "./failure.ts";
import { recordOf, tailOf } from "./record.ts";

/** The whole stream, and only what comes. */
const START = "-1";
const NOW = "now";

/** Reads the `offset` of a request; null if there is none [DS13]. */
export function readOffset(query: URLSearchParams): string | null {
  const all = query.getAll("offset");
  if (all.length > 1) throw malformed();
  return all[0] === undefined ? null : checkOffset(all[0]);
}

/** Takes an offset from untrusted input. */
export function checkOffset(text: string): string {
  if (text !== START && text !== NOW && parseCursor(text) === null) throw malformed();
  return text;
}

export function isNow(offset: string | null): boolean {
  return offset === NOW;
}

/**
 * The position that an offset stands for: one of the stream's own epoch as it is, one that a fork has inherited as the
 * fork's own. What is of any other epoch, or beyond the end, was told by a log that is gone: 410, never a guess [DS14].
 */
export function placeOf(offset: string | null, info: StreamInfo): Position {
  const { epoch } = info.position;
  if (offset === null || offset === START) return { epoch, offset: 0 };
  if (offset === NOW) return tailOf(info);
  const position = parseCursor(offset);
  if (position === null) throw malformed();
  // Who has read nothing misses nothing, whatever has become of the log.
  if (position.offset === 0) return { epoch, offset: 0 };
  if (position.epoch === epoch) {
    if (position.offset > info.position.offset) throw gone("It is beyond the end of the stream.");
    return position;
  }
  for (const { epoch: theirs, offset: last, here } of recordOf(info).fork?.ancestors ?? []) {
    if (position.epoch !== theirs) continue;
    if (position.offset === last) return { epoch, offset: here };
    if (position.offset < last && last === here) return { epoch, offset: position.offset };
  }
  throw gone("It is of a log that this stream does not have any more.");
}

/**
 * The same for a reader, who may have been told of what is durable before this node has announced it, here or by another node:
 * the log is looked at again before an offset is taken for one beyond the end.
 */
export async function reachPlace(
  session: Pick<EndpointSession, "read">,
  topic: string,
  offset: string | null,
  info: StreamInfo,
): Promise<Position> {
  const position = offset === null ? null : parseCursor(offset);
  const { epoch, offset: head } = info.position;
  if (position === null || position.epoch !== epoch || position.offset <= head) return placeOf(offset, info);
  const { gap } = await session.read(topic, { since: position, entriesMax: 1 });
  return gap === "reset" ? placeOf(offset, info) : position;
}

/** What an offset is told that cannot be continued. */
export function gone(why: string): HttpRefusal {
  return refuse(410, `The stream cannot be read from this offset. ${why}`, "Begin anew, with offset=-1.");
}

function malformed(): HttpRefusal {
  return refuse(400, "The offset is none.", "Give one that the server has told, -1 or now; and only one.");
}
