import { CLOSE_CODE_OF_ERROR, closeReason, PlexlineError } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { Encoded, OutboxPolicy } from "../broker/publication.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { TimingWheel } from "../platform/timing-wheel.ts";
import type { Logger } from "../telemetry/log.ts";
import { Heartbeat } from "./heartbeat.ts";
import { KeepAlive } from "./keep-alive.ts";
import { MessageRate } from "./message-rate.ts";
import { Outbox } from "./outbox.ts";
import type { ConnectionProtocol } from "./protocol.ts";
import { Reading } from "./reading.ts";
import type { Socket, SocketHandlers } from "./socket.ts";
import type { SpentBursts } from "./spent-bursts.ts";

/** What the session layer counts. */
export interface SessionMeter {
  connectionOpened(protocol: string): void;
  connectionClosed(protocol: string, code: number): void;
  messageIn(type: string): void;
  /** Messages handed to a socket, with their bytes together. */
  readonly messagesOut: (count: number, bytes: number) => void;
  refused(code: string): void;
  outboxDropped(policy: "coalesce" | "drop-oldest"): void;
  slowConsumer(): void;
  authenticated(result: "ok" | "refused"): void;
  resumed(result: "resumed" | "fresh" | "failed"): void;
  acked(durationMs: number): void;
}

export interface ConnectionParts {
  readonly clock: Clock;
  readonly wheel: TimingWheel;
  readonly limits: Limits;
  readonly log: Logger;
  readonly meter: SessionMeter;
  readonly spentBursts: SpentBursts;
}

/** Share of a token's remaining life after which the client is told to renew it. */
const EXPIRY_NOTICE_SHARE = 0.8;
/** Longest delay of one timer; longer waits are cut into several. */
const TIMER_MAX_MS = 2_000_000_000;

/** What WebSocket calls the end of a connection without a close frame. */
const CONNECTION_LOST = 1006;

const MUST_ARRIVE: OutboxPolicy = { policy: "close" };

/**
 * The life of one socket, whatever is spoken on it: outbox, heartbeat, rate, handshake deadline, token expiry and the
 * way it ends. Ends exactly once, with a code, a reason and, where the wire can, a message that says so.
 */
export class Connection implements SocketHandlers {
  readonly connectionId: string;
  readonly request: UpgradeRequest;
  readonly outbox: Outbox;
  readonly log: Logger;
  readonly openedAtMs: number;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #heartbeat: Heartbeat;
  readonly #reading: Reading;
  readonly #rate: MessageRate;
  readonly #handshakeTimer: Timer;
  #protocol!: ConnectionProtocol;
  #keepAlive: KeepAlive | null = null;
  #expiryTimer: Timer | null = null;
  #inFlight = 0;
  #messageBytesMax: number;
  #isAuthenticated = false;
  #isFailing = false;
  #isClosing = false;
  #isClosed = false;
  #onEnded: (connection: Connection) => void;

  constructor(
    connectionId: string,
    socket: Socket,
    request: UpgradeRequest,
    parts: ConnectionParts,
    onEnded: (connection: Connection) => void,
  ) {
    const { clock, limits, meter, wheel } = parts;
    this.connectionId = connectionId;
    this.request = request;
    this.log = parts.log.child({ connectionId });
    this.openedAtMs = clock.monotonicMs();
    this.#socket = socket;
    this.#parts = parts;
    this.#onEnded = onEnded;
    this.outbox = new Outbox(socket, {
      bytesMax: limits.outboxBytesMax,
      socketBufferBytesMax: limits.socketBufferBytesMax,
      onBatch: meter.messagesOut,
      onOverflow: () => this.#tooSlow(),
      onDropped: (policy) => meter.outboxDropped(policy),
    });
    this.#heartbeat = new Heartbeat(clock, wheel, limits, {
      onSilent: () => this.#protocol.ping(),
      onDead: () => this.#fail(new PlexlineError("HEARTBEAT_TIMEOUT"), true),
    });
    this.#handshakeTimer = clock.setTimer(
      () => this.fail(new PlexlineError("HANDSHAKE_TIMEOUT")),
      limits.handshakeTimeoutMs,
    );
    // What the peer sent while it was not read, pongs included, waited: it was not silent.
    this.#reading = new Reading(socket, () => this.#heartbeat.heard(clock.monotonicMs()));
    this.#rate = new MessageRate(clock, limits, this.#reading, parts.spentBursts);
    this.#messageBytesMax = limits.messageBytesMax;
  }

  /** Starts speaking; called once, right after construction. */
  open(protocol: ConnectionProtocol): void {
    this.#protocol = protocol;
    this.#parts.meter.connectionOpened(protocol.name);
    this.#messageBytesMax = Math.min(this.#parts.limits.messageBytesMax, protocol.messageBytesMax);
    this.#socket.setMessageBytesMax(this.#messageBytesMax);
    // Nobody is refused for a message that is too large only for those who are not known yet.
    if (!protocol.authenticatesInBand && protocol.messageBytesMax > this.#messageBytesMax)
      this.#reading.pause("authentication");
    this.#socket.attach(this);
    this.#heartbeat.start();
    protocol.onOpen();
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.#isClosed;
  }

  get protocol(): ConnectionProtocol {
    return this.#protocol;
  }

  /** It is known who speaks: the handshake's deadline ends, the token's begins. */
  authenticated(principal: Principal): void {
    const { clock } = this.#parts;
    this.#handshakeTimer.cancel();
    this.#rate.authenticated(principal);
    this.#expiryTimer?.cancel();
    this.#expiryTimer = null;
    if (principal.expiresAtMs !== undefined) {
      const remainingMs = principal.expiresAtMs - clock.nowMs();
      this.#waitForExpiry(principal.expiresAtMs, clock.nowMs() + remainingMs * EXPIRY_NOTICE_SHARE, false);
    }
    this.#isAuthenticated = true;
    this.#protocol.session?.messageBytesMaxChanged();
    this.#reading.resume("authentication");
  }

  send(encoded: Encoded, outbox: OutboxPolicy = MUST_ARRIVE, topic: string | null = null): void {
    if (!this.isOpen) return;
    // A reply comes after the publications that were made before it.
    if (topic === null) this.#settle();
    this.#parts.meter.messagesOut(1, encoded.bytes);
    this.#keepAlive?.sent();
    this.outbox.send(encoded, outbox, topic);
  }

  /** From now on sends this whenever nothing else has been sent for `afterMs`. Says nothing about the peer. */
  keepAlive(message: Encoded, afterMs: number): void {
    if (!this.isOpen) return;
    const { clock, wheel } = this.#parts;
    this.#keepAlive?.stop();
    const watch = new KeepAlive(clock, wheel, afterMs, () => {
      // Behind a full socket something is on its way already.
      if (this.outbox.hasRoom) this.send(message);
    });
    this.#keepAlive = watch;
    const { meter } = this.#parts;
    this.outbox.onBatch((messages, bytes) => {
      meter.messagesOut(messages, bytes);
      watch.sent();
    });
  }

  /** Sends a ping frame of the transport, for wires without a ping of their own. */
  pingSocket(): void {
    this.#socket.ping();
  }

  /** Lets messages be as large as the topics of its session allow, where that is more than the protocol's own limit. */
  allowTopicsBytes(topicsBytesMax: number): void {
    if (!this.#isAuthenticated || !this.isOpen) return;
    const bytes = Math.max(this.#protocol.messageBytesMax, topicsBytesMax);
    if (bytes === this.#messageBytesMax) return;
    this.#messageBytesMax = bytes;
    this.#socket.setMessageBytesMax(bytes);
  }

  /**
   * Counts a request until it settles. Behind the limit the socket is not read, so that a slow handler slows its own
   * callers and nobody else; what had been read already is refused at twice the limit.
   */
  async track<T>(request: Promise<T>): Promise<T> {
    const { requestsInFlightMax } = this.#parts.limits;
    this.#inFlight += 1;
    if (this.#inFlight >= requestsInFlightMax) this.#reading.pause("requests");
    try {
      return await request;
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight < requestsInFlightMax / 2) this.#reading.resume("requests");
    }
  }

  /** Whether another request may be taken on. */
  get mayRequest(): boolean {
    return this.#inFlight < this.#parts.limits.requestsInFlightMax * 2;
  }

  /** Ends the connection for a reason: told in band first, then by close code and reason. */
  fail(error: PlexlineError, code?: number): void {
    this.#settle();
    this.#fail(error, false, code);
  }

  /** Ends the connection with a code of the caller's own. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#settle();
    if (!this.isOpen) return;
    this.#close(code, reason);
  }

  /** Ends the connection because this node stops. */
  stop(): void {
    if (!this.isOpen) return;
    this.#settle();
    this.#protocol.onStop?.();
    this.close(1012, "SHUTTING_DOWN: This server is stopping.");
  }

  onMessage(data: string | Uint8Array): void {
    if (!this.isOpen) return;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#heartbeat.heard(nowMs);
    if (this.#protocol.waitsForRate(data)) this.#rate.takeOrWait(nowMs, data.length);
    else if (!this.#rate.take(nowMs)) {
      this.#limit(data, nowMs);
      return;
    }
    this.#protocol.onMessage(data);
  }

  onPong(): void {
    this.#heartbeat.heard(this.#parts.clock.monotonicMs());
  }

  onFlushed(): void {
    if (!this.#isClosed) this.outbox.flush();
  }

  onClose(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handshakeTimer.cancel();
    this.#expiryTimer?.cancel();
    this.#heartbeat.stop();
    this.#keepAlive?.stop();
    this.#rate.stop();
    this.#parts.meter.connectionClosed(this.#protocol.name, code);
    const userId = this.#protocol.session?.principal.id;
    const durationMs = Math.round(this.#parts.clock.monotonicMs() - this.openedAtMs);
    this.log.info({
      action: "ws.disconnect",
      userId,
      code,
      reason: reason || withoutReason(code),
      durationMs,
    });
    this.#protocol.onClose(code, reason);
    this.outbox.close();
    this.#onEnded(this);
  }

  /** Not while it fails: after a message that did not fit nothing may follow. */
  #settle(): void {
    if (!this.#isFailing) this.#protocol.session?.settle();
  }

  #fail(error: PlexlineError, isDead: boolean, code?: number): void {
    // Saying why may itself be too much for a full outbox: the first reason is the one.
    if (!this.isOpen || this.#isFailing) return;
    this.#isFailing = true;
    this.#parts.meter.refused(error.code);
    const close = this.#protocol.onFailure(error);
    this.#logFailure(error, close.reason);
    this.#close(code ?? close.code, close.reason);
    // A peer that shows no sign of life will not answer a closing handshake either. What was said last leaves first.
    const isCut = isDead || (this.#socket.endMeansWhole === true && error.code === "SLOW_CONSUMER");
    if (isCut) this.#parts.clock.defer(() => this.#socket.terminate());
  }

  /** That nobody could be authenticated is an error of somebody's; the end of a token that was good is not. */
  #logFailure({ code, message, retry }: PlexlineError, reason: string): void {
    if (retry === "new-token" && !this.#isAuthenticated)
      this.log.error({ action: "ws.error", error: reason, code, context: message });
    else this.log.info({ action: "ws.refuse", code, reason: message });
  }

  #close(code: number, reason: string): void {
    this.#isClosing = true;
    this.outbox.stopBatches();
    if (this.#socket.endMeansWhole) this.outbox.handOver();
    this.#socket.close(code, reason);
  }

  #tooSlow(): void {
    if (this.#isFailing) return;
    this.#parts.meter.slowConsumer();
    this.#fail(new PlexlineError("SLOW_CONSUMER"), false);
  }

  #limit(data: string | Uint8Array, nowMs: number): void {
    const { retryAfterMs, isTooLong } = this.#rate.refuse(nowMs);
    const error = new PlexlineError("RATE_LIMITED", { retryAfterMs });
    this.#parts.meter.refused(error.code);
    if (isTooLong) this.fail(error);
    else this.#protocol.onLimited(data, error);
  }

  /** Waits for the notice, then for the end, in steps that a timer can count. */
  #waitForExpiry(expiresAtMs: number, noticeAtMs: number, isTold: boolean): void {
    const { clock } = this.#parts;
    const nextAtMs = isTold ? expiresAtMs : noticeAtMs;
    const delayMs = Math.min(Math.max(nextAtMs - clock.nowMs(), 0), TIMER_MAX_MS);
    this.#expiryTimer = clock.setTimer(() => {
      const nowMs = clock.nowMs();
      if (nowMs >= expiresAtMs) {
        this.fail(new PlexlineError("TOKEN_EXPIRED"));
        return;
      }
      const isDue = nowMs >= noticeAtMs;
      if (isDue && !isTold) this.#protocol.onTokenExpiring(expiresAtMs);
      this.#waitForExpiry(expiresAtMs, noticeAtMs, isTold || isDue);
    }, delayMs);
  }
}

/** What a log line says of a peer that gave no reason. */
function withoutReason(code: number): string {
  return code === CONNECTION_LOST ? "Connection lost" : "Client closed connection";
}

/** How the native wire closes for an error. */
export function nativeClose(error: PlexlineError): { code: number; reason: string } {
  return {
    code: CLOSE_CODE_OF_ERROR[error.code] ?? 4400,
    reason: closeReason(error.code, error.message),
  };
}
