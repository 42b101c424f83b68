import { decodeBinaryEntry, type Entry } from "@plexline/server";
import { createID, type Doc, decodeUpdate, getItem, getState } from "yjs";
import type { SimulatedDisk } from "../disk.ts";

/** Clocks `clock` to `clock + length - 1` of a client id. */
export interface Range {
  readonly client: number;
  readonly clock: number;
  readonly length: number;
}

type Struct = ReturnType<typeof decodeUpdate>["structs"][number];

/** An entry of a document's log, taken apart. */
export interface LoggedUpdate {
  readonly offset: number;
  /** Whom it is attributed to. */
  readonly user: string | undefined;
  /** The session that sent it. */
  readonly session: string | undefined;
  readonly update: Uint8Array;
  readonly structs: readonly Struct[];
  readonly deletions: readonly Range[];
}

/** What has been durable in a document's log, in its order; grows while one looks. */
export type DocumentLog = () => readonly LoggedUpdate[];

/** Looks at the log of one topic on a disk. Entries are taken apart once. */
export function createDocumentLog(disk: SimulatedDisk, topic: string): DocumentLog {
  const updates: LoggedUpdate[] = [];
  return () => {
    const entries = disk.archive.get(`default/${topic}`) ?? [];
    while (updates.length < entries.length) updates.push(updateOf(entries[updates.length] as Entry));
    return updates;
  };
}

/** Whether a document has all structs and deletions of a logged update. */
export function covers(doc: Doc, { structs, deletions }: LoggedUpdate): boolean {
  return (
    structs.every(({ id, length }) => getState(doc.store, id.client) >= id.clock + length) &&
    deletions.every((range) => isDeleted(doc, range))
  );
}

/** Whether all of a range is there and deleted. */
export function isDeleted({ store }: Doc, { client, clock, length }: Range): boolean {
  if (getState(store, client) < clock + length) return false;
  for (let at = clock; at < clock + length; at += 1)
    if (!getItem(store, createID(client, at)).deleted) return false;
  return true;
}

function updateOf(stored: Entry): LoggedUpdate {
  const { kind, payload, offset, user, from } = decodeBinaryEntry(stored).entry;
  if (kind !== 0) throw new Error(`Entry ${offset} of a document is of kind ${kind}.`);
  const update = new Uint8Array(payload);
  const { structs, ds } = decodeUpdate(update);
  const deletions = [...ds.clients].flatMap(([client, ranges]) =>
    ranges.map(({ clock, len }) => ({ client, clock, length: len })),
  );
  return { offset, user, session: from, update, structs, deletions };
}
