import { PlexlineError } from "@plexline/protocol";
import type { Member, OutboxPolicy, TopicContext } from "@plexline/server";
import { DOC_KIND } from "../protocol.ts";
import { type AwarenessEntry, isState, readAwareness, writeAwareness } from "./codec.ts";
import { createAwarenessTable, type Received } from "./table.ts";

export interface DocAwarenessOptions {
  /** A state as JSON, in bytes. */
  readonly awarenessBytesMax: number;
  /** Client ids that one session may show. */
  readonly awarenessIdsMax: number;
  /** How long states stay after their connection was lost, in milliseconds. */
  readonly leaveAfterMs: number;
}

/** Who is at which place of one document: what a room calls for its awareness. None of it throws. */
export interface DocAwareness {
  /** An awareness update of a member. */
  onMessage(member: Member, payload: Uint8Array): void;
  /** Somebody subscribed: they are pushed everybody's states, if there are any [DC4]. To be called when a push follows the reply. */
  onSubscribe(member: Member): void;
  onAttachment(member: Member, attached: boolean): void;
  onUnsubscribe(member: Member): void;
  /** Stops all timers; nothing is told any more. */
  close(): void;
}

/**
 * What a newcomer is told at once. States beyond it follow when their clients renew them, every 15 seconds; the smallest
 * are told first, so that nobody can hide others behind large ones.
 */
const TABLE_BYTES_MAX = 256 * 1024;
/** What an entry takes beside its state, at most. */
const ENTRY_BYTES = 20;

interface Detached {
  readonly atMs: number;
  readonly timer: { cancel(): void };
}

/** Starts the awareness of a document, in which nobody shows anything. */
export function createDocAwareness(topic: TopicContext, options: DocAwarenessOptions): DocAwareness {
  const { awarenessBytesMax: bytesMax, awarenessIdsMax: idsMax, leaveAfterMs } = options;
  const { clock } = topic;
  const table = createAwarenessTable({ bytesMax, idsMax, isState });
  const detached = new Map<string, Detached>();
  /** Sessions that have been told that a state of theirs is left out. */
  const told = new Set<string>();
  /** Everybody's states as a message, until one changes. */
  let everybody: Uint8Array | undefined;

  const relay = (changes: readonly AwarenessEntry[], except?: Member): void => {
    if (changes.length > 0) everybody = undefined;
    // One message for each id: a newer state of an id replaces an older one that waits, and nothing else.
    for (const change of changes) {
      topic.relay(messageOf(writeAwareness([change])), {
        outbox: coalesced(String(change.client)),
        ...(except ? { except } : {}),
      });
    }
  };
  const pushEverybody = (member: Member): void => {
    everybody ??= writeAwareness(smallest(table.states()));
    // One byte: the count of no entries.
    if (everybody.length > 1) topic.push(member, messageOf(everybody), coalesced("all"));
  };
  const refuse = (member: Member, why: Refusal): void => {
    if (told.has(member.sessionId)) return;
    told.add(member.sessionId);
    const error = new PlexlineError("PRESENCE_INVALID", { message: REFUSALS[why](options) });
    topic.push(member, { type: "error", topic: topic.topic, error: error.toBody() });
  };
  const attach = (session: string): Detached | undefined => {
    const was = detached.get(session);
    was?.timer.cancel();
    detached.delete(session);
    return was;
  };

  return {
    onMessage(member, payload) {
      let entries: AwarenessEntry[];
      try {
        entries = readAwareness(payload);
      } catch {
        return refuse(member, "bytes-invalid");
      }
      const received = table.receive(member.sessionId, entries, clock.monotonicMs());
      relay(received.changes, member);
      if (received.answers.length > 0) {
        topic.push(member, messageOf(writeAwareness(received.answers)), coalesced("removed"));
      }
      if (received.refused) refuse(member, received.refused);
    },
    onSubscribe(member) {
      attach(member.sessionId);
      told.delete(member.sessionId);
      table.enter(member.sessionId, member.principal.id);
      pushEverybody(member);
    },
    onAttachment(member, attached) {
      const session = member.sessionId;
      const was = attach(session);
      if (!attached) {
        const timer = clock.setTimer(() => relay(table.clear(session, clock.monotonicMs())), leaveAfterMs);
        detached.set(session, { atMs: clock.monotonicMs(), timer });
        return;
      }
      // Its connection was told nothing meanwhile, neither of others nor that its own states are gone.
      if (!was) return;
      const missed = smallest(table.states(was.atMs));
      if (missed.length > 0) topic.push(member, messageOf(writeAwareness(missed)), coalesced("all"));
    },
    onUnsubscribe(member) {
      attach(member.sessionId);
      told.delete(member.sessionId);
      relay(table.leave(member.sessionId, clock.monotonicMs()), member);
    },
    close() {
      for (const { timer } of detached.values()) timer.cancel();
      detached.clear();
      told.clear();
    },
  };
}

type Refusal = NonNullable<Received["refused"]> | "bytes-invalid";

const REFUSALS: Record<Refusal, (options: DocAwarenessOptions) => string> = {
  bytes: ({ awarenessBytesMax }) =>
    `An awareness state has more than ${awarenessBytesMax} bytes (awarenessBytesMax) and is not shown.`,
  ids: ({ awarenessIdsMax }) =>
    `A session shows at most ${awarenessIdsMax} awareness states (awarenessIdsMax); one more is not shown.`,
  json: () => "An awareness state is not JSON and is not shown.",
  "bytes-invalid": () => "An awareness update cannot be read and is ignored.",
};

/** The engine puts the topic's alias in. */
function messageOf(payload: Uint8Array) {
  return { alias: 0, kind: DOC_KIND.awareness, payload };
}

function coalesced(what: string): OutboxPolicy {
  return { policy: "coalesce", key: `awareness:${what}` };
}

/** As many entries as a newcomer is told at once, the smallest first. */
function smallest(entries: AwarenessEntry[]): AwarenessEntry[] {
  let bytes = 0;
  return entries
    .sort((a, b) => (a.state?.length ?? 0) - (b.state?.length ?? 0))
    .filter(({ state }) => {
      bytes += ENTRY_BYTES + (state?.length ?? 0);
      return bytes <= TABLE_BYTES_MAX;
    });
}
