import type { Position } from "@plexline/protocol";
import { formatCursor, parseCursor } from "../../../cursor.ts";
import type { SubscriptionConfig } from "./config.ts";
import { matchesPattern } from "./pattern.ts";
import { fenced, malformed } from "./refusal.ts";

/** How far a stream of a subscription has been worked on. */
export interface Link {
  readonly isExplicit: boolean;
  /** Everything up to here; `-1`: nothing. */
  readonly acked: string;
}

/** A wake that somebody is to answer, or has answered and works on. */
export interface Wake {
  readonly id: string;
  /** Of the token of whoever works on it; null until somebody does. */
  readonly tokenHash: string | null;
  readonly holder: string | null;
  /** Null until somebody works on it. */
  readonly leaseUntilMs: number | null;
}

/** All of a subscription, as it is stored. */
export interface Subscription {
  readonly config: SubscriptionConfig;
  readonly createdAtMs: number;
  readonly links: Readonly<Record<string, Link>>;
  readonly generation: number;
  readonly wake: Wake | null;
  /** A webhook has failed so many times in a row, and is tried again at this time. */
  readonly retry: { readonly failures: number; readonly atMs: number } | null;
}

/** Where each of its streams ends; absent for those that are not there. */
export type Tails = Readonly<Record<string, Position>>;

/** A stream as subscribers are told of it. */
export interface ToldLink {
  readonly path: string;
  readonly link_type: "explicit" | "glob";
  readonly acked_offset: string;
}

export const NOTHING_ACKED = "-1";

/** Whether a stream belongs to it, or would. */
export function covers({ config, links }: Subscription, path: string): boolean {
  if (Object.hasOwn(links, path)) return true;
  return config.pattern !== null && matchesPattern(config.pattern, path);
}

/** With these streams, each from where it stands if it was not there. */
export function withLinks(
  subscription: Subscription,
  added: readonly { readonly path: string; readonly acked: string }[],
  isExplicit: boolean,
): Subscription {
  const links = { ...subscription.links };
  for (const { path, acked } of added) {
    const known = links[path];
    links[path] = known ? { ...known, isExplicit: known.isExplicit || isExplicit } : { isExplicit, acked };
  }
  return { ...subscription, links };
}

/** Without a stream that was named; a pattern that matches it keeps it. */
export function withoutLink(subscription: Subscription, path: string): Subscription {
  const { [path]: known, ...others } = subscription.links;
  if (!known?.isExplicit) return subscription;
  const { pattern } = subscription.config;
  const stays = pattern !== null && matchesPattern(pattern, path);
  return { ...subscription, links: stays ? { ...others, [path]: { ...known, isExplicit: false } } : others };
}

/** Whether a stream has more than has been worked on. */
export function isPending({ acked }: Link, tail: Position | undefined): boolean {
  if (tail === undefined) return false;
  const position = parseCursor(acked);
  // A stream that was made anew has not been worked on, however far the one before was.
  return position === null || position.epoch !== tail.epoch ? tail.offset > 0 : tail.offset > position.offset;
}

export function hasPending({ links }: Subscription, tails: Tails): boolean {
  return Object.entries(links).some(([path, link]) => isPending(link, tails[path]));
}

export function toldLinks({ links }: Subscription): readonly ToldLink[] {
  return Object.entries(links).map(([path, { isExplicit, acked }]) => ({
    path,
    link_type: isExplicit ? "explicit" : "glob",
    acked_offset: acked,
  }));
}

/** The streams with where they end, for whoever is woken. */
export function toldStreams(subscription: Subscription, tails: Tails) {
  return toldLinks(subscription).map((link) => {
    const tail = tails[link.path];
    return {
      ...link,
      tail_offset: tail ? formatCursor(tail) : NOTHING_ACKED,
      has_pending: isPending(subscription.links[link.path] as Link, tail),
    };
  });
}

/** Checks that whoever answers has the present wake; throws FENCED. */
export function assertWake(
  { wake, generation }: Subscription,
  given: { readonly wakeId: unknown; readonly generation: unknown; readonly tokenHash: string },
  nowMs: number,
): Wake {
  const isPresent =
    wake !== null &&
    wake.leaseUntilMs !== null &&
    wake.leaseUntilMs > nowMs &&
    wake.tokenHash === given.tokenHash &&
    wake.id === given.wakeId &&
    generation === given.generation;
  if (!isPresent) throw fenced();
  return wake;
}

/** With what has been worked on. An offset below the one that is known changes nothing. */
export function withAcks(subscription: Subscription, acks: unknown, tails: Tails): Subscription {
  if (acks === undefined) return subscription;
  if (!Array.isArray(acks)) throw malformed("acks must be an array.");
  const links = { ...subscription.links };
  for (const ack of acks as readonly { readonly stream?: unknown; readonly offset?: unknown }[]) {
    const path = String(ack?.stream ?? "");
    const link = links[path];
    const position = typeof ack?.offset === "string" ? parseCursor(ack.offset) : null;
    const tail = tails[path];
    if (!link || !Object.hasOwn(links, path)) throw malformed(`acks names ${path}, which is not subscribed.`);
    if (!position || !tail || position.epoch !== tail.epoch || position.offset > tail.offset)
      throw malformed(`acks has an offset that ${path} does not have.`);
    const known = parseCursor(link.acked);
    if (known && known.epoch === position.epoch && known.offset >= position.offset) continue;
    links[path] = { ...link, acked: formatCursor(position) };
  }
  return { ...subscription, links };
}
