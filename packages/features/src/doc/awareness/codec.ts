import { PlexlineError } from "@plexline/protocol";
import { ByteWriter } from "../byte-writer.ts";
import { skipJson } from "../update/json.ts";
import { expectEnd, readCount, readerOf, readUint, skipBytes } from "../update/reader.ts";
import { skipUtf8 } from "../update/utf8.ts";

/** What an awareness update says about one client id. */
export interface AwarenessEntry {
  readonly client: number;
  readonly clock: number;
  /** JSON in the bytes it came in; null if the client shows nothing any more. */
  readonly state: Uint8Array | null;
}

/** Longest update that is read: clients hand back all the states that they were sent. */
const UPDATE_BYTES_MAX = 1024 * 1024;
const ENTRIES_MAX = 10_000;
/** Fewest bytes of an entry: id, clock, length of the state. */
const ENTRY_BYTES_MIN = 3;
/** Nesting of a state. Peers compare states recursively. */
const DEPTH_MAX = 64;

const NULL = new TextEncoder().encode("null");

/**
 * Reads an awareness update of y-protocols: a count, then for each client id its clock and its state as JSON. States are
 * views of the payload and are not looked into; `isState` does. Throws a PlexlineError PRESENCE_INVALID for other bytes.
 */
export function readAwareness(payload: Uint8Array): AwarenessEntry[] {
  try {
    const reader = readerOf(payload);
    const entries: AwarenessEntry[] = [];
    const count = readCount(reader, ENTRY_BYTES_MIN, "states");
    if (payload.length > UPDATE_BYTES_MAX || count > ENTRIES_MAX) throw new RangeError("It is too large.");
    for (let left = count; left > 0; left -= 1) {
      const client = readUint(reader);
      const clock = readUint(reader);
      const length = readUint(reader);
      const start = reader.at;
      skipBytes(reader, length);
      const state = payload.subarray(start, reader.at);
      entries.push({ client, clock, state: isNull(state) ? null : state });
    }
    expectEnd(reader);
    return entries;
  } catch (cause) {
    throw new PlexlineError("PRESENCE_INVALID", {
      message: "The awareness update cannot be read.",
      fix: "Send awareness updates as y-protocols encodes them.",
      cause,
    });
  }
}

/** Writes an awareness update. */
export function writeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const writer = new ByteWriter();
  writer.number(entries.length);
  for (const { client, clock, state } of entries) {
    writer.number(client);
    writer.number(clock);
    writer.sizedBytes(state ?? NULL);
  }
  return writer.finish();
}

/**
 * Whether peers can read a state: y-protocols parses each as JSON, and at one that does not parse it throws and leaves out all
 * that come after it. Moves over the bytes without making values of them.
 */
export function isState(state: Uint8Array): boolean {
  try {
    skipUtf8(readerOf(state), state.length);
    skipJson(readerOf(state), state.length, DEPTH_MAX);
    return !isSpacedNull(state);
  } catch {
    return false;
  }
}

function isNull(state: Uint8Array): boolean {
  return state.length === NULL.length && NULL.every((byte, at) => state[at] === byte);
}

/** Whether it is `null` with white space around it: a removal to peers, though it was not taken for one here. */
function isSpacedNull(json: Uint8Array): boolean {
  const start = json.findIndex((byte) => byte > 0x20);
  return isNull(json.subarray(start, start + NULL.length));
}
