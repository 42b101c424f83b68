import type { Commit, NewEntry, Storage } from "@plexline/server";

/** A storage under test. `reopen` closes it and opens what was durable; `cleanup` removes everything. */
export interface StorageUnderTest {
  readonly storage: Storage;
  reopen(): Promise<Storage>;
  cleanup(): Promise<void>;
}

/** Opens a storage for one test; the suite cleans it up. */
export type Start = () => Promise<StorageUnderTest>;

export const ALL = { entriesMax: 10_000, bytesMax: 1 << 30 };
export const encoder = new TextEncoder();
export const decoder = new TextDecoder();

export const entry = (text: string, atMs = 1): NewEntry => ({ data: encoder.encode(text), atMs });
export const append = (topic: string, ...texts: string[]): Commit => ({
  appends: [{ topic, entries: texts.map((text) => entry(text)) }],
});

export async function textsOf(storage: Storage, topic: string, from = 0, limits = ALL): Promise<string[]> {
  const { entries } = await storage.read(topic, from, limits);
  return entries.map(({ data }) => decoder.decode(data));
}

export async function textOf(storage: Storage, key: string): Promise<string | undefined> {
  const stored = await storage.get(key);
  return stored && decoder.decode(stored.value);
}

export async function windowOf(storage: Storage, topic: string) {
  const [window] = await storage.heads([topic]);
  if (window === undefined) throw new Error("heads() answered with fewer windows than it was asked for.");
  return window;
}

export const conflict = { name: "ConflictError" };
