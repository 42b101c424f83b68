import { PlexlineError } from "@plexline/protocol";
import type { Feature, HistoryOptions, Member, Room, Sender, TopicContext } from "@plexline/server";

/** Kinds of binary messages that a broadcast probe takes. */
export const BROADCAST_KIND = {
  /** Broadcast to all others, counted, and acknowledged or answered by `error`. Needs `publish`. */
  logged: 0,
  /** Relayed to all others. Needs `presence`. */
  ephemeral: 1,
} as const;

/** A feature with a log of binary messages, for tests of the engine around it. */
export interface BroadcastProbe extends Feature {
  /** What happened to its rooms: `entry 5` (another node's), `restart`, `lost 3` (of the sender's count), `close`. */
  readonly events: readonly string[];
  /** What the room of an address was given; throws unless somebody has used it. */
  topic(address: string): TopicContext;
  /** Whoever subscribed with this session; throws unless it has. */
  member(sessionId: string): Member;
}

/** How far the counted messages of one subscription are settled. */
interface Counted {
  sent: number;
  acked: number;
  readonly settled: Set<number>;
}

/**
 * Creates a broadcast probe.
 *
 * @example
 * const pad = broadcastProbe("pad:{id}");
 * const server = await createTestServer({ topics: { pad } });
 */
export function broadcastProbe(
  template: string,
  history: HistoryOptions = { keepsAll: true },
): BroadcastProbe {
  const events: string[] = [];
  const topics = new Map<string, TopicContext>();
  const members = new Map<string, Member>();
  return {
    feature: "broadcast-probe",
    template,
    history,
    roles: { controller: ["subscribe", "publish", "presence"], viewer: ["subscribe"] },
    defaultRole: "controller",
    binaryOperation: (kind) => (kind === BROADCAST_KIND.ephemeral ? "presence" : "publish"),
    events,
    topic: (address) => found(topics.get(address), address),
    member: (sessionId) => found(members.get(sessionId), sessionId),
    open(topic) {
      topics.set(topic.topic, topic);
      return createRoom(topic, events, members);
    },
  };
}

function createRoom(topic: TopicContext, events: string[], members: Map<string, Member>): Room {
  const counts = new Map<string, Counted>();
  return {
    onSubscribe(member) {
      members.set(member.sessionId, member);
      counts.set(member.sessionId, { sent: 0, acked: 0, settled: new Set() });
    },
    onMessage(sender, message) {
      if (message.type !== "binary") throw new PlexlineError("OPERATION_UNSUPPORTED");
      const { kind, payload } = message;
      const except = memberOf(sender);
      if (kind !== BROADCAST_KIND.logged) {
        topic.relay({ alias: 0, kind, payload }, except ? { except } : {});
        return;
      }
      const number = count(counts, except);
      topic.broadcast({ kind, payload, sender }, except ? { except } : {}).then(
        () => except && settle(topic, counts, except, number),
        (error: unknown) => {
          events.push(`lost ${number}`);
          if (!except) return;
          const body = PlexlineError.from(error).toBody();
          topic.push(except, { type: "error", topic: topic.topic, error: body });
          settle(topic, counts, except, number);
        },
      );
    },
    onEntry: ({ offset }) => void events.push(`entry ${offset}`),
    onRestart: () => void events.push("restart"),
    onUnsubscribe: ({ sessionId }) => void counts.delete(sessionId),
    close: () => void events.push("close"),
  };
}

function count(counts: Map<string, Counted>, member: Member | undefined): number {
  const counted = member && counts.get(member.sessionId);
  if (!counted) return 0;
  counted.sent += 1;
  return counted.sent;
}

/** Acknowledges as far as all are settled: it stops at a gap. */
function settle(topic: TopicContext, counts: Map<string, Counted>, member: Member, number: number): void {
  const counted = counts.get(member.sessionId);
  if (!counted) return;
  counted.settled.add(number);
  const before = counted.acked;
  while (counted.settled.delete(counted.acked + 1)) counted.acked += 1;
  if (counted.acked > before) topic.acknowledge(member, counted.acked);
}

function memberOf(sender: Sender): Member | undefined {
  const { sessionId } = sender;
  return sessionId === null ? undefined : { ...sender, sessionId };
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`The probe has not met "${name}".`);
  return value;
}
