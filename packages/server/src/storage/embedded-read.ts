import { PlexlineError } from "@plexline/protocol";
import { windowOfRecord } from "./embedded-commit.ts";
import type { DurableView } from "./embedded-environment.ts";
import {
  chunkKey,
  endOfPrefix,
  entryKey,
  keyOfValueKey,
  logKey,
  offsetOfEntryKey,
  snapshotKey,
  valueKey,
} from "./embedded-keys.ts";
import { decodeEntry, decodeLogRecord, decodeSnapshotRecord, decodeValue } from "./embedded-records.ts";
import type { Entry, Page, Snapshot, Stored } from "./storage.ts";

/** Reads one page of a log. */
export function readPage(
  view: DurableView,
  incarnation: string,
  topic: string,
  from: number,
  limits: { entriesMax: number; bytesMax: number },
): Page {
  const record = decodeLogRecord(view.get(logKey(topic)));
  const window = windowOfRecord(incarnation, record);
  const count = Math.min(limits.entriesMax, record.head - from);
  if (from < record.floor || count <= 0) return { ...window, entries: [] };
  const start = entryKey(topic, record.generation, from + 1);
  const end = entryKey(topic, record.generation, from + count + 1);
  const entries: Entry[] = [];
  let bytes = 0;
  let cut = false;
  for (const { key, value } of view.range({ start, end })) {
    const entry = { ...decodeEntry(value), offset: offsetOfEntryKey(key) };
    bytes += entry.data.length;
    cut = bytes > limits.bytesMax && entries.length > 0;
    if (cut) break;
    if (entry.offset !== from + entries.length + 1) throw damaged(topic, from + entries.length + 1);
    entries.push(entry);
  }
  if (!cut && entries.length < count) throw damaged(topic, from + entries.length + 1);
  return { ...window, entries };
}

/** Reads one value of the key-value space. */
export function readValue(view: DurableView, key: string): Stored | undefined {
  const bytes = view.get(valueKey(key));
  return bytes === undefined ? undefined : { key, ...decodeValue(bytes) };
}

/** Reads the values of a prefix in key order. */
export function readValues(
  view: DurableView,
  prefix: string,
  { after, limit }: { after?: string; limit?: number },
): Stored[] {
  const first = valueKey(prefix);
  // The smallest key after `after` is that key with a zero byte behind it.
  const next = after === undefined ? first : Buffer.concat([valueKey(after), Buffer.alloc(1)]);
  const start = Buffer.compare(first, next) > 0 ? first : next;
  const end = endOfPrefix(first);
  if (limit === 0 || Buffer.compare(start, end) >= 0) return [];
  const found = view.range({ start, end, ...(limit === undefined ? {} : { limit }) });
  return Array.from(found, ({ key, value }) => ({ key: keyOfValueKey(key), ...decodeValue(value) }));
}

/** Reads the snapshot of a log with all its chunks. */
export function readStoredSnapshot(
  view: DurableView,
  incarnation: string,
  topic: string,
): Snapshot | undefined {
  const stored = view.get(snapshotKey(topic));
  if (stored === undefined) return undefined;
  const { position, bytes, chunks, segments = [] } = decodeSnapshotRecord(stored);
  const { epoch } = windowOfRecord(incarnation, decodeLogRecord(view.get(logKey(topic))));
  // After a restore the entries have a new epoch; a snapshot of the old one no longer stands for them.
  if (position.epoch !== epoch) return undefined;
  const read = Array.from(
    { length: chunks },
    (_, index) => view.get(chunkKey(topic, index)) ?? new Uint8Array(),
  );
  if (read.reduce((sum, chunk) => sum + chunk.length, 0) !== bytes) throw damaged(topic, position.offset);
  return { position, bytes, chunks: read.map((chunk) => new Uint8Array(chunk)), segments };
}

/** Something that was written is not there: never pass over it in silence. */
function damaged(topic: string, offset: number): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: `The stored log of ${topic} is damaged at offset ${offset}.`,
    fix: "Restore the data directory from a backup; other topics are not affected.",
  });
}
