import type { Clock } from "../platform/clock.ts";
import type { Histogram } from "../telemetry/metrics.ts";
import type { Commit, Storage } from "./storage.ts";

/** A storage whose commits are timed; everything else goes straight through. */
export function meteredStorage(storage: Storage, commitMs: Histogram, clock: Clock): Storage {
  const commit = async (changes: Commit) => {
    const startedMs = clock.monotonicMs();
    const positions = await storage.commit(changes);
    commitMs.observe(clock.monotonicMs() - startedMs);
    return positions;
  };
  return {
    incarnation: storage.incarnation,
    commit,
    read: (topic, from, limits) => storage.read(topic, from, limits),
    heads: (topics) => storage.heads(topics),
    get: (key) => storage.get(key),
    list: (prefix, options) => storage.list(prefix, options),
    trim: (topic, offset) => storage.trim(topic, offset),
    reset: (topic, epoch) => storage.reset(topic, epoch),
    writeSnapshot: (topic, position, chunks, segments) =>
      storage.writeSnapshot(topic, position, chunks, segments),
    writeSegment: (topic, place, chunks) => storage.writeSegment(topic, place, chunks),
    readSegment: (topic, name, from, count) => storage.readSegment(topic, name, from, count),
    readSnapshot: (topic) => storage.readSnapshot(topic),
    close: () => storage.close(),
  };
}
