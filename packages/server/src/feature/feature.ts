import type { BinaryMessage, LogWindow, Position, PushMessage, ServerMessage } from "@plexline/protocol";
import type { AccessRules } from "../auth/access-rules.ts";
import type { Operation } from "../auth/operation.ts";
import type { Principal } from "../auth/principal.ts";
import type { OutboxPolicy } from "../broker/publication.ts";
import type { Clock } from "../platform/clock.ts";
import type { Check, Put, Segment, SegmentPlace, Snapshot } from "../storage/storage.ts";
import type { Logger } from "../telemetry/log.ts";
import type { OwnTopic } from "./own-topic.ts";

export type { OutboxPolicy } from "../broker/publication.ts";

/**
 * A feature owns the topics of one template: it parses their payloads, answers and publishes. This is the whole
 * contract, the same for ours and for anybody's. The engine owns sockets, sessions, authorization, limits,
 * ordering, recovery and storage; a feature never sees any of them.
 *
 * @example
 * const echo: Feature = {
 *   feature: "echo",
 *   template: "echo:{name}",
 *   roles: { controller: ["subscribe", "publish"], viewer: ["subscribe"] },
 *   defaultRole: "controller",
 *   open: (topic) => ({
 *     onMessage(sender, message) {
 *       if (message.type === "publish") topic.relay({ type: "push", topic: topic.topic, event: message.event, payload: message.payload });
 *     },
 *   }),
 * };
 */
export interface Feature extends AccessRules {
  /** The feature's name, told to clients: `"channel"`. */
  readonly feature: string;
  /** Template of the addresses it owns, e.g. `board:{id}`; the parts in braces become `params`. */
  readonly template: string;
  /** The topic keeps a log. Without it everything is ephemeral. */
  readonly history?: HistoryOptions;
  /**
   * Shortest time between two writes of the topic to its subscribers, in milliseconds: what is published meanwhile leaves
   * together. The first publication after a pause does not wait. For topics so busy that CPU counts more than a few
   * milliseconds; below the time that one round of writes takes it changes nothing. Default 0: each tick has its own write.
   */
  readonly flushWindowMs?: number;
  /**
   * The window grows with the subscribers of the topic on this node: so much for each, `flushWindowMs` at most, and none below a
   * millisecond. So few subscribers are served at once, and many cost a bounded share of the CPU. Default: as long for one as for many.
   */
  readonly flushWindowPerSubscriberMs?: number;
  /** What a binary message of this kind needs. Default: `publish` for every kind. */
  readonly binaryOperation?: (kind: number) => Operation;
  /**
   * What the server's own code does with a topic of it: `app.<feature>(name, params)` returns what this makes. Default: the
   * app has no such method.
   */
  readonly api?: (topic: OwnTopic) => object;
  /** The topic is touched for the first time on this node: make its state. */
  open(topic: TopicContext): Room | Promise<Room>;
}

/** How much of the log is kept, and where. */
export interface HistoryOptions {
  /** `disk` (default): acked and announced once durable. `memory`: lost with the process, which changes the epoch. */
  readonly durability?: "disk" | "memory";
  /** Newest entries kept. Default 1,000. */
  readonly entriesMax?: number;
  /** Age after which an entry may be dropped, in milliseconds. Default: none. */
  readonly ageMaxMs?: number;
  /** Bytes kept. Default 16 MiB. */
  readonly bytesMax?: number;
  /** Nothing is ever dropped, whatever the fields above say, and opening the topic does not walk its log. Default false. */
  readonly keepsAll?: boolean;
}

/** What a topic does while somebody on this node uses it. */
export interface Room {
  /** Somebody subscribes. What it returns is the `snapshot` of their reply; a throw refuses them. */
  onSubscribe?(member: Member, input: unknown): unknown | Promise<unknown>;
  /**
   * A message of somebody whose role allows it. What it returns is the `result` of the reply; a throw is its error.
   * May hang: the engine answers HANDLER_TIMEOUT and goes on. For a binary message, what it returns says only when it has
   * been taken: until then it counts as a request under way.
   */
  onMessage(sender: Sender, message: RoomMessage): unknown | Promise<unknown>;
  /** Another node has appended a binary entry: called before this node's subscribers are given it, in the order of the log. */
  onEntry?(entry: BinaryEntry): void;
  /**
   * An event of the log, this node's or another's, is announced: called before subscribers are given it, in the order of the
   * log, once for every event after the `window` that the room saw when it was made or, after a restart, when `onRestart`
   * was called; what is older it reads itself, with `readEvents`. Must not throw.
   */
  onEvent?(event: LoggedPush): void;
  /** The log is another one than the room was made from (new epoch), or entries of it are gone. Subscribers are told by `gap`. */
  onRestart?(): void | Promise<void>;
  /** Somebody's socket was lost (`false`) or came back (`true`) while the session goes on. */
  onAttachment?(member: Member, attached: boolean): void;
  /** Somebody is gone for good. */
  onUnsubscribe?(member: Member): void;
  /** Nobody on this node uses the topic any more: let go of everything. */
  close?(): void | Promise<void>;
}

/** What reaches a room. Payloads are `unknown`: the feature parses them. */
export type RoomMessage =
  | { readonly type: "publish"; readonly event: string; readonly payload: unknown; readonly key?: string }
  | { readonly type: "call"; readonly command: string; readonly input: unknown; readonly key?: string }
  | { readonly type: "presence"; readonly state: unknown }
  | { readonly type: "binary"; readonly kind: number; readonly payload: Uint8Array };

/** Who sent a message: a session, or the server's own code (`sessionId` null). */
export interface Sender {
  readonly principal: Principal;
  readonly role: string;
  readonly sessionId: string | null;
}

/** A subscribed session. */
export interface Member extends Sender {
  readonly sessionId: string;
}

/** A binary message without the alias, which is the engine's. */
export interface Binary {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** A binary message for the log. */
export interface NewBinaryEntry extends Binary {
  /** Whom it is attributed to. */
  readonly sender?: Sender;
}

/** A binary message of the log. */
export interface BinaryEntry extends Binary {
  readonly offset: number;
  /** Id of the principal it is attributed to. */
  readonly user?: string;
  /** Session that sent it. */
  readonly from?: string;
  readonly atMs: number;
}

/** How a message is broadcast. */
export interface BroadcastOptions {
  /** It is not handed to this member, who has sent it. */
  readonly except?: Member;
  /**
   * `at-once` (default), or `when-durable`: handed on by its commit, in the order of the log. What is broadcast at once after
   * it may arrive before it.
   */
  readonly relay?: "at-once" | "when-durable";
}

/** An event of the log as subscribers are pushed it. */
export type LoggedPush = PushMessage & { readonly offset: number };

/** Consecutive events of the log and its window when they were read. */
export interface EventPage extends LogWindow {
  readonly events: readonly LoggedPush[];
}

/** What becomes durable together with events, or not at all; keys are the topic's own and cannot meet another topic's. */
export interface AppendAlso {
  readonly puts?: readonly Put[];
  readonly deletes?: readonly string[];
  readonly checks?: readonly Check[];
  /** Refuse, with a ConflictError, unless the log has this epoch. */
  readonly epoch?: string;
}

/** A value of a topic with its version: 1 at first, one more with every put, and 1 again after a delete. */
export interface StoredValue {
  readonly value: Uint8Array;
  readonly version: number;
}

/** Consecutive binary entries and the window of the log when they were read. */
export interface BinaryPage extends LogWindow {
  readonly entries: readonly BinaryEntry[];
}

/** What a room is given. */
export interface TopicContext {
  readonly topic: string;
  /** Tenant of the topic's resource record. */
  readonly tenant: string;
  readonly params: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when the room closes. */
  readonly signal: AbortSignal;
  /**
   * The logged family: commits an event to the topic's log and, once durable, announces it to every subscriber on every
   * node in the order of the log. Several events become consecutive entries of one commit, all or none. `also` becomes
   * durable together with them; without events it is all that is committed. Resolves with the position of the last event,
   * or of the head without one. Rejects when nothing was committed, with a ConflictError when a check or the epoch did not
   * hold. What is appended while the room is being made is announced when it is there. Needs `history`.
   *
   * @example
   * await topic.append([first, second], { epoch: topic.window?.epoch ?? "", checks: [{ key: "writer", version: 3 }] });
   */
  append(events: LoggedEvent | readonly LoggedEvent[], also?: AppendAlso): Promise<Position>;
  /**
   * The third way, for documents: hands a binary message to every subscriber but `except` at once, and commits it to the
   * log afterwards, with whatever else has gathered by then. Resolves when it is durable. A rejection means that it **and
   * everything broadcast after it until then** is not in the log: all of it rejects, in its order, before anything newer
   * is committed. Needs `history`.
   */
  broadcast(entry: NewBinaryEntry, options?: BroadcastOptions): Promise<Position>;
  /** Tells a member that its counted messages up to this number are settled, with the next `committed`. */
  acknowledge(member: Member, acked: number): void;
  /**
   * Hands a member, and nobody else, one message after the other as its connection drains: the next is asked for when there
   * is room. They may be larger than the outbox; one feed of a connection runs at a time. Resolves when all have been handed
   * over, or the member is gone or has subscribed anew.
   */
  feed(member: Member, messages: AsyncIterable<Binary>): Promise<void>;
  /** Largest message that the member's connection may send while it is subscribed, where that is more than the server's. */
  setMessageBytesMax(member: Member, bytes: number): void;
  /** What of the log may be had: up to what is durable and has been announced. Null without `history`. */
  readonly window: LogWindow | null;
  /** Binary entries after offset `from`, oldest first: at most `entriesMax` and `bytesMax`, but always one if there is one. */
  readEntries(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<BinaryPage>;
  /**
   * Events after offset `from` that have been announced, oldest first: at most `entriesMax` and `bytesMax` of the log, but
   * always one if there is one. Binary entries are left out.
   */
  readEvents(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<EventPage>;
  /**
   * Ends the log's history, with its snapshot, and begins another one in a new epoch, at offset 0: subscribers on every node
   * hear `gap` with reason `reset`. Resolves with the new position once `onRestart` has been called, without waiting for
   * what that returns, so a handler may await it. What `put` and `append` wrote stays: write what must change afterwards.
   * With `epoch` it ends that history and no later one: rejects with a ConflictError if another has begun by then.
   */
  reset(epoch?: string): Promise<Position>;
  /** The state that replaces reading the log up to a position; see `Storage`. */
  readSnapshot(): Promise<Snapshot | undefined>;
  /** Stores one; rejects with a ConflictError if it is older than the stored one or of another epoch. */
  writeSnapshot(
    position: Position,
    chunks: readonly Uint8Array[],
    segments?: readonly Segment[],
  ): Promise<void>;
  /** Writes the next chunks of a segment that a snapshot is to name; see `Storage`. */
  writeSegment(place: SegmentPlace, chunks: readonly Uint8Array[]): Promise<void>;
  /** Chunks of a segment; undefined if no snapshot names it any more. */
  readSegment(name: string, from: number, count: number): Promise<readonly Uint8Array[] | undefined>;
  /** The ephemeral family: hands a message to every subscriber on every node at once; nothing is stored. */
  relay(message: ServerMessage | BinaryMessage, options?: { outbox?: OutboxPolicy; except?: Member }): void;
  /** Hands a message to one subscriber on this node. */
  push(member: Member, message: ServerMessage | BinaryMessage, outbox?: OutboxPolicy): void;
  /** Reads a value that `append` or `put` wrote for this topic. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** The same with its version, for `checks`. */
  getStored(key: string): Promise<StoredValue | undefined>;
  /** Writes values of this topic without an entry; durable when it resolves. */
  put(puts: readonly Put[], deletes?: readonly string[]): Promise<void>;
}

/** One entry of a topic's log in the engine's own encoding. */
export interface LoggedEvent {
  readonly event: string;
  readonly payload: unknown;
  readonly sender?: Sender;
  /** Idempotency key it was published with. */
  readonly key?: string;
}
