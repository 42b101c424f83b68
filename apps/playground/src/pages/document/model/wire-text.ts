import { DOC_KIND } from "@plexline/features/doc";
import type { BinaryMessage } from "@plexline/protocol";
import { createDecoder, hasContent, readUint8, readVarUint } from "lib0/decoding";
import {
  readAwareness,
  readBytes,
  readStateVector,
  readUpdate,
  type Said,
} from "../../../editing/yjs-text.ts";
import type { DescribeBinary, WireText } from "../../../session/wire-rows.ts";

/** A flag, a kind, and something of the rest. */
const PART_HEAD_BYTES = 16;

const KIND_NAMES: Readonly<Record<number, string>> = {
  [DOC_KIND.update]: "update",
  [DOC_KIND.syncRequest]: "sync-request",
  [DOC_KIND.syncResponse]: "sync-response",
  [DOC_KIND.awareness]: "awareness",
  [DOC_KIND.part]: "part",
};

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
  switch (kind) {
    case DOC_KIND.update:
    case DOC_KIND.syncResponse:
      return readBytes(payload, readUpdate);
    case DOC_KIND.syncRequest:
      return readBytes(payload, readStateVector);
    case DOC_KIND.awareness:
      return readBytes(payload, readAwareness);
    // Only its head is looked at, however long it is.
    case DOC_KIND.part:
      return readBytes(payload.subarray(0, PART_HEAD_BYTES), readPart);
    default:
      return { line: "", fields: {} };
  }
}

function readPart(payload: Uint8Array): Said {
  const decoder = createDecoder(payload);
  const last = readUint8(decoder) === 1;
  const kind = KIND_NAMES[readVarUint(decoder)] ?? "?";
  const empty = !hasContent(decoder);
  return { line: `${last ? "last part" : "part"} of ${kind}`, fields: { of: kind, last, empty } };
}
