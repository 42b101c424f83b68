/**
 * Keys of the embedded store. All records live in one ordered tree of byte strings; the first byte says what a
 * record is, and a topic is preceded by its length, so that no topic's keys lie among another's.
 */
const KIND = {
  format: 0x66,
  log: 0x6c,
  entry: 0x65,
  snapshot: 0x73,
  chunk: 0x63,
  segments: 0x74,
  segmentChunk: 0x75,
  value: 0x6b,
} as const;

/** The one record that says what wrote this store. */
export const FORMAT_KEY = Buffer.from([KIND.format]);

function topicKey(kind: number, topic: string, suffixBytes: number): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const key = Buffer.alloc(2 + topicBytes + suffixBytes);
  key[0] = kind;
  key[1] = topicBytes;
  key.write(topic, 2);
  return key;
}

/** The record of a log: its generation, head and floor. */
export const logKey = (topic: string): Buffer => topicKey(KIND.log, topic, 0);

/** One entry; in key order, entries come by generation, then by offset. */
export function entryKey(topic: string, generation: number, offset: number): Buffer {
  const key = topicKey(KIND.entry, topic, 12);
  key.writeUInt32BE(generation, key.length - 12);
  key.writeBigUInt64BE(BigInt(offset), key.length - 8);
  return key;
}

/** The offset in an entry's key. */
export function offsetOfEntryKey(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset, key.length).readBigUInt64BE(key.length - 8));
}

/** What a log's snapshot is: its position, size and number of chunks. */
export const snapshotKey = (topic: string): Buffer => topicKey(KIND.snapshot, topic, 0);

/** One chunk of a log's snapshot. */
export function chunkKey(topic: string, index: number): Buffer {
  const key = topicKey(KIND.chunk, topic, 4);
  key.writeUInt32BE(index, key.length - 4);
  return key;
}

/** The segments that a log has. */
export const segmentsKey = (topic: string): Buffer => topicKey(KIND.segments, topic, 0);

/** One chunk of a segment; `id` is its number among those of the log. */
export function segmentChunkKey(topic: string, id: number, index: number): Buffer {
  const key = topicKey(KIND.segmentChunk, topic, 8);
  key.writeUInt32BE(id, key.length - 8);
  key.writeUInt32BE(index, key.length - 4);
  return key;
}

/** One value of the key-value space; key order is the order of the UTF-8 bytes. */
export function valueKey(key: string): Buffer {
  const encoded = Buffer.alloc(1 + Buffer.byteLength(key));
  encoded[0] = KIND.value;
  encoded.write(key, 1);
  return encoded;
}

/** The key of the key-value space in a record's key. */
export function keyOfValueKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("utf8", 1);
}

/** The first key after all those that start with `prefix`. */
export function endOfPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  let last = end.length - 1;
  while (end[last] === 0xff) last -= 1;
  end[last] = (end[last] ?? 0) + 1;
  return end.subarray(0, last + 1);
}
