import type { ErrorBody } from "./error.ts";
import type { Position } from "./position.ts";

// Every message of `plexline.v1`. PROTOCOL.md describes each with numbered rules; parse.ts checks each one.

// ---- client → server ----------------------------------------------------------------------------------

/** The first message of a connection: who the client is and which session it wants to go on with. */
export interface HelloMessage {
  readonly type: "hello";
  /** A token, unless one came with the upgrade (subprotocol, `Authorization`, cookie). */
  readonly token?: string;
  /** The `resumeToken` of an earlier `welcome`. */
  readonly resume?: string;
  /** Name and version of the client library, for logs: `"plexline-js/0.1.0"`. */
  readonly client?: string;
}

/** Replaces the token in band, before it expires. */
export interface RefreshMessage {
  readonly type: "refresh";
  readonly ref: number;
  readonly token: string;
}

/** Asks to receive a topic, from a position if one is known. */
export interface SubscribeMessage {
  readonly type: "subscribe";
  readonly ref: number;
  readonly topic: string;
  /** Continue after this position, or begin with the oldest publication that is kept. */
  readonly since?: Position | "start";
  /** What the feature of the topic wants to know, e.g. `{ presence }`. */
  readonly input?: unknown;
}

/** Stops receiving a topic. */
export interface UnsubscribeMessage {
  readonly type: "unsubscribe";
  readonly ref: number;
  readonly topic: string;
}

/** Asks the server to accept an event on a topic. Without `ref` there is no reply, only an `error` if refused. */
export interface PublishMessage {
  readonly type: "publish";
  readonly ref?: number;
  readonly topic: string;
  readonly event: string;
  readonly payload?: unknown;
  /** Idempotency key: a repeated publish with the same key is one publication. */
  readonly key?: string;
}

/** Asks the feature of a topic to carry out a command. */
export interface CallMessage {
  readonly type: "call";
  readonly ref: number;
  readonly topic: string;
  readonly command: string;
  readonly input?: unknown;
  /** Idempotency key: a repeated call with the same key runs once and gets the same reply. */
  readonly key?: string;
}

/** Sets what others see of this session in the presence of a topic; `null` clears it. */
export interface SetPresenceMessage {
  readonly type: "presence";
  readonly topic: string;
  readonly state: unknown;
}

/** Asks for a `pong`; both sides may send it. */
export interface PingMessage {
  readonly type: "ping";
}

/** Answers a `ping`; both sides send it. */
export interface PongMessage {
  readonly type: "pong";
}

export type ClientMessage =
  | HelloMessage
  | RefreshMessage
  | SubscribeMessage
  | UnsubscribeMessage
  | PublishMessage
  | CallMessage
  | SetPresenceMessage
  | PingMessage
  | PongMessage;

// ---- server → client ----------------------------------------------------------------------------------

/** What a topic of the server's table is: its feature and the template of its addresses. */
export interface TopicDescription {
  readonly feature: string;
  readonly template: string;
}

/** Answers `hello`: the session is open. */
export interface WelcomeMessage {
  readonly type: "welcome";
  /** Public id of the session; presence and `from` use it. */
  readonly sessionId: string;
  /** Whether the session named by `resume` goes on, with its subscriptions. */
  readonly resumed: boolean;
  /** Secret that re-attaches to this session after a reconnect. */
  readonly resumeToken: string;
  readonly resumeWindowMs: number;
  /** The principal's id. */
  readonly user: string;
  readonly tenant: string;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatDeadlineMs: number;
  /** When the token expires, in milliseconds since 1970; absent when it does not. */
  readonly expiresAtMs?: number;
  readonly limits: {
    readonly messageBytesMax: number;
    readonly subscriptionsMax: number;
    readonly messagesPerSecondMax: number;
  };
  /** The server's topics by the name the application gave them. */
  readonly topics: Readonly<Record<string, TopicDescription>>;
}

/** Answers the request that carried `ref`: exactly one per request. */
export type ReplyMessage =
  | { readonly type: "reply"; readonly ref: number; readonly ok: true; readonly result?: unknown }
  | { readonly type: "reply"; readonly ref: number; readonly ok: false; readonly error: ErrorBody };

/** The result of a `subscribe`. */
export interface SubscribeResult {
  readonly topic: string;
  /** Number that stands for the topic in binary messages of this node. */
  readonly alias: number;
  readonly role: string;
  readonly operations: readonly string[];
  /** The position from which pushes follow; null for a topic without a log. */
  readonly position: Position | null;
  /** Offset of the last entry at the time of the reply: pushes up to it are recovered, later ones are live. */
  readonly head: number;
  /** Whether every publication after `since` follows. False without `since`, and for `start` if some were dropped. */
  readonly recovered: boolean;
  /** What the feature tells a newcomer, e.g. `{ state, members }`. */
  readonly snapshot?: unknown;
}

/** The result of a `publish`. */
export interface PublishResult {
  /** Where the publication stands; null for an ephemeral event. */
  readonly position: Position | null;
  /** True when the idempotency key had been seen: nothing was published again. */
  readonly repeated?: boolean;
}

/** The result of a `call`. */
export interface CallResult {
  readonly output?: unknown;
  readonly repeated?: boolean;
}

/** One publication of a subscribed topic. The same bytes go to every subscriber. */
export interface PushMessage {
  readonly type: "push";
  readonly topic: string;
  readonly event: string;
  readonly payload?: unknown;
  /** Offset in the topic's log; absent for an ephemeral event. */
  readonly offset?: number;
  /** Session that published it; absent when the server did. */
  readonly from?: string;
  /** Principal that published it. */
  readonly user?: string;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly atMs?: number;
  /** The idempotency key it was published with. */
  readonly key?: string;
}

/** One member of a topic's presence. */
export interface PresenceMember {
  /** The member's session. */
  readonly id: string;
  readonly user: string;
  readonly state: unknown;
}

/** The whole presence of a topic. */
export interface PresenceStateMessage {
  readonly type: "presence-state";
  readonly topic: string;
  readonly members: readonly PresenceMember[];
}

/** What changed in the presence of a topic. */
export interface PresenceDiffMessage {
  readonly type: "presence-diff";
  readonly topic: string;
  readonly joins: readonly PresenceMember[];
  readonly updates: readonly PresenceMember[];
  /** Ids of those who left. */
  readonly leaves: readonly string[];
}

/** Publications of a topic were missed and cannot be given any more; live ones follow after `position`. */
export interface GapMessage {
  readonly type: "gap";
  readonly topic: string;
  readonly position: Position;
  /** `trimmed`: retention removed them; `reset`: the log's history was lost or replaced. */
  readonly reason: "trimmed" | "reset";
}

/** The server ended a subscription. */
export interface UnsubscribedMessage {
  readonly type: "unsubscribed";
  readonly topic: string;
  readonly error: ErrorBody;
}

/** The token expires soon: send `refresh`. */
export interface TokenExpiringMessage {
  readonly type: "token-expiring";
  readonly expiresAtMs: number;
}

/** This node is about to stop: reconnect after the delay. */
export interface GoawayMessage {
  readonly type: "goaway";
  readonly reconnectAfterMs: number;
}

/** A message without `ref` was refused, or the connection is about to close for this reason. */
export interface ErrorMessage {
  readonly type: "error";
  readonly error: ErrorBody;
  readonly topic?: string;
}

/** How far a subscriber stands in a log of binary messages, and which of its own messages are settled. Rules B6 to B9. */
export interface CommittedMessage {
  readonly type: "committed";
  readonly alias: number;
  /** Everything up to it is durable and has been handed to this connection. */
  readonly offset: number;
  /** All of the client's counted messages up to this number are durable, or have been answered by an error. */
  readonly acked?: number;
}

export type ServerMessage =
  | WelcomeMessage
  | ReplyMessage
  | PushMessage
  | PresenceStateMessage
  | PresenceDiffMessage
  | CommittedMessage
  | GapMessage
  | UnsubscribedMessage
  | TokenExpiringMessage
  | GoawayMessage
  | ErrorMessage
  | PingMessage
  | PongMessage;

/** A binary message: document traffic and binary payloads. On the wire: varint alias, varint kind, payload. */
export interface BinaryMessage {
  readonly alias: number;
  readonly kind: number;
  readonly payload: Uint8Array;
  /** On the server: it belongs to a feed that this subscriber asked for, and nobody else is handed it. Does not travel. */
  readonly isFed?: true;
}
