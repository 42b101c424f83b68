import { PlexlineError, type Position } from "@plexline/protocol";
import type { Snapshot } from "@plexline/server";
import { ByteWriter } from "./byte-writer.ts";
import { expectEnd, type Reader, readCount, readerOf, readUint, skipBytes } from "./update/reader.ts";
import type { IdRanges, StateVector } from "./update/update-scan.ts";

// A snapshot of a document: "PLXD", a format version, then the rest of the header and the Yjs update, each after its
// length. The header is what a room needs to guard the document without looking into the update. The update begins
// with a chunk of its own, so that one that fits into a chunk is handed out without a copy.

/** What a document is folded into. */
export interface DocumentState {
  readonly stateVector: StateVector;
  /** What is deleted, including what the document has not got yet. */
  readonly deletions: IdRanges;
  /** Whether the update also holds structs or deletions that something is missing for. */
  readonly hasPending: boolean;
  /** To which user each client id belongs. */
  readonly owners: ReadonlyMap<number, string>;
  /** The whole document as one Yjs update. */
  readonly update: Uint8Array;
}

/** A document's state as it is stored, with the position that it is of. */
export interface DocumentSnapshot extends DocumentState {
  readonly position: Position;
  /** An update of no structs and all the deletions that the state has; undefined if it has none. */
  readonly deletionsUpdate: Uint8Array | undefined;
}

const MAGIC = [0x50, 0x4c, 0x58, 0x44] as const; // "PLXD"
const FORMAT_VERSION = 1;
/** What a storage takes as one chunk. */
const CHUNK_BYTES_MAX = 256 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The chunks in which a state is stored. Those of the update are views of it. */
export function encodeSnapshot(state: DocumentState): Uint8Array[] {
  const header = encodeHeader(state);
  const start = new ByteWriter();
  start.bytes(Uint8Array.from(MAGIC));
  start.number(FORMAT_VERSION);
  start.number(header.length);
  start.number(state.update.length);
  start.bytes(header);
  return [...cut(start.finish()), ...cut(state.update)];
}

/** Reads a stored snapshot. Throws a PlexlineError INTERNAL for one that this version cannot read. */
export function decodeSnapshot(snapshot: Snapshot): DocumentSnapshot {
  try {
    return decodeChunks(snapshot);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PlexlineError("INTERNAL", {
      message: `The document's snapshot at offset ${snapshot.position.offset} cannot be read: ${why}`,
      fix: "Run the version of Plexline that wrote it, or a newer one; the log still holds every update.",
      cause,
    });
  }
}

/** An update that deletes these ranges and does nothing else. */
export function encodeDeletions(deletions: IdRanges): Uint8Array {
  const writer = new ByteWriter();
  writer.number(0);
  writeDeletions(writer, deletions);
  return writer.finish();
}

function encodeHeader(state: DocumentState): Uint8Array {
  const writer = new ByteWriter();
  writer.number(state.hasPending ? 1 : 0);
  writer.number(state.stateVector.size);
  for (const [client, clock] of state.stateVector) {
    writer.number(client);
    writer.number(clock);
  }
  // As Yjs writes them, so that the same bytes can be sent.
  writer.sizedBytes(state.deletions.size === 0 ? new Uint8Array() : encodeDeletions(state.deletions));
  writeOwners(writer, state.owners);
  return writer.finish();
}

function decodeChunks({ position, chunks }: Snapshot): DocumentSnapshot {
  const start = readerOf(chunks[0] ?? new Uint8Array());
  if (MAGIC.some((byte, at) => byte !== start.bytes[at])) throw new Error("It is not a document's.");
  skipBytes(start, MAGIC.length);
  const version = readUint(start);
  if (version !== FORMAT_VERSION) {
    throw new Error(`It has format ${version}; this version of Plexline reads format ${FORMAT_VERSION}.`);
  }
  const headerBytes = readUint(start);
  const updateBytes = readUint(start);
  const updateStart = start.at + headerBytes;
  const total = chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
  if (updateStart + updateBytes !== total) {
    throw new Error(`It has ${total} bytes instead of ${updateStart + updateBytes}.`);
  }
  const header = readerOf(slice(chunks, start.at, updateStart));
  return { position, ...decodeHeader(header), update: slice(chunks, updateStart, total) };
}

function decodeHeader(header: Reader): Omit<DocumentSnapshot, "position" | "update"> {
  const hasPending = readUint(header) === 1;
  const stateVector = new Map<number, number>();
  for (let left = readCount(header, 2, "client ids"); left > 0; left -= 1) {
    stateVector.set(readUint(header), readUint(header));
  }
  // A copy: a view would keep the whole header alive for as long as somebody is being sent it.
  const deletionsUpdate = new Uint8Array(readSizedBytes(header));
  const deletions = deletionsUpdate.length === 0 ? new Map() : readDeletions(readerOf(deletionsUpdate));
  const owners = readOwners(header);
  expectEnd(header);
  return {
    stateVector,
    deletions,
    hasPending,
    owners,
    deletionsUpdate: deletionsUpdate.length === 0 ? undefined : deletionsUpdate,
  };
}

function writeDeletions(writer: ByteWriter, deletions: IdRanges): void {
  writer.number(deletions.size);
  for (const [client, ranges] of deletions) {
    writer.number(client);
    writer.number(ranges.length / 2);
    for (let at = 0; at < ranges.length; at += 2) {
      const start = ranges[at] as number;
      writer.number(start);
      writer.number((ranges[at + 1] as number) - start);
    }
  }
}

function readDeletions(reader: Reader): IdRanges {
  if (readUint(reader) !== 0) throw new Error("Its deletions hold structs.");
  const deletions = new Map<number, number[]>();
  for (let left = readCount(reader, 2, "client ids"); left > 0; left -= 1) {
    const client = readUint(reader);
    const ranges: number[] = [];
    for (let count = readCount(reader, 2, "deletions"); count > 0; count -= 1) {
      const start = readUint(reader);
      ranges.push(start, start + readUint(reader));
    }
    deletions.set(client, ranges);
  }
  return deletions;
}

/** Users once each, and their client ids with them: a user has written with many. */
function writeOwners(writer: ByteWriter, owners: ReadonlyMap<number, string>): void {
  const clientsByUser = new Map<string, number[]>();
  for (const [client, user] of owners) {
    const clients = clientsByUser.get(user);
    if (clients) clients.push(client);
    else clientsByUser.set(user, [client]);
  }
  writer.number(clientsByUser.size);
  for (const [user, clients] of clientsByUser) {
    writer.text(user);
    writer.number(clients.length);
    for (const client of clients) writer.number(client);
  }
}

function readOwners(reader: Reader): ReadonlyMap<number, string> {
  const owners = new Map<number, string>();
  for (let left = readCount(reader, 2, "users"); left > 0; left -= 1) {
    const user = utf8.decode(readSizedBytes(reader));
    for (let count = readCount(reader, 1, "client ids"); count > 0; count -= 1)
      owners.set(readUint(reader), user);
  }
  return owners;
}

function readSizedBytes(reader: Reader): Uint8Array {
  const length = readUint(reader);
  const start = reader.at;
  skipBytes(reader, length);
  return reader.bytes.subarray(start, reader.at);
}

function cut(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
    chunks.push(bytes.subarray(at, at + CHUNK_BYTES_MAX));
  }
  return chunks;
}

/** Bytes `from` to `to` of what the chunks make together: a view if one chunk holds them, else a copy. */
function slice(chunks: readonly Uint8Array[], from: number, to: number): Uint8Array {
  let copy: Uint8Array | undefined;
  let chunkStart = 0;
  for (const chunk of chunks) {
    const chunkEnd = chunkStart + chunk.length;
    if (chunkStart <= from && to <= chunkEnd) return chunk.subarray(from - chunkStart, to - chunkStart);
    if (chunkEnd > from && chunkStart < to) {
      copy ??= new Uint8Array(to - from);
      const part = chunk.subarray(Math.max(0, from - chunkStart), Math.max(0, to - chunkStart));
      copy.set(part, Math.max(0, chunkStart - from));
    }
    chunkStart = chunkEnd;
  }
  return copy ?? new Uint8Array();
}
