import { decodeBinaryEntry, isBinaryEntry } from "@plexline/server";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { DOC_KIND } from "../../../packages/features/src/doc/protocol.ts";
import type { SimulatedDisk } from "../../../packages/testing/src/simulator/disk.ts";
import { STORED_TOPIC } from "./world.ts";

/** One copy of the document, and who has it. */
export interface Copy {
  readonly name: string;
  readonly doc: Y.Doc;
}

/** The document that the entries of the log make, from the first to the last: snapshots are not looked at. */
export function replayLog(disk: SimulatedDisk, storedTopic = STORED_TOPIC): Y.Doc {
  const doc = new Y.Doc();
  for (const entry of disk.archive.get(storedTopic) ?? []) {
    if (!isBinaryEntry(entry.data)) throw new Error(`Entry ${entry.offset} of the log is not binary.`);
    const { kind, payload } = decodeBinaryEntry(entry).entry;
    if (kind !== DOC_KIND.update && kind !== DOC_KIND.syncResponse)
      throw new Error(`Entry ${entry.offset} of the log is of kind ${kind}.`);
    Y.applyUpdate(doc, payload);
  }
  return doc;
}

/** What differs between the copies of a document; nothing if all are the same bytes. */
export function differencesOf(copies: readonly Copy[]): string[] {
  const [first, ...others] = copies.map(({ name, doc }) => ({ name, doc, bytes: canonicalBytes(doc) }));
  if (first === undefined) return [];
  return others
    .filter(({ bytes }) => !first.bytes.equals(bytes))
    .map(
      (other) => `${first.name} and ${other.name} differ:\n${describe(first.doc)}\n${describe(other.doc)}`,
    );
}

/**
 * A copy's bytes once all of it has come in one transaction: which neighbouring structs of a document are one struct depends
 * on the transactions that they came in, and on nothing that matters.
 */
function canonicalBytes(doc: Y.Doc): Buffer {
  const fresh = new Y.Doc();
  Y.applyUpdate(fresh, Y.encodeStateAsUpdate(doc));
  const bytes = Buffer.from(Y.encodeStateAsUpdate(fresh));
  fresh.destroy();
  return bytes;
}

function describe(doc: Y.Doc): string {
  const clocks = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b);
  const { ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc));
  const deleted = [...ds.clients]
    .sort(([a], [b]) => a - b)
    .map(([client, ranges]) => `${client}: ${ranges.map(({ clock, len }) => `${clock}+${len}`).join(" ")}`);
  const content = JSON.stringify({
    text: doc.getText("text").toDelta(),
    map: doc.getMap("map").toJSON(),
    list: doc.getArray("list").toJSON(),
  });
  return `  ${JSON.stringify(clocks)}\n  deleted ${deleted.join("; ")}\n  pending ${doc.store.pendingStructs !== null}\n  ${content}`;
}

/** What differs between the states of everybody as everybody sees them. */
export function presenceDifferencesOf(
  members: readonly { readonly name: string; readonly awareness: Awareness }[],
): string[] {
  const seen = members.map(({ name, awareness }) => ({
    name,
    states: JSON.stringify([...awareness.getStates()].sort(([a], [b]) => a - b)),
  }));
  const expected = JSON.stringify(
    members
      .map(({ awareness }) => [awareness.clientID, awareness.getLocalState()] as const)
      .sort(([a], [b]) => a - b),
  );
  return seen
    .filter(({ states }) => states !== expected)
    .map(({ name, states }) => `${name} sees ${states}\n  and should see ${expected}`);
}
