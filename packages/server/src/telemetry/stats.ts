import type { Clock } from "../platform/clock.ts";

/** What `app.stats()` tells: this node, now. */
export interface Stats {
  /** Open connections. */
  readonly connections: number;
  /** Sessions, with and without a connection. */
  readonly sessions: number;
  /** Different principals that have a session. */
  readonly users: number;
  /** Topics that are open because somebody uses them. */
  readonly rooms: number;
  readonly subscriptions: number;
  /** Messages that wait in outboxes. */
  readonly messageQueueSize: number;
  /** Rates over the last ten to twenty seconds, or since the last look if that was longer ago. */
  readonly messagesInPerSecond: number;
  readonly messagesOutPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly uptimeMs: number;
  readonly memory: {
    readonly rssBytes: number;
    readonly heapUsedBytes: number;
    readonly externalBytes: number;
  };
}

/** What the engine counts, read when somebody asks. */
export interface StatsSource {
  connections(): number;
  sessions(): number;
  users(): number;
  rooms(): number;
  subscriptions(): number;
  messageQueueSize(): number;
  /** Totals since the start; rates are made from them. */
  messagesInTotal(): number;
  messagesOutTotal(): number;
  bytesOutTotal(): number;
}

interface Mark {
  readonly atMs: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesOut: number;
}

const RATE_WINDOW_MS = 10_000;

/** Makes `stats()`. Nothing is counted and no timer runs between two calls. */
export function createStats({ source, clock }: { source: StatsSource; clock: Clock }): () => Stats {
  const mark = (): Mark => ({
    atMs: clock.monotonicMs(),
    messagesIn: source.messagesInTotal(),
    messagesOut: source.messagesOutTotal(),
    bytesOut: source.bytesOutTotal(),
  });
  const start = mark();
  // Rates go back to `older`; when `newer` is a window old, it takes that place.
  let older = start;
  let newer = start;

  return () => {
    const now = mark();
    if (now.atMs - newer.atMs >= RATE_WINDOW_MS) {
      older = newer;
      newer = now;
    }
    const seconds = (now.atMs - older.atMs) / 1_000;
    const perSecond = (amount: number): number =>
      seconds > 0 ? Math.round((amount / seconds) * 10) / 10 : 0;
    const memory = process.memoryUsage();
    return {
      connections: source.connections(),
      sessions: source.sessions(),
      users: source.users(),
      rooms: source.rooms(),
      subscriptions: source.subscriptions(),
      messageQueueSize: source.messageQueueSize(),
      messagesInPerSecond: perSecond(now.messagesIn - older.messagesIn),
      messagesOutPerSecond: perSecond(now.messagesOut - older.messagesOut),
      bytesOutPerSecond: perSecond(now.bytesOut - older.bytesOut),
      uptimeMs: Math.round(now.atMs - start.atMs),
      memory: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed, externalBytes: memory.external },
    };
  };
}
