import type { BinaryMessage, Position, ServerMessage } from "@plexline/protocol";
import type {
  Binary,
  BinaryEntry,
  BroadcastOptions,
  Feature,
  LoggedEvent,
  LoggedPush,
  Logger,
  Member,
  NewBinaryEntry,
  OutboxPolicy,
  Principal,
  Put,
  Room,
  Sender,
  Snapshot,
  TopicContext,
} from "@plexline/server";
import { createTestClock, type TestClock } from "./clock.ts";
import { conflict, createGate, TestLog } from "./test-log.ts";

type Message = ServerMessage | BinaryMessage;

export interface TestTopicOptions {
  /** Default `test:1`. */
  readonly topic?: string;
  readonly tenant?: string;
  readonly params?: Readonly<Record<string, string>>;
  /** Default: a test clock of its own. */
  readonly clock?: TestClock;
}

/** A topic in memory that keeps what a room does with it. */
export interface TestTopic extends TopicContext {
  readonly clock: TestClock;
  readonly relayed: { readonly message: Message; readonly outbox?: OutboxPolicy; readonly except?: Member }[];
  readonly pushed: { readonly member: Member; readonly message: Message; readonly outbox?: OutboxPolicy }[];
  /** Events of the log, in its order; each is also in `announced`, as subscribers get it. */
  readonly appended: LoggedEvent[];
  readonly announced: LoggedPush[];
  /** What `put` and `append` wrote. */
  readonly values: Map<string, Uint8Array>;
  /** Everything that `broadcast` handed to subscribers, durable or not. */
  readonly broadcasts: ({ readonly entry: NewBinaryEntry } & BroadcastOptions)[];
  /** Binary entries of the log, in its order. */
  readonly entries: readonly BinaryEntry[];
  /** Calls of `acknowledge`, oldest first. */
  readonly acknowledged: { readonly member: Member; readonly acked: number }[];
  /** Messages that `feed` handed over, oldest first; one feed at a time. */
  readonly fed: { readonly member: Member; readonly message: Binary }[];
  /** Snapshots that were stored, the newest last. */
  readonly snapshots: readonly Snapshot[];
  /** Chunks of the segments that are there, by their names. */
  readonly segments: ReadonlyMap<string, readonly Uint8Array[]>;
  /** What `setMessageBytesMax` set, by session. */
  readonly messageBytesMax: Map<string, number>;
  /**
   * Makes the feature's room on this topic as the engine does: what it appends meanwhile is announced afterwards. From then on
   * its `onEvent` is called for what is announced, and its `onRestart` by `reset`.
   */
  open(feature: Pick<Feature, "open">): Promise<Room>;
  /** Adds an event as another node does, and announces it. */
  appendEventElsewhere(event: LoggedEvent): LoggedPush;
  /** Adds an entry as another node does; hand it to the room's `onEntry`, as the engine would. */
  appendElsewhere(entry: NewBinaryEntry): BinaryEntry;
  /** Ends the feeds to a member, as when it is gone or subscribes anew; those that it is fed afterwards go on. */
  endFeeds(member: Member): void;
  /** Feeds wait from now on, as for a connection without room, until `releaseFeeds`. */
  holdFeeds(): void;
  releaseFeeds(): void;
  /** Replaces the log by an empty one of another epoch; call the room's `onRestart` afterwards, as the engine would. */
  resetLog(epoch?: string): void;
  /** Writes wait from now on, until `releaseWrites` or `failWrites`. */
  holdWrites(): void;
  /** Lets waiting and later writes through, in their order. */
  releaseWrites(): void;
  /** Waiting and later writes reject with STORAGE_UNAVAILABLE and change nothing, until `releaseWrites`. */
  failWrites(): void;
  /** Aborts `signal`, as the engine does before it closes a room. */
  abort(): void;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/**
 * What a room is given, for tests of a feature without a server. Every write waits at least one microtask, as a
 * storage does.
 *
 * @example
 * const topic = createTestTopic({ topic: "board:7", params: { id: "7" } });
 * const room = await feature.open(topic);
 */
export function createTestTopic(options: TestTopicOptions = {}): TestTopic {
  const { topic = "test:1", tenant = "default", params = {}, clock = createTestClock() } = options;
  const abort = new AbortController();
  const gate = createGate();
  const versions = new Map<string, number>();
  const log = new TestLog(gate, () => clock.nowMs());
  const feeds = createFeeds();
  const recorded = {
    relayed: [] as TestTopic["relayed"],
    pushed: [] as TestTopic["pushed"],
    appended: [] as LoggedEvent[],
    announced: [] as LoggedPush[],
    values: new Map<string, Uint8Array>(),
    broadcasts: [] as TestTopic["broadcasts"],
    acknowledged: [] as TestTopic["acknowledged"],
    messageBytesMax: new Map<string, number>(),
  };
  let room: Room | null = null;
  /** What waits to be announced while the room is being made. */
  let early: LoggedPush[] | null = null;
  const announce = (event: LoggedPush): void => {
    if (early) {
      early.push(event);
      return;
    }
    room?.onEvent?.(event);
    recorded.announced.push(event);
  };
  const write = (puts: readonly Put[], deletes: readonly string[], positions: readonly Position[]): void => {
    // A value that throws refuses all of it.
    const values = puts.map(({ value }) => (typeof value === "function" ? value(positions) : value));
    for (const [index, { key }] of puts.entries()) {
      recorded.values.set(key, values[index] as Uint8Array);
      versions.set(key, (versions.get(key) ?? 0) + 1);
    }
    for (const key of deletes) {
      recorded.values.delete(key);
      versions.delete(key);
    }
  };

  return {
    ...recorded,
    fed: feeds.fed,
    entries: log.entries,
    snapshots: log.snapshots,
    segments: log.segments,
    topic,
    tenant,
    params,
    clock,
    log: silent,
    signal: abort.signal,
    async append(given, also = {}) {
      const events = isSeveral(given) ? given : [given];
      await gate.pass();
      if (also.epoch !== undefined && also.epoch !== log.epoch) throw conflict("the log has another epoch");
      for (const { key, version } of also.checks ?? []) {
        if ((versions.get(key) ?? 0) !== version) throw conflict(`"${key}" has another version`);
      }
      const position = { epoch: log.epoch, offset: log.head + events.length };
      write(also.puts ?? [], also.deletes ?? [], [position]);
      const pushes = events.map((event) => log.append(topic, event, clock.nowMs()));
      recorded.appended.push(...events);
      for (const push of pushes) announce(push);
      return position;
    },
    async open(feature) {
      log.freeze();
      early = [];
      try {
        room = await feature.open(this);
      } finally {
        log.thaw();
        const waiting = early;
        early = null;
        for (const event of waiting) announce(event);
      }
      return room;
    },
    appendEventElsewhere(event) {
      const push = log.append(topic, event, clock.nowMs());
      announce(push);
      return push;
    },
    readEvents: log.readEvents,
    async reset(epoch) {
      await gate.pass();
      if (epoch !== undefined && epoch !== log.epoch) throw conflict("the log has another epoch");
      log.reset(`${log.epoch}'`);
      const position = { epoch: log.epoch, offset: 0 };
      // As in the engine, nobody waits for it, and what it throws stops nothing.
      void Promise.resolve()
        .then(() => room?.onRestart?.())
        .catch(() => {});
      await Promise.resolve();
      return position;
    },
    get window() {
      return log.window;
    },
    broadcast(entry, how = {}) {
      const refusal = log.refusal();
      if (refusal) return Promise.reject(refusal);
      const handOn = () => void recorded.broadcasts.push({ entry, ...how });
      if (how.relay === "when-durable") return log.commit(entry, handOn);
      handOn();
      return log.commit(entry);
    },
    acknowledge: (member, acked) => void recorded.acknowledged.push({ member, acked }),
    feed: feeds.feed,
    setMessageBytesMax: (member, bytes) => void recorded.messageBytesMax.set(member.sessionId, bytes),
    readEntries: log.readEntries,
    readSnapshot: async () => log.snapshots.at(-1),
    writeSnapshot: (position, chunks, segments) => log.writeSnapshot(position, chunks, segments),
    writeSegment: (place, chunks) => log.writeSegment(place, chunks),
    readSegment: log.readSegment,
    relay: (message, how = {}) => void recorded.relayed.push({ message, ...how }),
    push: (member, message, outbox) =>
      void recorded.pushed.push({ member, message, ...(outbox === undefined ? {} : { outbox }) }),
    get: async (key) => recorded.values.get(key),
    async getStored(key) {
      const value = recorded.values.get(key);
      return value && { value, version: versions.get(key) ?? 0 };
    },
    async put(puts, deletes = []) {
      await gate.pass();
      write(puts, deletes, []);
    },
    holdWrites: gate.hold,
    releaseWrites: gate.release,
    failWrites: gate.fail,
    appendElsewhere: (entry) => log.appendBinary(entry, clock.nowMs()),
    endFeeds: feeds.end,
    holdFeeds: feeds.hold,
    releaseFeeds: feeds.release,
    resetLog: (epoch = `${log.epoch}'`) => log.reset(epoch),
    abort: () => abort.abort(),
  };
}

/** A sender with a session, `s-<user>` unless named. */
export function createTestMember(user: string, options: { sessionId?: string; role?: string } = {}): Member {
  return { ...createTestSender(user, options), sessionId: options.sessionId ?? `s-${user}` };
}

/** The server's own code as a sender: no session. */
export function createTestSender(user: string, options: { role?: string } = {}): Sender {
  const principal: Principal = { id: user, kind: "user", tenant: "default", clearance: 0, claims: {} };
  return { principal, role: options.role ?? "controller", sessionId: null };
}

function isSeveral(events: LoggedEvent | readonly LoggedEvent[]): events is readonly LoggedEvent[] {
  return Array.isArray(events);
}

/** Feeds of one connection per member: one after the other, each message when the test lets it through. */
function createFeeds() {
  const fed: TestTopic["fed"] = [];
  const gate = createGate();
  /** What a feed must still find to be wanted. */
  const tokens = new Map<string, object>();
  const turns = new Map<string, Promise<void>>();
  const tokenOf = (member: Member): object => {
    const token = tokens.get(member.sessionId) ?? {};
    tokens.set(member.sessionId, token);
    return token;
  };
  const run = async (member: Member, token: object, messages: AsyncIterable<Binary>): Promise<void> => {
    const iterator = messages[Symbol.asyncIterator]();
    for (;;) {
      await gate.pass();
      if (tokenOf(member) !== token) break;
      const next = await iterator.next();
      if (next.done) return;
      await gate.pass();
      if (tokenOf(member) !== token) break;
      fed.push({ member, message: next.value });
    }
    await iterator.return?.();
  };
  return {
    fed,
    feed(member: Member, messages: AsyncIterable<Binary>): Promise<void> {
      const token = tokenOf(member);
      const feeding = (turns.get(member.sessionId) ?? Promise.resolve()).then(() =>
        run(member, token, messages),
      );
      turns.set(
        member.sessionId,
        feeding.catch(() => {}),
      );
      return feeding;
    },
    end: (member: Member) => void tokens.set(member.sessionId, {}),
    hold: gate.hold,
    release: gate.release,
  };
}
