import type { Principal } from "../auth/principal.ts";

/** How long an idempotency key is remembered. */
export const KEY_AGE_MAX_MS = 600_000;
/** How many keys a topic remembers. */
export const KEYS_MAX = 10_000;

/** Whose key it is: ids of users and of services may be alike. */
export type KeyOwner = Pick<Principal, "kind" | "id">;

interface Remembered<Outcome> {
  readonly outcome: Outcome;
  readonly atMs: number;
}

/**
 * The idempotency keys of a topic's recent requests, with their outcomes. Keys of logged publications are kept with the
 * entry, so this index is rebuilt from the log when a topic is opened: a publication that survived a crash is
 * recognised after it.
 */
export class RecentKeys<Outcome> {
  readonly #seen = new Map<string, Remembered<Outcome>>();
  readonly #underWay = new Map<string, Remembered<Promise<Outcome>>>();

  remember(owner: KeyOwner, key: string, outcome: Outcome, atMs: number): void {
    this.#seen.set(idOf(owner, key), { outcome, atMs });
    for (const [oldest, { atMs: oldestAtMs }] of this.#seen) {
      if (this.#seen.size <= KEYS_MAX && atMs - oldestAtMs <= KEY_AGE_MAX_MS) break;
      this.#seen.delete(oldest);
    }
  }

  /** What the request with this key has led to or is about to; undefined when there was none. */
  find(owner: KeyOwner, key: string, nowMs: number): Promise<Outcome> | undefined {
    const remembered = this.#seen.get(idOf(owner, key));
    if (remembered && nowMs - remembered.atMs <= KEY_AGE_MAX_MS) return Promise.resolve(remembered.outcome);
    const underWay = this.#underWay.get(idOf(owner, key));
    return underWay && nowMs - underWay.atMs <= KEY_AGE_MAX_MS ? underWay.outcome : undefined;
  }

  /** Notes a request as under way until it settles, which may be never: these are bounded like the others. */
  track(owner: KeyOwner, key: string, outcome: Promise<Outcome>, nowMs: number): void {
    const id = idOf(owner, key);
    const tracked = { outcome, atMs: nowMs };
    this.#underWay.set(id, tracked);
    if (this.#underWay.size > KEYS_MAX) this.#underWay.delete(this.#underWay.keys().next().value as string);
    const settle = () => {
      if (this.#underWay.get(id) === tracked) this.#underWay.delete(id);
    };
    outcome.then(settle, settle);
  }

  forget(): void {
    this.#seen.clear();
  }
}

/** Ids hold no control characters, so the line feed keeps one owner's keys apart from another's. */
function idOf(owner: KeyOwner, key: string): string {
  return `${owner.kind}\n${owner.id}\n${key}`;
}
