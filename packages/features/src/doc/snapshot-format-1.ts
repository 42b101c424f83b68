import { decodeDeletions } from "./deletions.ts";
import { cutDeletions, encodeClocks, encodeDeletionsChunk } from "./segment.ts";
import type { SegmentPlacement } from "./snapshot-format.ts";
import { expectEnd, type Reader, readCount, readerOf, readUint, skipBytes } from "./update/reader.ts";

// The first format: after the version the lengths of a header and of the update, then both. It is read as one segment.

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @param start The first chunk, read up to after the version. */
export function decodeFirstFormat(
  start: Reader,
  to: number,
  chunks: readonly Uint8Array[],
): SegmentPlacement {
  const headerBytes = readUint(start);
  const bytes = readUint(start);
  const updateStart = start.at + headerBytes;
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (updateStart + bytes !== total)
    throw new Error(`It has ${total} bytes instead of ${updateStart + bytes}.`);
  const { header, hasPending } = readHeader(readerOf(Buffer.concat(slice(chunks, start.at, updateStart))));
  const update = slice(chunks, updateStart, total);
  return {
    to,
    bytes,
    hasPending,
    headerChunks: header.length,
    updateChunks: update.length,
    name: undefined,
    inline: [...header, ...update],
  };
}

function readHeader(header: Reader): { readonly header: Uint8Array[]; readonly hasPending: boolean } {
  const hasPending = readUint(header) === 1;
  const clocks: number[] = [];
  for (let left = readCount(header, 2, "client ids"); left > 0; left -= 1)
    clocks.push(readUint(header), 0, readUint(header));
  const deletions = readSizedBytes(header);
  const owners = readOwners(header);
  expectEnd(header);
  const cut = deletions.length === 0 ? [] : cutDeletions(decodeDeletions(deletions));
  return { header: [...encodeClocks(clocks, owners), ...cut.map(encodeDeletionsChunk)], hasPending };
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

/** Bytes `from` to `to` of what the chunks make together, as views. */
function slice(chunks: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  let at = 0;
  for (const chunk of chunks) {
    const view = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (view.length > 0) views.push(view);
    at += chunk.length;
  }
  return views;
}
