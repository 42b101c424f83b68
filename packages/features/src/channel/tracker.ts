import type { PresenceMember } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { PresenceDiff } from "./presence.ts";

/** Limits and timing of a presence. */
export interface TrackerOptions {
  /** Members at once. Default 1,000; one more is refused with OVERLOADED. */
  readonly membersMax?: number;
  /** A state as JSON, in bytes. Default 4,096; a larger one is refused with PRESENCE_INVALID. */
  readonly stateBytesMax?: number;
  /** How long somebody stays a member after their socket was lost. Default 5,000. */
  readonly leaveAfterMs?: number;
}

/**
 * Who is present in one topic, and what has changed since subscribers were last told. Pure: it is told the time and
 * sends nothing. Ids are sessions.
 *
 * @example
 * const tracker = createTracker();
 * tracker.set("s1", "ada", { name: "Ada" });
 * tracker.takeDiff(); // { joins: [{ id: "s1", … }], updates: [], leaves: [] }
 */
export interface PresenceTracker {
  /** Makes `id` a member, or changes their state. Refuses a state that is too large and one member too many. */
  set(id: string, user: string, state: unknown): void;
  /** `id` leaves at once and is forgotten. */
  remove(id: string): void;
  /** The socket of `id` was lost: they leave at `atMs` plus the grace, unless they come back. */
  detach(id: string, atMs: number): void;
  /** The socket of `id` is back: they stay, or join again with the state they had. */
  attach(id: string): void;
  /** Lets those leave whose grace is over at `nowMs`. */
  expire(nowMs: number): void;
  /** When `expire` has something to do next; undefined while nobody's grace runs. */
  readonly nextExpiryMs: number | undefined;
  /** Whether there is something to tell. */
  readonly changed: boolean;
  /**
   * What changed since the last call, each member at most once: a join and a leave cancel out, a leave and a join are an
   * update, several updates are one. Undefined when nothing did.
   */
  takeDiff(): PresenceDiff | undefined;
  /**
   * Everybody, in the order they joined, for a newcomer. Changes that a newcomer has seen and that are then taken back
   * before the next diff are in that diff all the same, so that every list plus the diffs after it is right.
   */
  members(): PresenceMember[];
}

interface Entry {
  readonly member: PresenceMember;
  readonly json: string;
  /** Place in the order of joining. */
  readonly order: number;
  /** Still present for the others. False once the grace is over, until they come back. */
  readonly present: boolean;
}

/** What subscribers knew of a member when it first changed after the last diff. */
interface Change {
  readonly before: Entry | undefined;
  /** Somebody got a member list in between: what they saw is not `before`, so nothing may cancel out. */
  shown: boolean;
}

/** A presence with nobody in it. */
export function createTracker(options: TrackerOptions = {}): PresenceTracker {
  const { membersMax = 1_000, stateBytesMax = 4_096, leaveAfterMs = 5_000 } = options;
  const entries = new Map<string, Entry>();
  /** When the grace of each detached id is over, in the order of detaching. */
  const leavesAtMs = new Map<string, number>();
  const changes = new Map<string, Change>();
  let joined = 0;

  const note = (id: string): void => {
    if (changes.has(id)) return;
    const entry = entries.get(id);
    changes.set(id, { before: entry?.present ? entry : undefined, shown: false });
  };
  const setPresent = (id: string, present: boolean): void => {
    const entry = entries.get(id);
    if (!entry || entry.present === present) return;
    note(id);
    const order = present ? (changes.get(id)?.before?.order ?? joined++) : entry.order;
    entries.set(id, { ...entry, present, order });
  };

  return {
    set(id, user, state) {
      const json = presenceJson(state, stateBytesMax);
      const current = entries.get(id);
      if (!current && entries.size >= membersMax) {
        throw new PlexlineError("OVERLOADED", {
          message: `The presence of this topic is full: it has ${membersMax} members.`,
          fix: "Watch without presence, or raise membersMax in the topic's definition.",
        });
      }
      note(id);
      // Somebody who left and comes back before anybody was told keeps their place.
      const known = current?.present ? current : changes.get(id)?.before;
      entries.set(id, { member: { id, user, state }, json, order: known?.order ?? joined++, present: true });
    },
    remove(id) {
      leavesAtMs.delete(id);
      if (!entries.has(id)) return;
      note(id);
      entries.delete(id);
    },
    detach(id, atMs) {
      if (!leavesAtMs.has(id)) leavesAtMs.set(id, atMs + leaveAfterMs);
    },
    attach(id) {
      leavesAtMs.delete(id);
      setPresent(id, true);
    },
    expire(nowMs) {
      for (const [id, leaveAtMs] of leavesAtMs) {
        if (leaveAtMs > nowMs) continue;
        setPresent(id, false);
        leavesAtMs.delete(id);
      }
    },
    get nextExpiryMs() {
      let next: number | undefined;
      for (const leaveAtMs of leavesAtMs.values())
        if (next === undefined || leaveAtMs < next) next = leaveAtMs;
      return next;
    },
    get changed() {
      return changes.size > 0;
    },
    takeDiff() {
      const joins: Entry[] = [];
      const updates: Entry[] = [];
      const leaves: string[] = [];
      for (const [id, { before, shown }] of changes) {
        const entry = entries.get(id);
        const after = entry?.present ? entry : undefined;
        if (after && !before) joins.push(after);
        else if (after && before && (shown || !isSame(before, after))) updates.push(after);
        else if (!after && (before || shown)) leaves.push(id);
      }
      changes.clear();
      if (joins.length + updates.length + leaves.length === 0) return undefined;
      return { joins: inOrder(joins), updates: inOrder(updates), leaves };
    },
    members() {
      for (const change of changes.values()) change.shown = true;
      return inOrder([...entries.values()].filter((entry) => entry.present));
    },
  };
}

function inOrder(entries: Entry[]): PresenceMember[] {
  return entries.sort((a, b) => a.order - b.order).map((entry) => entry.member);
}

function isSame(a: Entry, b: Entry): boolean {
  return a.json === b.json && a.member.user === b.member.user;
}

function presenceJson(state: unknown, bytesMax: number): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(state);
  } catch (cause) {
    throw new PlexlineError("PRESENCE_INVALID", { message: "presence cannot be written as JSON.", cause });
  }
  if (json === undefined)
    throw new PlexlineError("PRESENCE_INVALID", { message: "presence must be a JSON value." });
  const bytes = new TextEncoder().encode(json).byteLength;
  if (bytes > bytesMax) {
    throw new PlexlineError("PRESENCE_INVALID", {
      message: `presence has ${bytes} bytes; at most ${bytesMax} (presenceStateBytesMax) are accepted.`,
    });
  }
  return json;
}
