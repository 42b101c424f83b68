import type { TopicContext } from "@plexline/server";
import { decodeHeaderChunk, type HeaderPart, type SegmentFacts } from "./segment.ts";
import type { SegmentPlacement } from "./snapshot-format.ts";

type Source = Pick<TopicContext, "readSegment" | "clock">;

/** Chunks that are read before other work has its turn: a megabyte. */
const CHUNKS_PER_TURN = 4;

/** Bytes of a header that are decoded before that: a millisecond or two. */
const DECODED_PER_TURN = 32 * 1024;

/** A segment of a document, to be read from where it is stored. */
export interface StoredSegment extends SegmentFacts {
  /** Its header, chunk by chunk, with other work between them. Throws SegmentGone. */
  header(): AsyncGenerator<readonly HeaderPart[]>;
  /** The pieces of its update, in buffers of their own. Throws SegmentGone. */
  readUpdate(): Promise<Uint8Array<ArrayBuffer>[]>;
}

/** A newer snapshot has been stored, which does without the segment: it is to be read in its place. */
export class SegmentGone extends Error {
  constructor() {
    super("A newer snapshot of the document has been stored.");
    this.name = "SegmentGone";
  }
}

export function openSegment(source: Source, placement: SegmentPlacement): StoredSegment {
  const { to, bytes, hasPending, headerChunks, updateChunks } = placement;
  async function* chunks(from: number, count: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < from + count; at += CHUNKS_PER_TURN) {
      if (at > from) await turnOf(source);
      const length = Math.min(CHUNKS_PER_TURN, from + count - at);
      const read = await readChunks(source, placement, at, length);
      if (read?.length !== length) throw new SegmentGone();
      yield read;
    }
  }
  return {
    to,
    bytes,
    hasPending,
    async *header() {
      let decoded = 0;
      for await (const read of chunks(0, headerChunks))
        for (const chunk of read) {
          if (decoded > DECODED_PER_TURN) {
            decoded = 0;
            await turnOf(source);
          }
          decoded += chunk.length;
          yield decodeHeaderChunk(chunk);
        }
    },
    async readUpdate() {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      for await (const read of chunks(headerChunks, updateChunks))
        for (const chunk of read) pieces.push(ownBytes(chunk, placement.name === undefined));
      return pieces;
    },
  };
}

/** Lets other work have its turn. */
export function turnOf({ clock }: Pick<TopicContext, "clock">): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}

async function readChunks(
  source: Source,
  { name, inline }: SegmentPlacement,
  from: number,
  count: number,
): Promise<readonly Uint8Array[] | undefined> {
  return name === undefined ? inline.slice(from, from + count) : source.readSegment(name, from, count);
}

/** Chunks of a segment belong to who reads them; those of a snapshot may be everybody's. */
function ownBytes(chunk: Uint8Array, isShared: boolean): Uint8Array<ArrayBuffer> {
  const isWhole = chunk.buffer.byteLength === chunk.length && chunk.buffer instanceof ArrayBuffer;
  return isWhole && !isShared ? (chunk as Uint8Array<ArrayBuffer>) : new Uint8Array(chunk);
}
