import type { Commit, Storage } from "@plexline/server";
import fc from "fast-check";

/** One step of a random history. `lag` makes a guarded step expect something that no longer holds. */
export type StorageStep =
  | {
      readonly kind: "append";
      readonly topic: string;
      readonly texts: readonly string[];
      readonly lag: number;
    }
  | { readonly kind: "put"; readonly key: string; readonly text: string; readonly lag: number }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "trim"; readonly topic: string; readonly offset: number }
  | { readonly kind: "reset"; readonly topic: string };

const TOPICS = ["a", "ab", "b"];
const KEYS = ["k", "k:1", "k:2", "\uFF5E", "\u{1F600}"];

const topic = fc.constantFrom(...TOPICS);
const key = fc.constantFrom(...KEYS);
const text = fc.string({ maxLength: 8 });
const lag = fc.constantFrom(0, 0, 0, 1);
const texts = fc.array(text, { maxLength: 3 });

/** Steps for `fc.array`; appends and puts are the most likely. */
export const storageStep: fc.Arbitrary<StorageStep> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append"), topic, texts, lag }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("put"), key, text, lag }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trim"), topic, offset: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset"), topic }) },
);

/** What a storage shows of the topics and keys that steps use. */
export interface StorageState {
  readonly logs: readonly {
    readonly head: number;
    readonly floor: number;
    readonly texts: readonly string[];
  }[];
  readonly values: readonly string[];
}

/** A step's request to a real storage, and what it must answer: offsets, or the name of the refusal. */
export interface Played {
  readonly outcome: readonly number[] | string;
  request(storage: Storage): Promise<readonly number[] | string>;
}

export interface StorageModel {
  /** Carries a step out in the model. */
  play(step: StorageStep): Played;
  state(): StorageState;
}

interface ModelLog {
  readonly texts: string[];
  floor: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A storage so simple that it is right by inspection: arrays, a map, and no time. */
export function createStorageModel(): StorageModel {
  const logs = new Map<string, ModelLog>(TOPICS.map((name) => [name, { texts: [], floor: 0 }]));
  const values = new Map<string, { text: string; version: number }>();
  const logOf = (name: string): ModelLog => logs.get(name) ?? { texts: [], floor: 0 };

  function playAppend(step: Extract<StorageStep, { kind: "append" }>): Played {
    const { texts: added } = logOf(step.topic);
    const expectedOffset = added.length + step.lag;
    if (step.lag === 0) added.push(...step.texts);
    const entries = step.texts.map((one) => ({ data: encoder.encode(one), atMs: 0 }));
    const commit = { appends: [{ topic: step.topic, entries, expectedOffset }] };
    return {
      outcome: step.lag === 0 ? [added.length] : "ConflictError",
      request: (storage) => commitTo(storage, commit),
    };
  }

  function playPut(step: Extract<StorageStep, { kind: "put" }>): Played {
    const version = values.get(step.key)?.version ?? 0;
    const checks = [{ key: step.key, version: version + step.lag }];
    if (step.lag === 0) values.set(step.key, { text: step.text, version: version + 1 });
    const commit = { checks, puts: [{ key: step.key, value: encoder.encode(step.text) }] };
    return {
      outcome: step.lag === 0 ? [] : "ConflictError",
      request: (storage) => commitTo(storage, commit),
    };
  }

  function playTrim(step: Extract<StorageStep, { kind: "trim" }>): Played {
    const log = logOf(step.topic);
    log.floor = Math.max(log.floor, Math.min(step.offset, log.texts.length));
    return { outcome: [], request: (storage) => storage.trim(step.topic, step.offset).then(() => []) };
  }

  return {
    play(step) {
      switch (step.kind) {
        case "append":
          return playAppend(step);
        case "put":
          return playPut(step);
        case "trim":
          return playTrim(step);
        case "delete":
          values.delete(step.key);
          return { outcome: [], request: (storage) => commitTo(storage, { deletes: [step.key] }) };
        case "reset":
          logs.set(step.topic, { texts: [], floor: 0 });
          return { outcome: [], request: (storage) => storage.reset(step.topic).then(() => []) };
      }
    },
    state: () => ({
      logs: TOPICS.map((name) => {
        const { texts: all, floor } = logOf(name);
        return { head: all.length, floor, texts: all.slice(floor) };
      }),
      values: KEYS.flatMap((name) => {
        const value = values.get(name);
        return value === undefined ? [] : [`${name} ${value.version} ${value.text}`];
      }),
    }),
  };
}

async function commitTo(storage: Storage, commit: Commit): Promise<readonly number[] | string> {
  try {
    return (await storage.commit(commit)).map(({ offset }) => offset);
  } catch (error) {
    return (error as Error).name;
  }
}

/** What a real storage shows, in the model's form. */
export async function stateOf(storage: Storage): Promise<StorageState> {
  const windows = await storage.heads(TOPICS);
  const pages = windows.map(({ floor }, index) => {
    return storage.read(TOPICS[index] ?? "", floor, { entriesMax: 1_000, bytesMax: 1 << 20 });
  });
  const logs = (await Promise.all(pages)).map(({ head, floor, entries }) => {
    return { head, floor, texts: entries.map(({ data }) => decoder.decode(data)) };
  });
  const values = (await storage.list("")).map((stored) => {
    return `${stored.key} ${stored.version} ${decoder.decode(stored.value)}`;
  });
  return { logs, values };
}
