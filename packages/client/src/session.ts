import {
  type BinaryMessage,
  type ClientMessage,
  type ErrorBody,
  type GoawayMessage,
  type HelloMessage,
  PlexlineError,
  type ServerMessage,
  type WelcomeMessage,
} from "@plexline/protocol";
import { type BackoffPolicy, reconnectDelayMs } from "./backoff.ts";
import type { ClientEvents, WireEvent } from "./client-events.ts";
import { closeAdvice } from "./close-advice.ts";
import { Connection } from "./connection.ts";
import type { Emitter } from "./emitter.ts";
import { Liveness } from "./liveness.ts";
import type { ClientClock, ClientRandom, ClientTimer, WebSocketConstructor } from "./platform.ts";
import type { Requests } from "./requests.ts";
import type { TokenRequest, TokenSource } from "./token.ts";
import { errorFromClose, errorFromWire } from "./wire-error.ts";

/** The state of the client's line to the server, with the reason where there is one. */
export type ConnectionStatus =
  /** Not connected; `retryAtMs` (since 1970) says when it is tried again. */
  | { readonly state: "disconnected"; readonly reason?: ErrorBody; readonly retryAtMs?: number }
  | { readonly state: "connecting"; readonly attempt: number }
  | {
      readonly state: "connected";
      readonly sessionId: string;
      readonly resumed: boolean;
      readonly user: string;
    }
  /** The application closed the client. */
  | { readonly state: "closed" }
  /** Trying again would end the same way; `reason.fix` says what to do. `connect()` tries anyway. */
  | { readonly state: "failed"; readonly reason: ErrorBody };

export interface SessionOptions {
  readonly url: () => string;
  readonly WebSocket: () => WebSocketConstructor;
  readonly name: string;
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly policy: BackoffPolicy;
  readonly token: TokenSource;
  readonly requests: Requests;
  readonly events: Emitter<ClientEvents>;
}

export interface SessionHandlers {
  /** The session is open; called before the status is told, so that subscribes go out before anything else. */
  onConnected(welcome: WelcomeMessage): void;
  onDisconnected(): void;
  onMessage(message: ServerMessage): void;
  onBinary(message: BinaryMessage): void;
}

const CONNECT_DEADLINE_MS = 10_000;
/** Added to the server's heartbeat deadline for the way. */
const LIVENESS_GRACE_MS = 5_000;

/**
 * Keeps one session going over as many connections as it takes. Every wait has one timer, `#timer`, whose meaning
 * follows from the state: the retry, the deadline of an attempt, or the reconnect that `goaway` asked for.
 */
export class Session {
  status: ConnectionStatus = { state: "disconnected" };
  welcome: WelcomeMessage | null = null;
  readonly #options: SessionOptions;
  readonly #handlers: SessionHandlers;
  #connection: Connection | null = null;
  #liveness: Liveness | undefined;
  #timer: ClientTimer | undefined;
  /** Rises with every attempt, so that late answers of an earlier one are recognised. */
  #life = 0;
  #failures = 0;
  #connectedAtMs = 0;
  /** Connecting earlier than this would go against what the server asked for. */
  #notBeforeMs = 0;
  #tokenReason: TokenRequest["reason"] = "connect";
  #lastError: PlexlineError | undefined;

  constructor(options: SessionOptions, handlers: SessionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  get connected(): boolean {
    return this.status.state === "connected";
  }

  /** Connects now, unless it is connected, connecting or closed. */
  connect(): void {
    if (this.status.state === "disconnected" || this.status.state === "failed") this.#attempt();
  }

  /** Goes offline until `connect`. */
  disconnect(): void {
    if (this.status.state === "closed") return;
    this.#release()?.cut();
    this.#setStatus({ state: "disconnected" });
  }

  /** Ends the session for good. */
  close(): void {
    if (this.status.state === "closed") return;
    const connection = this.#release();
    this.#setStatus({ state: "closed" });
    connection?.end();
  }

  /** Gives the connection up as if the network had failed. */
  drop(error?: PlexlineError): void {
    if (this.#connection !== null) this.#lost(1006, "", error);
  }

  /** The page or the network woke up: a planned retry happens now, an open connection shows that it is alive. */
  wake(): void {
    if (this.connected) this.#liveness?.probe();
    if (this.status.state === "disconnected" && this.status.retryAtMs !== undefined)
      this.#retryIn(0, this.status.reason);
  }

  /** Sends on the open connection, if there is one. */
  send(message: ClientMessage | BinaryMessage): void {
    if (this.#connection === null) return;
    this.#connection.send(message);
    // Told after it left: a listener that publishes then does not overtake it.
    this.#wire("out", message);
  }

  #attempt(): void {
    const life = ++this.#life;
    const { clock, token } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => {
      token.abandon();
      this.#lost(1006, "", new PlexlineError("TIMEOUT"));
    }, CONNECT_DEADLINE_MS);
    const attempt = this.#failures + 1;
    this.#setStatus({ state: "connecting", attempt });
    if (life !== this.#life) return;
    token.get({ reason: this.#tokenReason, attempt }, (error, given) => {
      if (life !== this.#life) return;
      if (error) this.#lost(1006, "", error);
      else this.#open(given);
    });
  }

  #open(token: string | undefined): void {
    const { name, url, WebSocket } = this.#options;
    const resume = this.welcome?.resumeToken;
    try {
      this.#connection = new Connection(WebSocket(), url(), {
        onOpen: () => {
          // An undefined field does not go over the wire.
          this.send({ type: "hello", client: name, token, resume } as HelloMessage);
        },
        onMessage: (message) => this.#receive(message),
        onBinary: (message) => {
          this.#liveness?.heard();
          this.#wire("in", message);
          if (this.connected) this.#handlers.onBinary(message);
        },
        onClose: (code, reason, error) => this.#lost(code, reason, error),
      });
    } catch (cause) {
      const message = `No socket can be opened: ${String(cause)}.`;
      const fix = "Give createClient a full url, and on Node 20 the WebSocket of the package ws.";
      this.#fail(new PlexlineError("OPERATION_UNSUPPORTED", { message, fix, cause }));
    }
  }

  #receive(message: ServerMessage): void {
    const life = this.#life;
    this.#liveness?.heard();
    this.#wire("in", message);
    // A listener may have closed the client.
    if (life !== this.#life) return;
    if (message.type === "ping") this.send({ type: "pong" });
    else if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "goaway") this.#goAway(message);
    else if (message.type === "token-expiring") this.#refresh(1, this.#life);
    else if (message.type === "error" && message.topic === undefined) {
      this.#lastError = errorFromWire(message.error);
      this.#emit("error", this.#lastError);
      return;
    }
    // An error that a later message follows did not end the connection.
    if (message.type !== "error") this.#lastError = undefined;
    this.#handlers.onMessage(message);
  }

  #welcomed(welcome: WelcomeMessage): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.welcome = welcome;
    this.#connectedAtMs = clock.monotonicMs();
    this.#notBeforeMs = 0;
    this.#tokenReason = "connect";
    this.#liveness?.stop();
    const { heartbeatIntervalMs: intervalMs, heartbeatDeadlineMs } = welcome;
    this.#liveness = new Liveness(
      clock,
      { intervalMs, deadlineMs: heartbeatDeadlineMs + LIVENESS_GRACE_MS },
      () => this.send({ type: "ping" }),
      () => this.drop(new PlexlineError("TIMEOUT", { message: "The server has gone silent." })),
    );
    const { sessionId, resumed, user } = welcome;
    const status = { state: "connected", sessionId, resumed, user } as const;
    this.status = status;
    this.#handlers.onConnected(welcome);
    if (this.status === status) this.#emit("status", status);
  }

  /** The node stops soon. Until the delay is over the connection is used; if it closes earlier, the delay still holds. */
  #goAway(message: GoawayMessage): void {
    const { clock } = this.#options;
    const afterMs = message.reconnectAfterMs;
    this.#notBeforeMs = clock.monotonicMs() + afterMs;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => this.#lost(1012, "", new PlexlineError("SHUTTING_DOWN")), afterMs);
    this.#emit("goaway", message);
  }

  #refresh(attempt: number, life: number): void {
    const { token, requests, clock } = this.#options;
    if (life !== this.#life) return;
    const again = (error: PlexlineError): void => {
      this.#emit("error", error);
      // Slower each time; the server keeps the connection until the token really ends.
      clock.setTimer(() => this.#refresh(attempt + 1, life), 1_000 * attempt);
    };
    token.get({ reason: "expiring", attempt }, (error, given) => {
      if (life !== this.#life) return;
      if (error) again(error);
      else if (given !== undefined) {
        requests.send({ type: "refresh", token: given }, (outcome) => {
          if (!outcome.ok) again(outcome.error);
        });
      }
    });
  }

  /** The connection, or the attempt at one, is over. Decides what comes next. */
  #lost(code: number, reason: string, ownError?: PlexlineError): void {
    const { clock, policy, random } = this.#options;
    const stable = this.connected && clock.monotonicMs() - this.#connectedAtMs >= policy.stableMs;
    const error = ownError ?? this.#lastError ?? errorFromClose(code, reason);
    this.#release()?.cut();
    const advice = closeAdvice(code);
    if (advice === "stop") {
      this.#fail(error);
      return;
    }
    if (advice === "new-token") this.#tokenReason = error.code === "TOKEN_EXPIRED" ? "expired" : "rejected";
    if (stable) this.#failures = 0;
    const delayMs = reconnectDelayMs({ code, stable, failures: this.#failures }, policy, random);
    this.#failures++;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.monotonicMs() + (error.retryAfterMs ?? 0));
    this.#retryIn(delayMs, error.toBody());
  }

  #retryIn(delayMs: number, reason: ErrorBody | undefined): void {
    const { clock } = this.#options;
    const waitMs = Math.max(delayMs, this.#notBeforeMs - clock.monotonicMs());
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => this.#attempt(), waitMs);
    this.#setStatus({ state: "disconnected", retryAtMs: clock.nowMs() + waitMs, ...(reason && { reason }) });
  }

  #fail(error: PlexlineError): void {
    this.#release()?.cut();
    this.#setStatus({ state: "failed", reason: error.toBody() });
    this.#emit("error", error);
  }

  /** Lets go of everything that belongs to this connection or attempt, and hands back the connection if there was one. */
  #release(): Connection | null {
    const connection = this.#connection;
    this.#life++;
    this.#timer?.cancel();
    this.#liveness?.stop();
    this.#connection = null;
    this.#liveness = undefined;
    this.#lastError = undefined;
    this.#options.requests.clear();
    return connection;
  }

  #emit<Name extends keyof ClientEvents>(name: Name, value: ClientEvents[Name]): void {
    this.#options.events.emit(name, value);
  }

  #wire(direction: WireEvent["direction"], message: WireEvent["message"]): void {
    this.#emit("wire", { direction, message, atMs: this.#options.clock.nowMs() });
  }

  /** Tells a status, and first the end of a session that was open. A listener may go elsewhere: then that holds. */
  #setStatus(status: ConnectionStatus): void {
    const wasOpen = this.connected;
    this.status = status;
    if (wasOpen) this.#handlers.onDisconnected();
    if (this.status === status) this.#emit("status", status);
  }
}
