import { parseTopic } from "@plexline/protocol";
import { createBoundedMap } from "../platform/bounded-map.ts";
import type { Commit, Storage } from "../storage/storage.ts";
import { ConflictError } from "../storage/storage.ts";
import { parseRecord, type ResourceRecord } from "./record.ts";

export type RecordListener = (topic: string, record: ResourceRecord | null) => void;

/** The resource records of all topics. */
export interface RecordStore {
  /** The record of a topic, or null. From memory when it was used lately. */
  get(topic: string): Promise<ResourceRecord | null>;
  /** Writes a record; durable when it resolves. Parses what it is given: throws PAYLOAD_INVALID or TOPIC_INVALID. */
  set(record: ResourceRecord): Promise<void>;
  /** Writes a record unless the topic has one; resolves with whether it did. One of several at once wins. */
  create(record: ResourceRecord): Promise<boolean>;
  /** Removes a record; resolves with whether there was one. */
  delete(topic: string): Promise<boolean>;
  /**
   * Records in the order of their topics (by UTF-8 bytes), after the topic `after`, of topics that start with `prefix`
   * (default: all); at most `limit`, default 100, most 1,000.
   */
  list(options?: { prefix?: string; after?: string; limit?: number }): Promise<readonly ResourceRecord[]>;
  /** Hears of every change once it is durable. Returns the way to stop. */
  onChange(listener: RecordListener): () => void;
  /** Another node changed the record: it is read again when next needed, and listeners hear what it is now. */
  reload(topic: string): Promise<void>;
}

const KEY_PREFIX = "record/";
const LIST_MAX = 1_000;
/** Cached records are mostly a few hundred bytes; the largest have 1,000 members. */
const CACHED_MAX = 10_000;

/** Keeps records in storage under `record/<topic>`, with a bounded cache of those used lately, absent ones included. */
export function createRecordStore(storage: Storage, options: { cachedMax?: number } = {}): RecordStore {
  const cache = createBoundedMap<{ record: ResourceRecord | null }>(options.cachedMax ?? CACHED_MAX);
  const listeners = new Set<RecordListener>();
  const writes = new Map<string, Promise<unknown>>();
  let changes = 0;

  /** Writes of one topic follow one another, so that memory ends with what storage ends with. */
  function inTurn<T>(topic: string, write: () => Promise<T>): Promise<T> {
    const turn = (writes.get(topic) ?? Promise.resolve()).then(write);
    const settled = turn.then(
      () => {},
      () => {},
    );
    writes.set(topic, settled);
    void settled.then(() => {
      if (writes.get(topic) === settled) writes.delete(topic);
    });
    return turn;
  }

  function announce(topic: string, record: ResourceRecord | null): void {
    changes += 1;
    cache.set(topic, { record });
    for (const listener of listeners) listener(topic, record);
  }

  async function read(topic: string): Promise<ResourceRecord | null> {
    const stored = await storage.get(KEY_PREFIX + topic);
    return stored === undefined ? null : decodeRecord(stored.value);
  }

  /** A commit that failed may still have been written, as far as memory knows: the next reader asks storage. */
  async function commit(topic: string, what: Commit): Promise<void> {
    try {
      await storage.commit(what);
    } catch (error) {
      changes += 1;
      cache.delete(topic);
      throw error;
    }
  }

  return {
    async get(topic) {
      const cached = cache.get(topic);
      if (cached !== undefined) return cached.record;
      const before = changes;
      const record = await read(topic);
      // A change while this was being read makes the answer old: it serves this caller and nobody later.
      if (before === changes) cache.set(topic, { record });
      return record;
    },
    async set(input) {
      const record = parseRecord(input);
      await inTurn(record.topic, async () => {
        await commit(record.topic, { puts: [encodePut(record)] });
        announce(record.topic, record);
      });
    },
    async create(input) {
      const record = parseRecord(input);
      return inTurn(record.topic, async () => {
        try {
          const checks = [{ key: KEY_PREFIX + record.topic, version: 0 }];
          await commit(record.topic, { checks, puts: [encodePut(record)] });
        } catch (error) {
          if (error instanceof ConflictError) return false;
          throw error;
        }
        announce(record.topic, record);
        return true;
      });
    },
    async delete(topic) {
      parseTopic(topic, "topic");
      return inTurn(topic, async () => {
        if ((await storage.get(KEY_PREFIX + topic)) === undefined) return false;
        await commit(topic, { deletes: [KEY_PREFIX + topic] });
        announce(topic, null);
        return true;
      });
    },
    async list({ prefix = "", after, limit = 100 } = {}) {
      const page = await storage.list(KEY_PREFIX + prefix, {
        ...(after === undefined ? {} : { after: KEY_PREFIX + after }),
        limit: Math.min(limit, LIST_MAX),
      });
      return page.map(({ value }) => decodeRecord(value));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async reload(topic) {
      changes += 1;
      cache.delete(topic);
      await inTurn(topic, async () => announce(topic, await read(topic)));
    },
  };
}

function encodePut(record: ResourceRecord): { key: string; value: Uint8Array } {
  return { key: KEY_PREFIX + record.topic, value: Buffer.from(JSON.stringify(record)) };
}

function decodeRecord(bytes: Uint8Array): ResourceRecord {
  return parseRecord(JSON.parse(Buffer.from(bytes).toString("utf8")));
}
