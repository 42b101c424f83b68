import { DOC_KIND } from "@plexline/features/doc";
import type { BinaryMessage } from "@plexline/protocol";
import { createDecoder, hasContent, readUint8, readVarString, readVarUint } from "lib0/decoding";
import { ContentDeleted, ContentString, decodeStateVector, decodeUpdate, Item, Skip } from "yjs";
import type { DescribeBinary, WireText } from "../../../session/wire-rows.ts";
import { parseUserState } from "./user-state.ts";

/** A longer payload is not taken apart: reading it would make the page jerk. */
const DECODED_BYTES_MAX = 64 * 1024;
/** Parts of one message that are listed. */
const LISTED_MAX = 100;
const CONTENT_LENGTH_MAX = 60;

const KIND_NAMES: Readonly<Record<number, string>> = {
  [DOC_KIND.update]: "update",
  [DOC_KIND.syncRequest]: "sync-request",
  [DOC_KIND.syncResponse]: "sync-response",
  [DOC_KIND.awareness]: "awareness",
  [DOC_KIND.part]: "part",
};

/** What a message says: on one line, and as JSON. */
interface Said {
  readonly line: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads the binary messages of one document for the wire log. What cannot be read is shown by its size. */
export function documentWireText(topic: string): DescribeBinary {
  return ({ alias, kind, payload }: BinaryMessage): WireText => {
    const type = KIND_NAMES[kind] ?? `kind ${kind}`;
    const bytes = payload.byteLength;
    const { line, fields } = read(kind, payload);
    return {
      type,
      // The pane has no other topic, and the line no room.
      topic: null,
      line: [line, `${bytes} B`].filter((part) => part !== "").join(" · "),
      pretty: JSON.stringify({ kind: type, topic, alias, bytes, ...fields }, null, 2),
    };
  };
}

function read(kind: number, payload: Uint8Array): Said {
  const none: Said = { line: "", fields: {} };
  if (payload.byteLength > DECODED_BYTES_MAX && kind !== DOC_KIND.part) return none;
  try {
    if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse) return readUpdate(payload);
    if (kind === DOC_KIND.syncRequest) return readStateVector(payload);
    if (kind === DOC_KIND.awareness) return readAwareness(payload);
    return kind === DOC_KIND.part ? readPart(payload) : none;
  } catch {
    return { line: "cannot be read", fields: {} };
  }
}

function readUpdate(payload: Uint8Array): Said {
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

function readStateVector(payload: Uint8Array): Said {
  const clocks = [...decodeStateVector(payload)].map(([client, clock]) => ({ client, clock }));
  return {
    line:
      clocks.length === 0
        ? "has nothing yet"
        : `has ${listText(clocks.map(({ client, clock }) => `${client}: ${clock}`))}`,
    fields: { stateVector: clocks.slice(0, LISTED_MAX) },
  };
}

function readAwareness(payload: Uint8Array): Said {
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

function readPart(payload: Uint8Array): Said {
  const decoder = createDecoder(payload);
  const last = readUint8(decoder) === 1;
  const kind = KIND_NAMES[readVarUint(decoder)] ?? "?";
  const empty = !hasContent(decoder);
  return { line: `${last ? "last part" : "part"} of ${kind}`, fields: { of: kind, last, empty } };
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
