import type { LogWindow } from "@plexline/protocol";
import { assertPlace } from "./conflict.ts";
import type { Draft } from "./embedded-draft.ts";
import type { DurableView } from "./embedded-environment.ts";
import { segmentChunkKey, segmentsKey } from "./embedded-keys.ts";
import { decodeSegmentRecords, encodeSegmentRecords, type SegmentRecord } from "./embedded-records.ts";
import type { Segment, SegmentPlace } from "./storage.ts";

/** The segments that a log has, complete or not. */
export function segmentsOf(view: Pick<DurableView, "get">, topic: string): readonly SegmentRecord[] {
  return decodeSegmentRecords(view.get(segmentsKey(topic)));
}

/** Writes the next chunks of a segment, or its first ones. */
export function draftSegment(
  draft: Draft,
  window: LogWindow,
  topic: string,
  place: SegmentPlace,
  chunks: readonly Uint8Array[],
): void {
  const segments = segmentsOf(draft, topic);
  const stored = segments.find(({ name }) => name === place.name);
  assertPlace(topic, place, window, stored);
  const id = stored?.id ?? 1 + segments.reduce((highest, segment) => Math.max(highest, segment.id), 0);
  for (const [index, chunk] of chunks.entries())
    draft.put(segmentChunkKey(topic, id, place.from + index), chunk);
  const count = place.from + chunks.length;
  for (let index = count; index < (stored?.chunks ?? 0); index += 1)
    draft.remove(segmentChunkKey(topic, id, index));
  const others = segments.filter((segment) => segment !== stored);
  const record = { name: place.name, id, chunks: count };
  draft.put(segmentsKey(topic), encodeSegmentRecords([...others, record]));
}

/** Drops all segments of a log but these. */
export function draftSegmentDrops(draft: Draft, topic: string, kept: readonly Segment[]): void {
  const segments = segmentsOf(draft, topic);
  const isKept = ({ name }: Segment): boolean => kept.some((segment) => segment.name === name);
  const dropped = segments.filter((segment) => !isKept(segment));
  if (dropped.length === 0) return;
  for (const { id, chunks } of dropped)
    for (let index = 0; index < chunks; index += 1) draft.remove(segmentChunkKey(topic, id, index));
  const rest = segments.filter(isKept);
  if (rest.length === 0) draft.remove(segmentsKey(topic));
  else draft.put(segmentsKey(topic), encodeSegmentRecords(rest));
}

/** Reads chunks of a segment, each with a buffer of its own. */
export function readStoredSegment(
  view: DurableView,
  topic: string,
  { name, from, count }: { readonly name: string; readonly from: number; readonly count: number },
): Uint8Array[] | undefined {
  const stored = segmentsOf(view, topic).find((segment) => segment.name === name);
  if (stored === undefined) return undefined;
  const length = Math.max(0, Math.min(count, stored.chunks - from));
  return Array.from({ length }, (_, index) =>
    ownBytes(view.get(segmentChunkKey(topic, stored.id, from + index))),
  );
}

/** What has been read is in a buffer of its own already, unless it is short. */
function ownBytes(bytes: Uint8Array = new Uint8Array()): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}
