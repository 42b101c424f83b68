import type { LogWindow, Position } from "@plexline/protocol";
import { assertAppend, assertCheck, assertEpoch, assertSegments, assertSnapshot } from "./conflict.ts";
import type { Draft } from "./embedded-draft.ts";
import { chunkKey, entryKey, logKey, snapshotKey, valueKey } from "./embedded-keys.ts";
import {
  decodeLogRecord,
  decodeSnapshotRecord,
  decodeValue,
  encodeEntry,
  encodeLogRecord,
  encodeSnapshotRecord,
  encodeValue,
  type LogRecord,
} from "./embedded-records.ts";
import { draftSegmentDrops, segmentsOf } from "./embedded-segments.ts";
import { epochOf } from "./epoch.ts";
import type { Append, Commit, Put, Segment } from "./storage.ts";

/** What a log still holds, from its record. */
export function windowOfRecord(incarnation: string, record: LogRecord): LogWindow {
  return { epoch: epochOf(incarnation, record.generation), head: record.head, floor: record.floor };
}

/** Writes a commit into the draft, or throws; the draft is expected to forget what was written before the throw. */
export function draftCommit(draft: Draft, incarnation: string, commit: Commit): readonly Position[] {
  for (const check of commit.checks ?? []) assertCheck(check, versionOf(draft, valueKey(check.key)));
  const positions: Position[] = [];
  for (const append of commit.appends ?? []) positions.push(draftAppend(draft, incarnation, append));
  for (const put of commit.puts ?? []) draftPut(draft, put, positions);
  for (const key of commit.deletes ?? []) draft.remove(valueKey(key));
  return positions;
}

function draftAppend(draft: Draft, incarnation: string, append: Append): Position {
  const key = logKey(append.topic);
  const record = decodeLogRecord(draft.get(key));
  const window = windowOfRecord(incarnation, record);
  assertAppend(append, window);
  const head = record.head + append.entries.length;
  append.entries.forEach((entry, index) => {
    draft.put(entryKey(append.topic, record.generation, record.head + index + 1), encodeEntry(entry));
  });
  if (head > record.head) draft.put(key, encodeLogRecord({ ...record, head }));
  return { epoch: window.epoch, offset: head };
}

function draftPut(draft: Draft, put: Put, positions: readonly Position[]): void {
  const key = valueKey(put.key);
  const value = typeof put.value === "function" ? put.value(positions) : put.value;
  draft.put(key, encodeValue(versionOf(draft, key) + 1, value));
}

function versionOf(draft: Draft, key: Buffer): number {
  const bytes = draft.get(key);
  return bytes === undefined ? 0 : decodeValue(bytes).version;
}

/** Raises the floor of a log; its entries below are removed afterwards. Returns the log's record. */
export function draftTrim(draft: Draft, topic: string, offset: number): LogRecord {
  const key = logKey(topic);
  const record = decodeLogRecord(draft.get(key));
  const floor = Math.min(Math.max(offset, record.floor), record.head);
  if (floor > record.floor) draft.put(key, encodeLogRecord({ ...record, floor }));
  return { ...record, floor };
}

/** Starts a log afresh; the entries of its earlier generations are removed afterwards. */
export function draftReset(draft: Draft, incarnation: string, topic: string, epoch?: string): LogRecord {
  const key = logKey(topic);
  const log = decodeLogRecord(draft.get(key));
  assertEpoch(topic, epoch, windowOfRecord(incarnation, log));
  const record = { generation: log.generation + 1, head: 0, floor: 0 };
  draft.put(key, encodeLogRecord(record));
  removeChunks(draft, topic, 0);
  draft.remove(snapshotKey(topic));
  draftSegmentDrops(draft, topic, []);
  return record;
}

/** Replaces the snapshot of a log. */
export function draftSnapshot(
  draft: Draft,
  incarnation: string,
  topic: string,
  position: Position,
  chunks: readonly Uint8Array[],
  segments: readonly Segment[] = [],
): void {
  const stored = draft.get(snapshotKey(topic));
  const window = windowOfRecord(incarnation, decodeLogRecord(draft.get(logKey(topic))));
  const previous = stored === undefined ? undefined : decodeSnapshotRecord(stored).position;
  assertSnapshot(topic, position, window, previous?.epoch === window.epoch ? previous : undefined);
  assertSegments(topic, segments, segmentsOf(draft, topic));
  removeChunks(draft, topic, chunks.length);
  chunks.forEach((chunk, index) => {
    draft.put(chunkKey(topic, index), chunk);
  });
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const named = segments.length > 0 ? { segments } : {};
  draft.put(snapshotKey(topic), encodeSnapshotRecord({ position, bytes, chunks: chunks.length, ...named }));
  draftSegmentDrops(draft, topic, segments);
}

function removeChunks(draft: Draft, topic: string, from: number): void {
  const stored = draft.get(snapshotKey(topic));
  const count = stored === undefined ? 0 : decodeSnapshotRecord(stored).chunks;
  for (let index = from; index < count; index += 1) draft.remove(chunkKey(topic, index));
}
