// Large documents as bytes, made without a Y.Doc: text that many people type in runs all over each other's, maps that they
// set, and deletions. The same seed gives the same bytes.

const TEXT = 0x84; // A string, behind another struct.
const BETWEEN = 0xc4; // A string, between two others.
const FIRST_TEXT = 0x04;
const VALUE = 0x28; // A value of a map, the first of its key.
const NEXT_VALUE = 0x88; // The value after another one of the same key.
const WORDS =
  "the quick brown fox jumps over a lazy dog while many others type into the same page and take some of it back ";

/**
 * @param {{ structs?: number, clients?: number, perUpdate?: number, textBytes?: number, seed?: number, mapShare?: number,
 *   deleteShare?: number }} options How large the document is, and how many structs each of its updates has.
 * @returns {Generator<Uint8Array>} Its updates in the order of the log.
 */
export function* generateUpdates({
  structs = 1_000_000,
  clients = 1_000,
  perUpdate = 20_000,
  textBytes = 66,
  seed = 1,
  mapShare = 0.06,
  deleteShare = 0.04,
} = {}) {
  const next = randomOf(seed);
  const document = createDocument(structs, clients, next);
  for (let done = 0; done < structs; done += perUpdate) {
    const count = Math.min(perUpdate, structs - done);
    yield document.update(count, { textBytes, mapShare, deleteShare });
  }
}

/** What `generateUpdates` makes, with all its client ids, for a log of small updates after it. */
export function createGenerator({ structs, clients, seed = 1 }) {
  return createDocument(structs, clients, randomOf(seed));
}

/** The list of the text as numbers: struct n is of client n modulo their number, or in bursts of one. */
function createDocument(structsMax, clientCount, next) {
  const ids = clientIds(clientCount, next);
  const clocks = new Float64Array(clientCount);
  const clientOf = new Uint32Array(structsMax + 1);
  const clockOf = new Float64Array(structsMax + 1);
  const lengthOf = new Uint16Array(structsMax + 1);
  const nextOf = new Int32Array(structsMax + 1).fill(-1);
  const lastOfKey = new Map();
  let texts = 0;
  /** @type {Map<number, { count: number, from: number, writer: ReturnType<typeof createWriter> }>} */
  let sections = new Map();
  let deletions = new Map();

  const sectionOf = (client) => {
    let section = sections.get(client);
    if (section === undefined) {
      section = { count: 0, from: clocks[client], writer: createWriter(64) };
      sections.set(client, section);
    }
    return section;
  };
  const text = (client, bytes, at) => {
    const { writer } = begin(client);
    const index = texts;
    const after = index === 0 ? -1 : nextOf[at];
    writer.byte(index === 0 ? FIRST_TEXT : after === -1 ? TEXT : BETWEEN);
    if (index > 0) writeId(writer, ids[clientOf[at]], clockOf[at] + lengthOf[at] - 1);
    if (after !== -1) writeId(writer, ids[clientOf[after]], clockOf[after]);
    if (index === 0) {
      writer.byte(1);
      writer.text("content");
    }
    const start = Math.floor(next() * (WORDS.length - bytes));
    writer.text(WORDS.slice(start, start + bytes));
    clientOf[index] = client;
    clockOf[index] = clocks[client];
    lengthOf[index] = bytes;
    if (index > 0) {
      nextOf[index] = nextOf[at];
      nextOf[at] = index;
    }
    clocks[client] += bytes;
    texts += 1;
    return index;
  };
  const value = (client) => {
    const key = `key-${Math.floor(next() * 4_096)}`;
    const before = lastOfKey.get(key);
    const { writer } = begin(client);
    writer.byte(before === undefined ? VALUE : NEXT_VALUE);
    if (before === undefined) {
      writer.byte(1);
      writer.text("map");
      writer.text(key);
    } else {
      writeId(writer, ids[before.client], before.clock);
      remove(before.client, before.clock, 1);
    }
    writer.uint(1);
    writer.byte(119); // A string among the values.
    writer.text(`value ${Math.floor(next() * 1e9)} of ${key}`);
    lastOfKey.set(key, { client, clock: clocks[client] });
    clocks[client] += 1;
  };
  const begin = (client) => {
    const section = sectionOf(client);
    section.count += 1;
    return section;
  };
  const remove = (client, clock, length) => {
    const own = deletions.get(client) ?? [];
    own.push([clock, length]);
    deletions.set(client, own);
  };
  const flush = () => {
    const writer = createWriter(64);
    writer.uint(sections.size);
    for (const [client, section] of [...sections].sort(([a], [b]) => ids[b] - ids[a])) {
      writer.uint(section.count);
      writer.uint(ids[client]);
      writer.uint(section.from);
      writer.bytes(section.writer.finish());
    }
    writer.uint(deletions.size);
    for (const [client, ranges] of deletions) {
      writer.uint(ids[client]);
      writer.uint(ranges.length);
      for (const [clock, length] of ranges) {
        writer.uint(clock);
        writer.uint(length);
      }
    }
    sections = new Map();
    deletions = new Map();
    return writer.finish();
  };

  return {
    ids,
    /** So many structs of many clients. */
    update(count, { textBytes, mapShare, deleteShare }) {
      for (let made = 0; made < count; made += 1) {
        const client = Math.floor(next() * clientCount);
        const kind = next();
        if (texts > 0 && kind < mapShare) value(client);
        else {
          text(client, 1 + Math.floor(next() * textBytes), Math.floor(next() * texts));
          if (kind > 1 - deleteShare) {
            const gone = Math.floor(next() * texts);
            remove(clientOf[gone], clockOf[gone], lengthOf[gone]);
          }
        }
      }
      return flush();
    },
    /** One letter typed behind the one before, now and then somewhere else; or one deleted. */
    letter(client, cursors) {
      const roll = next();
      const cursor = cursors.get(client);
      if (roll < 0.05 && cursor !== undefined) {
        remove(clientOf[cursor], clockOf[cursor], lengthOf[cursor]);
        return flush();
      }
      const at = cursor === undefined || roll > 0.97 ? Math.floor(next() * texts) : cursor;
      cursors.set(client, text(client, 1, at));
      return flush();
    },
  };
}

/**
 * A log of small updates, of a few people who type at the same time.
 *
 * @param {{ updates?: number, writers?: number, seed?: number, after?: ReturnType<typeof createGenerator> }} options `after`: the
 *   document that they type into, which must have room for as many structs. Default: an empty one.
 */
export function* generateLog({ updates = 100_000, writers = 20, seed = 7, after } = {}) {
  const document = after ?? createGenerator({ structs: updates, clients: writers, seed });
  const pick = randomOf(seed + 1);
  const cursors = new Map();
  for (let made = 0; made < updates; made += 1) yield document.letter(Math.floor(pick() * writers), cursors);
}

function clientIds(count, next) {
  const ids = new Set();
  while (ids.size < count) ids.add(1 + Math.floor(next() * 0xfffffff0));
  return [...ids];
}

function writeId(writer, client, clock) {
  writer.uint(client);
  writer.uint(clock);
}

function createWriter(size) {
  let bytes = Buffer.allocUnsafe(size);
  let at = 0;
  const reserve = (count) => {
    if (at + count <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + count));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  };
  const writer = {
    byte(value) {
      reserve(1);
      bytes[at++] = value;
    },
    uint(value) {
      reserve(9);
      let rest = value;
      while (rest >= 0x80) {
        bytes[at++] = (rest % 0x80) | 0x80;
        rest = Math.floor(rest / 0x80);
      }
      bytes[at++] = rest;
    },
    bytes(data) {
      reserve(data.length);
      bytes.set(data, at);
      at += data.length;
    },
    /** ASCII. */
    text(data) {
      writer.uint(data.length);
      reserve(data.length);
      at += bytes.latin1Write(data, at);
    },
    finish: () => new Uint8Array(bytes.subarray(0, at)),
  };
  return writer;
}

/** Numbers from 0 to below 1. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
