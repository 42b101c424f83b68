import { createBoundedMap } from "../platform/bounded-map.ts";
import type { Clock } from "../platform/clock.ts";
import type { Principal } from "./principal.ts";

/** Decisions of the last moments. `value` is never undefined. */
export interface AccessCache<V> {
  get(principal: Principal, topic: string): V | undefined;
  /** Keeps a decision, unless something was dropped since `generation` was read: it may rest on what no longer holds. */
  set(principal: Principal, topic: string, value: V, generation: number): void;
  readonly generation: number;
  dropTopic(topic: string): void;
  dropPrincipal(id: string, tenant?: string): void;
}

interface Cached<V> {
  readonly value: V;
  readonly principal: Principal;
  readonly topic: string;
  readonly expiresAtMs: number;
}

/** Keys start with the tenant and name one principal object: two tokens of one user may carry different roles. */
export function createAccessCache<V>(options: {
  clock: Clock;
  ageMaxMs: number;
  entriesMax: number;
}): AccessCache<V> {
  const { clock, ageMaxMs, entriesMax } = options;
  const keysByTopic = new Map<string, Set<string>>();
  const entries = createBoundedMap<Cached<V>>(entriesMax, forgetKey);
  const numbers = new WeakMap<Principal, number>();
  let lastNumber = 0;
  let generation = 0;

  function keyOf(principal: Principal, topic: string): string {
    let number = numbers.get(principal);
    if (number === undefined) {
      lastNumber += 1;
      number = lastNumber;
      numbers.set(principal, number);
    }
    return `${principal.tenant}\n${number}\n${principal.kind}\n${principal.id}\n${topic}`;
  }

  function forgetKey(key: string, { topic }: Cached<V>): void {
    const keys = keysByTopic.get(topic);
    keys?.delete(key);
    if (keys?.size === 0) keysByTopic.delete(topic);
  }

  function drop(key: string, entry: Cached<V>): void {
    entries.delete(key);
    forgetKey(key, entry);
  }

  /** A decision is of no use after its moment, and would hold on to a principal who may be gone for good. */
  function dropStale(nowMs: number): void {
    for (let oldest = entries.oldest(); oldest !== undefined; oldest = entries.oldest()) {
      if (nowMs < oldest[1].expiresAtMs) return;
      drop(...oldest);
    }
  }

  return {
    get generation() {
      return generation;
    },
    get(principal, topic) {
      const key = keyOf(principal, topic);
      const entry = entries.get(key);
      if (entry === undefined || clock.monotonicMs() < entry.expiresAtMs) return entry?.value;
      drop(key, entry);
      return undefined;
    },
    set(principal, topic, value, since) {
      if (since !== generation) return;
      const nowMs = clock.monotonicMs();
      dropStale(nowMs);
      const key = keyOf(principal, topic);
      entries.set(key, { value, principal, topic, expiresAtMs: nowMs + ageMaxMs });
      const keys = keysByTopic.get(topic) ?? new Set();
      keysByTopic.set(topic, keys.add(key));
    },
    dropTopic(topic) {
      generation += 1;
      for (const key of keysByTopic.get(topic) ?? []) entries.delete(key);
      keysByTopic.delete(topic);
    },
    dropPrincipal(id, tenant) {
      generation += 1;
      for (const key of [...keysByTopic.values()].flatMap((keys) => [...keys])) {
        const entry = entries.get(key);
        if (entry?.principal.id !== id || (tenant !== undefined && entry.principal.tenant !== tenant))
          continue;
        drop(key, entry);
      }
    },
  };
}
