/**
 * Every limit of the engine that does not belong to one feature: its default, its unit in the name, why it is what it
 * is, and what somebody who exceeds it is told. All are on by default. docs/configuration.md lists the same.
 */
export interface Limits {
  /**
   * Largest message, in bytes. Over it: MESSAGE_TOO_LARGE, close 4413. Room events are small; files belong on HTTP. Topics
   * that carry more, such as documents, allow larger binary messages to whoever is subscribed.
   */
  readonly messageBytesMax: number;
  /** Deepest JSON nesting. Over it: JSON_TOO_DEEP. */
  readonly jsonDepthMax: number;
  /** Messages that cannot be read before the connection closes with 4400: a broken client should stop trying. */
  readonly malformedMax: number;
  /** Time to authenticate, from the upgrade on; nothing the client sends extends it. Over it: close 4508. */
  readonly handshakeTimeoutMs: number;
  /** Silence after which the server asks for a sign of life. Below the 60 s at which many proxies cut idle lines. */
  readonly heartbeatIntervalMs: number;
  /** Silence after which the connection is given up: HEARTBEAT_TIMEOUT, close 4508. */
  readonly heartbeatDeadlineMs: number;
  /** Connections of one user; the newest is refused: CONNECTIONS_MAX, close 4409. */
  readonly connectionsPerUserMax: number;
  /** Topics one session may receive. Over it: SUBSCRIPTIONS_MAX. */
  readonly subscriptionsMax: number;
  /**
   * Messages a second from one connection, over time. Over it: text is answered RATE_LIMITED, see `rateExcessMaxMs`; binary
   * is taken, and the connection is not read until its rate allows another.
   */
  readonly messagesPerSecondMax: number;
  /** Messages a connection may send at once before the rate counts. */
  readonly messagesBurstMax: number;
  /** Messages a second from a service principal. */
  readonly serviceMessagesPerSecondMax: number;
  /** How long a connection may keep exceeding its rate before it closes with 4529. */
  readonly rateExcessMaxMs: number;
  /** Unanswered requests of one connection before the server stops reading from it. Twice that: REQUESTS_MAX. */
  readonly requestsInFlightMax: number;
  /** Time a feature's handler has. Over it: HANDLER_TIMEOUT; the others notice nothing. */
  readonly handlerTimeoutMs: number;
  /** Bytes that wait for a connection behind the message being written. Over it, by policy: coalesce, drop, or close 4590. */
  readonly outboxBytesMax: number;
  /** Bytes handed to a socket before more waits in the outbox, where policies still apply to it. */
  readonly socketBufferBytesMax: number;
  /** How long a session outlives its connection. */
  readonly resumeWindowMs: number;
  /** Sessions without a connection kept at most; the oldest ends first. */
  readonly detachedSessionsMax: number;
  /** Messages an endpoint's connection may send before `onConnect` has settled. Over it: close 1013. */
  readonly connectQueueMax: number;
  /** Connections of this node. Over it: 503 before the upgrade. */
  readonly connectionsMax: number;
  /** How long a ticket lives when nothing is asked for. Long enough for reconnects, short enough to be in a URL. */
  readonly ticketTtlMs: number;
  /** Longest life that may be asked for. Over it: PAYLOAD_INVALID. */
  readonly ticketTtlMaxMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  messageBytesMax: 64 * 1024,
  jsonDepthMax: 32,
  malformedMax: 16,
  handshakeTimeoutMs: 10_000,
  heartbeatIntervalMs: 30_000,
  heartbeatDeadlineMs: 35_000,
  connectionsPerUserMax: 64,
  subscriptionsMax: 128,
  messagesPerSecondMax: 60,
  messagesBurstMax: 240,
  serviceMessagesPerSecondMax: 5_000,
  rateExcessMaxMs: 10_000,
  requestsInFlightMax: 256,
  handlerTimeoutMs: 10_000,
  outboxBytesMax: 1024 * 1024,
  socketBufferBytesMax: 64 * 1024,
  resumeWindowMs: 60_000,
  detachedSessionsMax: 10_000,
  connectQueueMax: 64,
  connectionsMax: 20_000,
  ticketTtlMs: 600_000,
  ticketTtlMaxMs: 3_600_000,
};

/** The limits of a server: the defaults, with what differs. Throws a RangeError that names what cannot work. */
export function resolveLimits(changes: Partial<Limits> = {}): Limits {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value >= 0)) throw new RangeError(`limits.${name} must be a number of 0 or more.`);
  }
  if (limits.heartbeatDeadlineMs <= limits.heartbeatIntervalMs) {
    throw new RangeError("limits.heartbeatDeadlineMs must be more than limits.heartbeatIntervalMs.");
  }
  return limits;
}
