import { PlexlineError, type Position } from "@plexline/protocol";
import type { Segment, Snapshot } from "@plexline/server";
import { ByteWriter } from "./byte-writer.ts";
import type { SegmentFacts } from "./segment.ts";
import { decodeFirstFormat } from "./snapshot-format-1.ts";
import { expectEnd, type Reader, readCount, readerOf, readUint, skipBytes } from "./update/reader.ts";

// The snapshot of a document: "PLXD", a format version, and a list of its segments, then the chunks of those that are short enough to
// be stored with it. The others are segments of the storage, which newer snapshots go on using.

/** Where the chunks of a segment are: those of its header, and after them those of its update. */
export interface SegmentPlacement extends SegmentFacts {
  readonly headerChunks: number;
  readonly updateChunks: number;
  /** Its name in the storage; undefined if its chunks are stored with the snapshot. */
  readonly name: string | undefined;
  /** Those chunks; empty for one in the storage. */
  readonly inline: readonly Uint8Array[];
}

/** What is stored of a document, as far as its snapshot itself tells. */
export interface SnapshotList {
  readonly position: Position;
  readonly segments: readonly SegmentPlacement[];
}

const MAGIC = [0x50, 0x4c, 0x58, 0x44] as const; // "PLXD"
const FORMAT_VERSION = 2;
/** What a storage takes as one chunk is 256 KiB; an update is cut so that a chunk is one `part` of the wire. */
export const UPDATE_CHUNK_BYTES = 256 * 1024 - 2;

const ascii = new TextDecoder();

/** A snapshot of these segments, and the segments of the storage that it names. */
export function encodeSnapshot(segments: readonly SegmentPlacement[]): {
  readonly chunks: readonly Uint8Array[];
  readonly named: readonly Segment[];
} {
  const writer = new ByteWriter();
  writer.bytes(Uint8Array.from(MAGIC));
  writer.number(FORMAT_VERSION);
  writer.number(segments.length);
  for (const { to, bytes, hasPending, headerChunks, updateChunks, name } of segments) {
    for (const number of [to, bytes, hasPending ? 1 : 0, headerChunks, updateChunks]) writer.number(number);
    writer.text(name ?? "");
  }
  return {
    chunks: [writer.finish(), ...segments.flatMap(({ inline }) => inline)],
    named: segments.flatMap(({ name, headerChunks, updateChunks }) =>
      name === undefined ? [] : { name, chunks: headerChunks + updateChunks },
    ),
  };
}

/** Reads a stored snapshot, also one of the first format. Throws a PlexlineError INTERNAL for one that this version cannot read. */
export function decodeSnapshot(snapshot: Snapshot): SnapshotList {
  try {
    return { position: snapshot.position, segments: decodeList(snapshot) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PlexlineError("INTERNAL", {
      message: `The document's snapshot at offset ${snapshot.position.offset} cannot be read: ${why}`,
      fix: "Run the version of Plexline that wrote it, or a newer one; the log still holds every update.",
      cause,
    });
  }
}

function decodeList({ position, chunks }: Snapshot): SegmentPlacement[] {
  const list = readerOf(chunks[0] ?? new Uint8Array());
  if (MAGIC.some((byte, at) => byte !== list.bytes[at])) throw new Error("It is not a document's.");
  skipBytes(list, MAGIC.length);
  const version = readUint(list);
  if (version === 1) return [decodeFirstFormat(list, position.offset, chunks)];
  if (version !== FORMAT_VERSION) {
    throw new Error(
      `It has format ${version}; this version of Plexline reads formats 1 and ${FORMAT_VERSION}.`,
    );
  }
  const segments: SegmentPlacement[] = [];
  let at = 1;
  for (let left = readCount(list, 6, "segments"); left > 0; left -= 1) {
    const segment = readPlacement(list);
    const own = segment.name === undefined ? segment.headerChunks + segment.updateChunks : 0;
    segments.push({ ...segment, inline: chunks.slice(at, at + own) });
    at += own;
  }
  expectEnd(list);
  if (at !== chunks.length) throw new Error(`It has ${chunks.length} chunks instead of ${at}.`);
  for (const { name, inline, headerChunks, bytes } of segments) {
    const stored = inline.slice(headerChunks).reduce((sum, chunk) => sum + chunk.length, 0);
    if (name === undefined && stored !== bytes)
      throw new Error(`An update has ${stored} bytes instead of ${bytes}.`);
  }
  if ((segments.at(-1)?.to ?? position.offset) !== position.offset)
    throw new Error("It is of another position than its last segment.");
  return segments;
}

function readPlacement(list: Reader): Omit<SegmentPlacement, "inline"> {
  const [to, bytes] = [readUint(list), readUint(list)];
  const hasPending = readUint(list) === 1;
  const [headerChunks, updateChunks] = [readUint(list), readUint(list)];
  const length = readUint(list);
  const start = list.at;
  skipBytes(list, length);
  const name = length === 0 ? undefined : ascii.decode(list.bytes.subarray(start, list.at));
  return { to, bytes, hasPending, headerChunks, updateChunks, name };
}
