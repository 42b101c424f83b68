import { createDecoder, hasContent, readVarString, readVarUint } from "lib0/decoding";
import { ContentDeleted, ContentString, decodeStateVector, decodeUpdate, Item, Skip } from "yjs";
import { parseUserState } from "./user-state.ts";

/** A longer payload is not taken apart: reading it would make the page jerk. */
const DECODED_BYTES_MAX = 64 * 1024;
/** Parts of one message that are listed. */
const LISTED_MAX = 100;
const CONTENT_LENGTH_MAX = 60;

/** What a message says: on one line, and as JSON. */
export interface Said {
  readonly line: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads bytes that somebody else wrote. What is too long says nothing, and what cannot be read says so. */
export function readBytes(bytes: Uint8Array, read: (bytes: Uint8Array) => Said): Said {
  if (bytes.byteLength > DECODED_BYTES_MAX) return { line: "", fields: {} };
  try {
    return read(bytes);
  } catch {
    return { line: "cannot be read", fields: {} };
  }
}

/** What an update adds and deletes. */
export function readUpdate(payload: Uint8Array): Said {
  const { structs, ds } = decodeUpdate(payload);
  const inserted = structs.map((struct) => ({
    client: struct.id.client,
    clock: struct.id.clock,
    length: struct.length,
    ...contentOf(struct),
  }));
  const deleted = [...ds.clients].flatMap(([client, ranges]) =>
    ranges.map(({ clock, len }) => ({ client, clock, length: len })),
  );
  const words = [
    ...inserted.map(
      (each) => `${rangeText(each)}${"text" in each ? ` ${JSON.stringify(each.text)}` : ` ${each.is}`}`,
    ),
    ...deleted.map((each) => `− ${rangeText(each)}`),
  ];
  return {
    line: words.length === 0 ? "nothing new" : listText(words),
    fields: { structs: inserted.slice(0, LISTED_MAX), deletions: deleted.slice(0, LISTED_MAX) },
  };
}

function contentOf(struct: object): { readonly text: string } | { readonly is: string } {
  if (!(struct instanceof Item)) return { is: struct instanceof Skip ? "skip" : "gc" };
  if (struct.content instanceof ContentString) return { text: cut(struct.content.str) };
  return { is: struct.content instanceof ContentDeleted ? "deleted" : "content" };
}

/** What a state vector says is there already. */
export function readStateVector(payload: Uint8Array): Said {
  const clocks = [...decodeStateVector(payload)].map(([client, clock]) => ({ client, clock }));
  return {
    line:
      clocks.length === 0
        ? "has nothing yet"
        : `has ${listText(clocks.map(({ client, clock }) => `${client}: ${clock}`))}`,
    fields: { stateVector: clocks.slice(0, LISTED_MAX) },
  };
}

/** Who shows what, and who left. */
export function readAwareness(payload: Uint8Array): Said {
  const decoder = createDecoder(payload);
  const count = readVarUint(decoder);
  const states = [];
  for (let index = 0; index < Math.min(count, LISTED_MAX); index += 1) {
    const client = readVarUint(decoder);
    const clock = readVarUint(decoder);
    const state = JSON.parse(readVarString(decoder)) as unknown;
    states.push({ client, clock, state });
  }
  const words = states.map(({ client, clock, state }) => {
    const name = parseUserState(client, state)?.name ?? String(client);
    return state === null ? `${client} left` : `${name} @${clock}`;
  });
  return { line: words.length === 0 ? "nobody" : listText(words), fields: { states } };
}

/** `1234@10+3`: three clocks of client 1234, from 10 on. */
function rangeText({ client, clock, length }: { client: number; clock: number; length: number }): string {
  return `${client}@${clock}+${length}`;
}

function listText(words: readonly string[]): string {
  const shown = words.slice(0, LISTED_MAX).join(", ");
  return words.length > LISTED_MAX ? `${shown}, … (${words.length})` : shown;
}

function cut(text: string): string {
  return text.length > CONTENT_LENGTH_MAX ? `${text.slice(0, CONTENT_LENGTH_MAX)}…` : text;
}

/** Whether bytes are a state vector: read as one, nothing of them is left. An update never is. */
export function isStateVector(bytes: Uint8Array): boolean {
  try {
    const decoder = createDecoder(bytes);
    for (let left = 2 * readVarUint(decoder); left > 0; left -= 1) readVarUint(decoder);
    return !hasContent(decoder);
  } catch {
    return false;
  }
}
