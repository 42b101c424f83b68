import type { TopicContext } from "@plexline/server";
import { encodeClocks, encodeDeletionsChunk, encodeNeeds, type SegmentFacts } from "./segment.ts";
import { type SegmentPlacement, UPDATE_CHUNK_BYTES } from "./snapshot-format.ts";
import { turnOf } from "./stored-segment.ts";
import type { Folded } from "./worker/jobs.ts";

/** What is stored with the snapshot itself: one commit instead of several. */
const INLINE_BYTES_MAX = 64 * 1024;
/** Chunks of a header that are made before other work has its turn. */
const CHUNKS_PER_TURN = 8;
/** Chunks of one commit: a megabyte, so that other documents' commits do not wait for long. */
const CHUNKS_PER_COMMIT = 4;

/**
 * Writes a segment into the storage, as far as it does not belong into the snapshot. No reader knows of it before a snapshot
 * names it.
 *
 * @param stillWanted Asked before each commit; false ends it with undefined.
 */
export async function writeSegment(
  topic: TopicContext,
  epoch: string,
  { to, folded, owners }: { to: number; folded: Folded; owners: ReadonlyMap<number, string> },
  stillWanted: () => boolean,
): Promise<SegmentPlacement | undefined> {
  const header: Uint8Array[] = [];
  for (const chunks of [encodeClocks(folded.clocks, owners), encodeNeeds(folded.needs)])
    for (const chunk of chunks) {
      header.push(chunk);
      if (header.length % CHUNKS_PER_TURN === 0) await turnOf(topic);
    }
  header.push(...folded.deletions.map(encodeDeletionsChunk));
  const update = cut(folded.update);
  const facts: SegmentFacts = { to, bytes: folded.update.length, hasPending: folded.hasPending ?? false };
  const counts = { headerChunks: header.length, updateChunks: update.length };
  const chunks = [...header, ...update];
  if (chunks.reduce((bytes, chunk) => bytes + chunk.length, 0) <= INLINE_BYTES_MAX)
    return { ...facts, ...counts, name: undefined, inline: chunks };
  // Another node may be writing one of the same entries: each has a name of its own.
  const name = globalThis.crypto.randomUUID();
  for (let from = 0; from < chunks.length; from += CHUNKS_PER_COMMIT) {
    if (!stillWanted()) return undefined;
    await topic.writeSegment({ epoch, name, from }, chunks.slice(from, from + CHUNKS_PER_COMMIT));
  }
  return { ...facts, ...counts, name, inline: [] };
}

function cut(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += UPDATE_CHUNK_BYTES)
    chunks.push(bytes.subarray(at, at + UPDATE_CHUNK_BYTES));
  return chunks;
}
