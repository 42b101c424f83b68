import type { Principal } from "../auth/principal.ts";
import { createBoundedMap } from "../platform/bounded-map.ts";

/** People remembered at most; who was here longest ago is forgotten. */
const PEOPLE_MAX = 10_000;

/** What a new connection has in any case, as a share of a whole burst: it has to subscribe, and to recover. */
const SHARE_MIN = 1 / 8;

/** Messages that somebody's connection could still send at once, and when that was. */
interface Left {
  readonly messages: number;
  readonly atMs: number;
}

/**
 * What people have left of their bursts: a new connection of theirs starts with that, and what has come back since. Otherwise whoever reconnects again and again would have a fresh burst each time, and no rate at all.
 */
export class SpentBursts {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  readonly #left = createBoundedMap<Left>(PEOPLE_MAX);

  constructor(ratePerSecond: number, burst: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
  }

  /** A connection has ended, or used up its burst, with this many left. The poorest of several counts. */
  leave(principal: Principal, messages: number, nowMs: number): void {
    const kept = this.#projected(principal, nowMs);
    if (kept !== undefined && messages >= kept) return;
    this.#left.set(nameOf(principal), { messages, atMs: nowMs });
  }

  /** What a new connection may send at once. */
  left(principal: Principal, nowMs: number): number {
    const messages = this.#projected(principal, nowMs) ?? this.#burst;
    return Math.max(messages, this.#burst * SHARE_MIN);
  }

  /** Undefined when all has come back, or nothing is known. */
  #projected(principal: Principal, nowMs: number): number | undefined {
    const name = nameOf(principal);
    const left = this.#left.get(name);
    if (left === undefined) return undefined;
    const messages = left.messages + ((nowMs - left.atMs) * this.#ratePerSecond) / 1_000;
    if (messages < this.#burst) return messages;
    this.#left.delete(name);
    return undefined;
  }
}

function nameOf({ tenant, id }: Principal): string {
  return `${tenant}\n${id}`;
}
