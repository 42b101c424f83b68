import type { BinaryMessage, LogWindow, Position, ServerMessage } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { Unsubscribe } from "../broker/broker.ts";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../broker/envelope.ts";
import { type OutboxPolicy, Publication } from "../broker/publication.ts";
import type { Tail } from "../broker/tail.ts";
import type {
  AppendAlso,
  Binary,
  BinaryEntry,
  BinaryPage,
  BroadcastOptions,
  EventPage,
  Feature,
  HistoryOptions,
  LoggedEvent,
  LoggedPush,
  Member,
  NewBinaryEntry,
  Room,
  StoredValue,
  TopicContext,
} from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import type { Put, Segment, SegmentPlace, Snapshot } from "../storage/storage.ts";
import type { Logger } from "../telemetry/log.ts";
import { Broadcasts } from "./broadcasts.ts";
import { CommittedNotices } from "./committed-notices.ts";
import { withDeadline } from "./deadline.ts";
import type { LiveTopicParts } from "./live-topic-parts.ts";
import type { OwnEntries } from "./own-entries.ts";
import { type ReadLimits, type ReadPage, RecentEntries } from "./recent-entries.ts";
import { RecentKeys } from "./recent-keys.ts";
import type { Subscription } from "./subscription.ts";
import { TopicLog } from "./topic-log.ts";
import { TopicStore } from "./topic-store.ts";

/** Policy of what is logged: the client of a connection that cannot take it recovers from the log. */
const CLOSE_WHEN_FULL: OutboxPolicy = { policy: "close" };
/** Policy of ephemeral messages when the feature names none. */
const DROP_OLDEST: OutboxPolicy = { policy: "drop-oldest" };

/**
 * A topic in use on this node: its room, the head announced to its live subscribers, and the one path on which its
 * publications travel. Logged events are committed, then announced in the order of the log; ephemeral messages
 * go to the hub at once; broadcasts go to the hub first and into the log afterwards. All of them travel to the other
 * nodes too: a logged one as a hint to read the log.
 */
export class LiveTopic implements TopicContext {
  readonly topic: string;
  readonly tenant: string;
  readonly params: Readonly<Record<string, string>>;
  readonly alias: number;
  readonly feature: Feature;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where recent publications with an idempotency key stand; null for ephemeral ones. */
  readonly publishKeys = new RecentKeys<Position | null>();
  /** Outputs of recent calls with an idempotency key. */
  readonly callKeys = new RecentKeys<unknown>();
  /** Identity of the topic for broker and storage; starts with the tenant of its record. */
  readonly key: string;
  /** Who on this node receives it, by session. */
  readonly subscriptions = new Map<string, Subscription>();
  /** Hands publications to the subscribers. */
  readonly tail: Tail;
  /** Tells subscribers where they stand in a log of binary entries. */
  readonly committed: CommittedNotices;
  /** Hands on what becomes durable afterwards. */
  readonly broadcasts: Broadcasts;
  readonly #store: TopicStore;
  #parts: LiveTopicParts;
  #room: Room | null = null;
  #abort = new AbortController();
  #leaveBroker: Unsubscribe = () => {};
  /** Null for a topic that is all ephemeral. */
  readonly #topicLog: TopicLog | null;
  readonly #recent: RecentEntries | null;

  constructor(parts: LiveTopicParts) {
    this.#parts = parts;
    this.topic = parts.topic;
    this.tenant = parts.tenant;
    this.params = parts.params;
    this.alias = parts.alias;
    this.feature = parts.feature;
    this.clock = parts.clock;
    this.log = parts.log;
    this.key = `${parts.tenant}/${parts.topic}`;
    this.tail = parts.hub.createTail(parts.feature);
    this.committed = new CommittedNotices(this);
    this.#store = new TopicStore(parts.storage, this.key);
    const log = parts.feature.history ? this.#createLog(parts.feature.history) : null;
    this.#topicLog = log;
    this.#recent = log && new RecentEntries({ ...parts, log });
    this.broadcasts = new Broadcasts({ ...parts, log, tail: this.tail });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get room(): Room {
    if (!this.#room) throw new PlexlineError("INTERNAL", { message: "The topic is not open." });
    return this.#room;
  }

  /** What of the log may be had, up to what has been announced; null for a topic without a log. */
  get window(): LogWindow | null {
    return this.#topicLog?.window ?? null;
  }

  /** Reads the log once, joins the other nodes and makes the room. */
  async open(): Promise<void> {
    const { broker } = this.#parts;
    this.#leaveBroker = await broker.subscribe(this.key, (envelope) => this.#receive(envelope));
    try {
      await this.#topicLog?.load();
      this.#room = await this.#openRoom();
      this.#topicLog?.start();
    } catch (error) {
      // The next use makes another: this one must not go on hearing the broker for the same subscribers.
      await this.close();
      throw error;
    }
  }

  /** Runs the feature's code within its deadline, like any other of its code. */
  async #openRoom(): Promise<Room> {
    const { feature, handlerTimeoutMs } = this.#parts;
    try {
      return await withDeadline(this.clock, handlerTimeoutMs, async () => {
        const room = await feature.open(this);
        // It took too long, and nobody waits for the room any more.
        if (this.signal.aborted) await room.close?.();
        return room;
      });
    } catch (error) {
      this.log.error({ action: "handler.failed", topic: this.topic, error });
      throw error;
    }
  }

  /** Lets go of the room once everything that was broadcast is in the log, or is known not to be. */
  async close(): Promise<void> {
    this.#leaveBroker();
    this.committed.close();
    this.#abort.abort();
    await this.broadcasts.idle();
    await this.#room?.close?.();
    await this.broadcasts.idle();
    this.#recent?.forget();
  }

  /** Whether nothing of it is on its way into the log. */
  get isIdle(): boolean {
    return this.broadcasts.isIdle && (this.#topicLog?.isIdle ?? true);
  }

  /** A subscriber has been told of a gap. */
  countGap(reason: "trimmed" | "reset"): void {
    this.#parts.onGap(reason);
  }

  /** Looks at the log again when a client has seen more of it than this node, as one that comes from another node may. */
  async reach(position: Position): Promise<void> {
    if (this.#topicLog?.isBehind(position)) await this.#topicLog.catchUp();
  }

  /** Entries after `from`, for a subscriber that catches up. */
  async read(from: number, limits: ReadLimits): Promise<ReadPage> {
    if (!this.#recent) throw noLog();
    return this.#recent.read(from, limits);
  }

  async append(given: LoggedEvent | readonly LoggedEvent[], also: AppendAlso = {}): Promise<Position> {
    const events = isSeveral(given) ? given : [given];
    const position = await this.#needLog().append(events, this.#store.scoped(also), also.epoch);
    if (events.length === 0) return position;
    for (let count = events.length; count > 0; count -= 1)
      this.#parts.onPublication(this.feature.feature, "logged");
    this.#tellOthers({ kind: "head", position });
    return position;
  }

  async reset(epoch?: string): Promise<Position> {
    const { position, isCalled } = await this.#reset(epoch);
    await isCalled;
    return position;
  }

  /** The same for whoever the room does not wait for: resolves once it is done with its restart. */
  async resetWhole(): Promise<Position> {
    const { position, isOver } = await this.#reset();
    await isOver;
    return position;
  }

  async #reset(epoch?: string) {
    const reset = await this.#needLog().reset(epoch);
    this.#tellOthers({ kind: "head", position: reset.position });
    return reset;
  }

  broadcast(entry: NewBinaryEntry, options: BroadcastOptions = {}): Promise<Position> {
    const except = options.except && this.subscriptions.get(options.except.sessionId);
    return this.broadcasts.add(entry, except, options.relay);
  }

  acknowledge(member: Member, acked: number): void {
    this.subscriptions.get(member.sessionId)?.acknowledge(acked);
    this.committed.touch();
  }

  async feed(member: Member, messages: AsyncIterable<Binary>): Promise<void> {
    const subscription = this.subscriptions.get(member.sessionId);
    if (subscription) await this.#parts.feeds.feed(subscription, messages);
    else await messages[Symbol.asyncIterator]().return?.();
  }

  setMessageBytesMax(member: Member, bytes: number): void {
    const subscription = this.subscriptions.get(member.sessionId);
    if (!subscription || subscription.messageBytesMax === bytes) return;
    subscription.messageBytesMax = bytes;
    subscription.caller.messageBytesMaxChanged();
  }

  async readEntries(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<BinaryPage> {
    await this.#parts.turns.next();
    return this.#needLog().readBinary(from, limits);
  }

  async readEvents(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<EventPage> {
    return this.#needLog().readEvents(from, limits);
  }

  async readSnapshot(): Promise<Snapshot | undefined> {
    await this.#parts.turns.next();
    return this.#needLog() && this.#store.readSnapshot();
  }

  async writeSnapshot(
    position: Position,
    chunks: readonly Uint8Array[],
    segments?: readonly Segment[],
  ): Promise<void> {
    if (this.#needLog()) await this.#store.writeSnapshot(position, chunks, segments);
  }

  async writeSegment(place: SegmentPlace, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#needLog()) await this.#store.writeSegment(place, chunks);
  }

  async readSegment(name: string, from: number, count: number): Promise<readonly Uint8Array[] | undefined> {
    await this.#parts.turns.next();
    return this.#needLog() && this.#store.readSegment(name, from, count);
  }

  relay(
    message: ServerMessage | BinaryMessage,
    options: { outbox?: OutboxPolicy; except?: Member } = {},
  ): void {
    const outbox = options.outbox ?? DROP_OLDEST;
    const except = options.except && this.subscriptions.get(options.except.sessionId);
    this.tail.publish(new Publication(this.#addressed(message), null, outbox), except);
    this.#parts.onPublication(this.feature.feature, "ephemeral");
    this.#tellOthers({ kind: "relay", message, outbox });
  }

  push(member: Member, message: ServerMessage | BinaryMessage, outbox: OutboxPolicy = CLOSE_WHEN_FULL): void {
    this.subscriptions.get(member.sessionId)?.push(new Publication(this.#addressed(message), null, outbox));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#store.get(key))?.value;
  }

  getStored(key: string): Promise<StoredValue | undefined> {
    return this.#store.get(key);
  }

  put(puts: readonly Put[], deletes: readonly string[] = []): Promise<void> {
    return this.#store.put(puts, deletes);
  }

  addSubscription(subscription: Subscription): void {
    this.subscriptions.set(subscription.caller.sessionId, subscription);
    this.tail.add(subscription);
  }

  removeSubscription(subscription: Subscription): void {
    const { sessionId } = subscription.caller;
    if (this.subscriptions.get(sessionId) === subscription) this.subscriptions.delete(sessionId);
    this.tail.remove(subscription);
  }

  #tellOthers(envelope: Envelope): void {
    const { broker } = this.#parts;
    if (broker.hasPeers?.() !== false) broker.publish(this.key, encodeEnvelope(envelope));
  }

  /** Aliases are this node's own, so neither a feature nor another node can know the one of a binary message. */
  #addressed(message: ServerMessage | BinaryMessage): ServerMessage | BinaryMessage {
    return "type" in message ? message : { ...message, alias: this.alias };
  }

  #receive(bytes: Uint8Array): void {
    const envelope = decodeEnvelope(bytes);
    if (!envelope) {
      this.log.warn({ action: "broker.envelope", topic: this.topic, reason: "not an envelope" });
      return;
    }
    if (envelope.kind === "relay") {
      const message = this.#addressed(envelope.message);
      this.tail.publish(new Publication(message, null, envelope.outbox));
    } else if (this.#topicLog?.isBehind(envelope.position)) {
      void this.#topicLog.catchUp();
    }
  }

  #needLog(): TopicLog {
    if (this.#topicLog) return this.#topicLog;
    throw noLog();
  }

  #createLog(history: HistoryOptions): TopicLog {
    const { topic, storage, clock, log } = this.#parts;
    return new TopicLog({
      topic,
      key: this.key,
      storage,
      history,
      keys: this.publishKeys,
      clock,
      log,
      announce: (push) => this.#announce(push),
      announceBinary: (entry) => this.#announceBinary(entry),
      announceOwn: (entries) => this.#announceOwn(entries),
      onRestart: () => this.#restart(),
    });
  }

  #announce(event: LoggedPush): void {
    if (this.#room?.onEvent) {
      try {
        this.#room.onEvent(event);
      } catch (error) {
        this.log.error({ action: "handler.failed", topic: this.topic, error });
      }
    }
    this.tail.publish(new Publication(event, event.offset, CLOSE_WHEN_FULL));
  }

  /** The room hears of it first: what subscribers send next may build on it. */
  #announceBinary(entry: BinaryEntry): void {
    try {
      this.#room?.onEntry?.(entry);
    } catch (error) {
      this.log.error({ action: "handler.failed", topic: this.topic, error });
    }
    const { kind, payload, offset } = entry;
    const message = { alias: this.alias, kind, payload };
    this.tail.publish(new Publication(message, offset, CLOSE_WHEN_FULL));
    this.committed.touch();
  }

  #announceOwn(entries: OwnEntries): void {
    // Whoever is told that it stands after them must have been handed them.
    this.broadcasts.relayDurable(entries);
    this.tail.flush();
    for (const subscription of this.subscriptions.values()) subscription.advance(entries);
    const { epoch, first, last } = entries;
    for (let offset = first; offset <= last; offset += 1)
      this.#parts.onPublication(this.feature.feature, "logged");
    this.#tellOthers({ kind: "head", position: { epoch, offset: last } });
    this.committed.touch();
  }

  async #restart(): Promise<void> {
    for (const subscription of this.subscriptions.values()) subscription.fallBehind();
    const { handlerTimeoutMs } = this.#parts;
    try {
      const restarting = this.#room?.onRestart?.();
      if (restarting) await withDeadline(this.clock, handlerTimeoutMs, () => restarting);
    } catch (error) {
      this.log.error({ action: "handler.failed", topic: this.topic, error });
    }
  }
}

function isSeveral(events: LoggedEvent | readonly LoggedEvent[]): events is readonly LoggedEvent[] {
  return Array.isArray(events);
}

function noLog(): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", { message: "This topic keeps no log." });
}
