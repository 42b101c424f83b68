import { ByteWriter } from "./byte-writer.ts";
import { encodeDeletions } from "./deletions.ts";
import { expectEnd, readByte, readCount, readerOf, readUint, skipBytes } from "./update/reader.ts";

// A document is stored as segments: the first is the document folded, those after it are runs of the log merged into one update
// each. A segment is a header in chunks, which says what is in it, and then its update in chunks. No chunk of a header
// depends on another one, so that a large one is read with other work between them.

/** What is known of a segment without reading it. */
export interface SegmentFacts {
  /** Offset of the last entry that it holds. */
  readonly to: number;
  /** Of its update. */
  readonly bytes: number;
  /** Whether its update also holds structs or deletions that something before them is missing for. */
  readonly hasPending: boolean;
}

/** What one chunk of a header says. */
export type HeaderPart =
  /** Structs: a client id, the clock of the first one and the clock after the last one, and so on. */
  | { readonly kind: "clocks"; readonly user: string | undefined; readonly clocks: readonly number[] }
  /** What they refer to that came before the segment: a client id, the clock after it, and so on. */
  | { readonly kind: "needs"; readonly needs: readonly number[] }
  /** An update of no structs and deletions. */
  | { readonly kind: "deletions"; readonly update: Uint8Array };

const KIND = { clocks: 1, needs: 2, deletions: 3 } as const;
/** Client ids of a chunk: a millisecond of work, and no more bytes than a chunk may have, however long the names of users. */
const CLIENTS_PER_CHUNK = 500;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Chunks that say which structs there are, and whose their client ids are; a generator, so that one can pause between two. */
export function* encodeClocks(
  clocks: ArrayLike<number>,
  owners: ReadonlyMap<number, string>,
): Generator<Uint8Array> {
  for (let at = 0; at < clocks.length; at += CLIENTS_PER_CHUNK * 3) {
    const byUser = new Map<string | undefined, number[]>();
    for (let index = at; index < Math.min(clocks.length, at + CLIENTS_PER_CHUNK * 3); index += 3) {
      const client = clocks[index]!;
      const user = owners.get(client);
      const own = byUser.get(user) ?? [];
      own.push(client, clocks[index + 1]!, clocks[index + 2]! - clocks[index + 1]!);
      byUser.set(user, own);
    }
    yield encodeUsers(byUser);
  }
}

function encodeUsers(byUser: ReadonlyMap<string | undefined, readonly number[]>): Uint8Array {
  const writer = new ByteWriter();
  writer.number(KIND.clocks);
  writer.number(byUser.size);
  for (const [user, numbers] of byUser) {
    writer.number(user === undefined ? 0 : 1);
    writer.text(user ?? "");
    writer.number(numbers.length / 3);
    for (const number of numbers) writer.number(number);
  }
  return writer.finish();
}

export function* encodeNeeds(needs: ArrayLike<number>): Generator<Uint8Array> {
  for (let at = 0; at < needs.length; at += CLIENTS_PER_CHUNK * 2) {
    const count = Math.min(CLIENTS_PER_CHUNK, (needs.length - at) / 2);
    const writer = new ByteWriter();
    writer.number(KIND.needs);
    writer.number(count);
    for (let index = at; index < at + count * 2; index += 1) writer.number(needs[index]!);
    yield writer.finish();
  }
}

/** `update` is one that `cutDeletions` has made. */
export function encodeDeletionsChunk(update: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(1 + update.length);
  chunk[0] = KIND.deletions;
  chunk.set(update, 1);
  return chunk;
}

/** Reads a chunk of a header: one part for each user in it. Throws for bytes that are none. */
export function decodeHeaderChunk(chunk: Uint8Array): readonly HeaderPart[] {
  const reader = readerOf(chunk);
  const kind = readByte(reader);
  if (kind === KIND.deletions) return [{ kind: "deletions", update: chunk.subarray(1) }];
  if (kind === KIND.needs) {
    const needs: number[] = [];
    for (let left = readCount(reader, 2, "client ids"); left > 0; left -= 1)
      needs.push(readUint(reader), readUint(reader));
    expectEnd(reader);
    return [{ kind: "needs", needs }];
  }
  if (kind !== KIND.clocks) throw new Error(`Its header has a chunk of kind ${kind}.`);
  const parts: HeaderPart[] = [];
  for (let left = readCount(reader, 3, "users"); left > 0; left -= 1) {
    const hasUser = readUint(reader) === 1;
    const length = readUint(reader);
    const start = reader.at;
    skipBytes(reader, length);
    const user = utf8.decode(reader.bytes.subarray(start, reader.at));
    const clocks: number[] = [];
    for (let count = readCount(reader, 3, "client ids"); count > 0; count -= 1) {
      const [client, from] = [readUint(reader), readUint(reader)];
      clocks.push(client, from, from + readUint(reader));
    }
    parts.push({ kind: "clocks", user: hasUser ? user : undefined, clocks });
  }
  expectEnd(reader);
  return parts;
}

/** The largest part of a client's deletions that is one chunk. */
const RANGES_PER_CHUNK = 4_000;

/** Cuts deletions into updates of no structs, none of which takes long to read. */
export function cutDeletions(deletions: ReadonlyMap<number, readonly number[]>): Uint8Array[] {
  const updates: Uint8Array[] = [];
  let current = new Map<number, readonly number[]>();
  let count = 0;
  const flush = (): void => {
    if (current.size > 0) updates.push(encodeDeletions(current));
    current = new Map();
    count = 0;
  };
  for (const [client, ranges] of deletions) {
    for (let at = 0; at < ranges.length; ) {
      const taken = Math.min(ranges.length - at, (RANGES_PER_CHUNK - count) * 2);
      current.set(client, ranges.slice(at, at + taken));
      at += taken;
      count += taken / 2;
      if (count >= RANGES_PER_CHUNK) flush();
    }
  }
  flush();
  return updates;
}
