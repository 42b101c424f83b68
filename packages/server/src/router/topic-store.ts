import type { Position } from "@plexline/protocol";
import type { Commit, Put, Snapshot, Storage } from "../storage/storage.ts";

/** What a feature may make durable beside the entries of its topic. */
export interface Also {
  readonly puts?: readonly Put[];
  readonly deletes?: readonly string[];
  readonly checks?: Commit["checks"];
}

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
  scoped({ puts = [], deletes = [], checks = [] }: Also): Omit<Commit, "appends"> {
    return {
      puts: puts.map((put) => ({ ...put, key: this.#scopedKey(put.key) })),
      deletes: deletes.map((key) => this.#scopedKey(key)),
      checks: checks.map((check) => ({ ...check, key: this.#scopedKey(check.key) })),
    };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#storage.get(this.#scopedKey(key)))?.value;
  }

  async put(puts: readonly Put[], deletes: readonly string[]): Promise<void> {
    await this.#storage.commit(this.scoped({ puts, deletes }));
  }

  readSnapshot(): Promise<Snapshot | undefined> {
    return this.#storage.readSnapshot(this.#key);
  }

  writeSnapshot(position: Position, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#storage.writeSnapshot(this.#key, position, chunks);
  }

  #scopedKey(key: string): string {
    return `topic/${this.#key}\n${key}`;
  }
}
