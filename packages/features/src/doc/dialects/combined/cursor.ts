import type { Principal } from "@plexline/server";
import { readAwareness, writeAwareness } from "../../awareness/codec.ts";
import { refuse } from "./message.ts";
import type { CombinedMessage } from "./module.ts";

// Presence on the combined socket is a user and a cursor; in a document it is an awareness state. COMBINED.md says how one
// becomes the other.

/** Where somebody is: `{ line, col }`, or whatever else the application's clients agree on. */
export type Cursor = Readonly<Record<string, unknown>>;

/** What an awareness state says of a cursor. */
export interface ShownCursor {
  readonly client: number;
  readonly userId: string;
  /** As JSON; null where there is none to show. */
  readonly cursor: string | null;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();
/** What awareness updates say, for as long as somebody else keeps their bytes: all connections are told the same. */
const known = new WeakMap<Uint8Array, readonly ShownCursor[]>();

/**
 * The cursor of a `presence`; null hides it.
 *
 * @throws PlexlineError MALFORMED_MESSAGE if it is neither.
 */
export function readCursor(message: CombinedMessage): Cursor | null {
  const { cursor } = message;
  if (cursor === null) return null;
  if (typeof cursor === "object" && !Array.isArray(cursor)) return cursor as Cursor;
  return refuse("presence.cursor must be an object such as { line: 42, col: 10 }, or null");
}

/** The cursor of one connection, as the awareness updates that show it. */
export class OwnCursor {
  readonly client: number;
  #clock = 0;

  constructor(connectionId: string) {
    this.client = awarenessIdOf(connectionId);
  }

  /** Each update is newer than the one before, whichever room it is for. */
  encode(cursor: Cursor | null, { id, name = id }: Pick<Principal, "id" | "name">): Uint8Array {
    this.#clock += 1;
    const { client } = this;
    const state = cursor && utf8.encode(JSON.stringify({ user: { id, name }, [fieldOf(cursor)]: cursor }));
    return writeAwareness([{ client, clock: this.#clock, state }]);
  }
}

/** The cursors in an awareness update that a room has let through. */
export function cursorsOf(payload: Uint8Array): readonly ShownCursor[] {
  let cursors = known.get(payload);
  if (!cursors) {
    cursors = readAwareness(payload).map(({ client, state }) => cursorOf(client, state));
    known.set(payload, cursors);
  }
  return cursors;
}

/**
 * `cursor` is where editor bindings of Yjs keep two relative positions, and some of them throw at anything else.
 */
function fieldOf({ anchor, head }: Cursor): "cursor" | "lineCursor" {
  return isObject(anchor) && isObject(head) ? "cursor" : "lineCursor";
}

function cursorOf(client: number, state: Uint8Array | null): ShownCursor {
  const shown: unknown = state && JSON.parse(text.decode(state));
  if (!isObject(shown)) return { client, userId: String(client), cursor: null };
  const cursor = shown.cursor ?? shown.lineCursor;
  return {
    client,
    userId: userOf(shown.user) ?? String(client),
    cursor: cursor == null ? null : JSON.stringify(cursor),
  };
}

/** Who a state says it is of. Nobody but its client vouches for it. */
function userOf(user: unknown): string | undefined {
  if (!isObject(user)) return undefined;
  for (const value of [user.id, user.name]) {
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A client id for a connection: the id that the server drew for it, folded into the 32 bits that Yjs uses (FNV-1a). */
function awarenessIdOf(connectionId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < connectionId.length; at += 1) {
    hash = Math.imul(hash ^ connectionId.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
