// Documents as a data directory holds them, read without the server that wrote them.
import { openEmbeddedStorage, systemClock, systemRandom } from "@plexline/server";
import { applyUpdate, Doc } from "yjs";
import { readDocumentSnapshot } from "../../../packages/features/dist/doc/snapshot-cache.js";
import { decodeBinaryEntry } from "../../../packages/server/dist/router/binary-entry.js";

const PAGE = { entriesMax: 10_000, bytesMax: 16 * 1024 * 1024 };

/** Opens a data directory whose server is dead, and reads the documents in it. */
export async function readStoredDocuments(directory, documents) {
  const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
  try {
    return await Promise.all(documents.map((address) => readDocument(storage, `default/doc:${address}`)));
  } finally {
    await storage.close();
  }
}

/** A document by its whole log, and by its snapshot and the log after it. */
async function readDocument(storage, topic) {
  const entries = await readEntries(storage, topic);
  const bytes = (await storage.readSnapshot(topic))?.bytes;
  const snapshot = await readDocumentSnapshot({
    clock: systemClock,
    readSnapshot: () => storage.readSnapshot(topic),
    readSegment: (name, from, count) => storage.readSegment(topic, name, from, count),
  });
  const segments = [];
  for (const segment of snapshot?.segments ?? [])
    segments.push({ payload: Buffer.concat(await segment.readUpdate()) });
  const log = replay(entries);
  const tail = entries.filter(({ offset }) => offset > (snapshot?.position.offset ?? 0));
  const folded = replay([...segments, ...tail]);
  return {
    epoch: (await storage.heads([topic]))[0].epoch,
    entries,
    logBytes: entries.reduce((bytes, { payload }) => bytes + payload.length, 0),
    snapshot: snapshot && { ...snapshot.position, bytes },
    text: textOf(log),
    /** What the whole log makes, and what the snapshot and the log after it make. */
    log,
    folded,
  };
}

async function readEntries(storage, topic) {
  const entries = [];
  for (;;) {
    const page = await storage.read(topic, entries.at(-1)?.offset ?? 0, PAGE);
    if (page.entries.length === 0) return entries;
    for (const entry of page.entries) entries.push(decodeBinaryEntry(entry).entry);
  }
}

function replay(updates) {
  const ydoc = new Doc();
  ydoc.transact(() => {
    for (const { payload } of updates) applyUpdate(ydoc, payload);
  });
  return ydoc;
}

const textOf = (ydoc) => ydoc.getText("content").toString();
