/** A map that forgets what was used longest ago, so that it never has more than `entriesMax` entries. */
export interface BoundedMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  /** What was used longest ago; undefined when there is nothing. */
  oldest(): readonly [key: string, value: V] | undefined;
}

/** Makes one; `onEvict` hears of each entry that had to go. */
export function createBoundedMap<V>(
  entriesMax: number,
  onEvict: (key: string, value: V) => void = () => {},
): BoundedMap<V> {
  // A Map keeps the order of insertion: taking an entry out and in again makes it the newest.
  const entries = new Map<string, V>();
  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size <= entriesMax) return;
      for (const [oldestKey, oldest] of entries) {
        entries.delete(oldestKey);
        onEvict(oldestKey, oldest);
        return;
      }
    },
    delete: (key) => void entries.delete(key),
    oldest: () => entries.entries().next().value,
  };
}
