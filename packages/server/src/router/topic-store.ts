import type { Position } from "@plexline/protocol";
import type { AppendAlso, StoredValue } from "../feature/feature.ts";
import type { Commit, Put, Segment, SegmentPlace, Snapshot, Storage } from "../storage/storage.ts";

/** The part of the storage that is one topic's: its values, which no other topic can name, and the snapshot of its log. */
export class TopicStore {
  readonly #storage: Storage;
  readonly #key: string;

  /** `key` is the topic's identity, which starts with its tenant. */
  constructor(storage: Storage, key: string) {
    this.#storage = storage;
    this.#key = key;
  }

  /** The same with the keys as the storage knows them. */
  scoped({ puts = [], deletes = [], checks = [] }: AppendAlso): Omit<Commit, "appends"> {
    return {
      puts: puts.map((put) => ({ ...put, key: this.#scopedKey(put.key) })),
      deletes: deletes.map((key) => this.#scopedKey(key)),
      checks: checks.map((check) => ({ ...check, key: this.#scopedKey(check.key) })),
    };
  }

  async get(key: string): Promise<StoredValue | undefined> {
    const stored = await this.#storage.get(this.#scopedKey(key));
    return stored && { value: stored.value, version: stored.version };
  }

  async put(puts: readonly Put[], deletes: readonly string[]): Promise<void> {
    await this.#storage.commit(this.scoped({ puts, deletes }));
  }

  readSnapshot(): Promise<Snapshot | undefined> {
    return this.#storage.readSnapshot(this.#key);
  }

  writeSnapshot(
    position: Position,
    chunks: readonly Uint8Array[],
    segments?: readonly Segment[],
  ): Promise<void> {
    return this.#storage.writeSnapshot(this.#key, position, chunks, segments);
  }

  writeSegment(place: SegmentPlace, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#storage.writeSegment(this.#key, place, chunks);
  }

  readSegment(name: string, from: number, count: number): Promise<readonly Uint8Array[] | undefined> {
    return this.#storage.readSegment(this.#key, name, from, count);
  }

  #scopedKey(key: string): string {
    return `topic/${this.#key}\n${key}`;
  }
}
