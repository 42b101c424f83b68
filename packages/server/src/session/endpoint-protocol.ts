import {
  type BinaryMessage,
  PlexlineError,
  type ServerMessage,
  type SubscribeResult,
} from "@plexline/protocol";
import type { Authenticator, Credentials } from "../auth/authenticator.ts";
import type { Principal } from "../auth/principal.ts";
import type { Encoded, Encoder, OutboxPolicy } from "../broker/publication.ts";
import type { Endpoint, EndpointSession, OwnNotices, ReadOptions, ReadResult } from "../feature/endpoint.ts";
import { sharedEncoderOf, type Translate } from "../feature/shared-translation.ts";
import type { Limits } from "../platform/limits.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { Own } from "../router/own.ts";
import type { Router } from "../router/router.ts";
import type { Logger } from "../telemetry/log.ts";
import { type Connection, nativeClose, type SessionMeter } from "./connection.ts";
import type { ConnectionProtocol } from "./protocol.ts";
import { mayResume } from "./resume.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

/** An endpoint as it is spoken here; one whose messages have no close codes may have last words. */
export interface SpokenEndpoint extends Endpoint {
  /** What is sent last, before the engine ends the connection for an error; SHUTTING_DOWN when the server stops. */
  lastWords?(error: PlexlineError): string | null;
}

export interface EndpointParts {
  readonly sessions: Sessions;
  readonly router: Router;
  readonly authenticator: Authenticator;
  readonly limits: Limits;
  readonly meter: SessionMeter;
}

/** Messages are translated per subscription; what no subscription translates has no words in a foreign wire. */
const mute: Encoder = { encode: () => null };

/**
 * An endpoint's own messages on one connection. Everything the connection is stays the engine's; the endpoint is given a
 * session to send, subscribe and publish with, and is kept from hurting more than its own connection.
 */
export class EndpointProtocol implements ConnectionProtocol, EndpointSession {
  readonly name: string;
  readonly data: Record<string, unknown> = {};
  readonly #endpoint: SpokenEndpoint;
  readonly #connection: Connection;
  readonly #credentials: Credentials;
  readonly #parts: EndpointParts;
  #session: Session | null = null;
  /** The topic of the message that is being translated: what is sent meanwhile is part of it. */
  #translating: string | null = null;
  /** Messages that wait for `onConnect`; null once it has settled. */
  #early: (string | Uint8Array)[] | null = [];
  #isOver = false;

  constructor(
    endpoint: SpokenEndpoint,
    connection: Connection,
    credentials: Credentials,
    parts: EndpointParts,
  ) {
    this.name = endpoint.name ?? endpoint.path;
    this.#endpoint = endpoint;
    this.#connection = connection;
    this.#credentials = credentials;
    this.#parts = parts;
  }

  get session(): Session | null {
    return this.#session;
  }

  get id(): string {
    return this.#connection.connectionId;
  }

  get principal(): Principal {
    return this.#opened.principal;
  }

  get request(): UpgradeRequest {
    return this.#connection.request;
  }

  get log(): Logger {
    return this.#connection.log;
  }

  get authenticatesInBand(): boolean {
    return this.#endpoint.authentication === "in-band";
  }

  get messageBytesMax(): number {
    return this.#endpoint.messageBytesMax ?? this.#parts.limits.messageBytesMax;
  }

  onOpen(): void {
    void this.#connect();
  }

  onMessage(data: string | Uint8Array): void {
    this.#parts.meter.messageIn("foreign");
    if (this.#early === null) {
      this.#guard(() => this.#endpoint.onMessage?.(this, data));
      return;
    }
    this.#early.push(data);
    if (this.#early.length > this.#parts.limits.connectQueueMax)
      this.#connection.fail(new PlexlineError("OVERLOADED"));
  }

  waitsForRate(): boolean {
    return this.#endpoint.overRate === "wait";
  }

  onLimited(_data: string | Uint8Array, error: PlexlineError): void {
    this.#guard(() => this.#endpoint.onLimited?.(this, error));
  }

  onClose(code: number, reason: string): void {
    this.#guard(() => this.#endpoint.onClose?.(this, code, reason));
    this.#isOver = true;
    // A foreign wire has no resume: the session ends with its connection.
    if (this.#session) this.#parts.sessions.detach(this.#session, this.#connection, true);
  }

  ping(): void {
    this.#connection.pingSocket();
  }

  onTokenExpiring(): void {
    this.#guard(() => this.#endpoint.onTokenExpiring?.(this));
  }

  onGoaway(): boolean {
    return false;
  }

  onFailure(error: PlexlineError): { code: number; reason: string } {
    const close = this.#endpoint.closeFor?.(error) ?? nativeClose(error);
    this.#sayLast(error);
    return close;
  }

  onStop(): void {
    this.#sayLast(new PlexlineError("SHUTTING_DOWN"));
  }

  async authenticate(token?: string): Promise<Principal> {
    const { authenticator, meter } = this.#parts;
    const credentials: Credentials =
      token === undefined ? this.#credentials : { ...this.#credentials, token, source: "message" };
    try {
      const principal = await authenticator.authenticate(credentials);
      if (!this.#connection.isOpen) throw new PlexlineError("CLIENT_CLOSED");
      if (this.#session === null) this.#begin(principal);
      else await this.#renew(this.#session, principal);
      meter.authenticated("ok");
      return principal;
    } catch (error) {
      meter.authenticated("refused");
      throw PlexlineError.from(error, "TOKEN_INVALID");
    }
  }

  send(message: string | Uint8Array, outbox?: OutboxPolicy): void {
    this.#connection.send(encoded(message), outbox, this.#translating);
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  keepAlive(message: string | Uint8Array, afterMs: number): void {
    this.#connection.keepAlive(encoded(message), afterMs);
  }

  async subscribe(
    topic: string,
    options: Parameters<EndpointSession["subscribe"]>[1],
  ): Promise<SubscribeResult> {
    const { translate, own, ...request } = options;
    const encoder: Encoder =
      typeof translate === "function"
        ? { encode: (message) => this.#translate(topic, message, translate) }
        : sharedEncoderOf(translate);
    return new Promise((resolve, reject) => {
      this.#parts.router.subscriptions
        .subscribe(
          this.#opened,
          { topic, encoder, ...(own ? { own: this.#ownOf(topic, own) } : {}), ...request },
          resolve,
        )
        .catch(reject);
    });
  }

  unsubscribe(topic: string): void {
    this.#parts.router.subscriptions.unsubscribe(this.#opened, topic).catch(() => {
      // Leaving what one is not in is not an error for an endpoint.
    });
  }

  read(topic: string, options: ReadOptions): Promise<ReadResult> {
    return this.#parts.router.read(this.#opened, topic, options);
  }

  publish(topic: string, event: string, payload: unknown, options: { key?: string } = {}) {
    return this.#parts.router.publish(this.#opened, { topic, event, payload, ...options });
  }

  call(topic: string, command: string, input: unknown, options: { key?: string } = {}) {
    return this.#parts.router.call(this.#opened, { topic, command, input, ...options });
  }

  sendBinary(topic: string, kind: number, payload: Uint8Array): Promise<void> {
    return this.#parts.router.sendBinaryTo(this.#opened, topic, kind, payload);
  }

  setPresence(topic: string, state: unknown): Promise<void> {
    return this.#parts.router.setPresence(this.#opened, topic, state);
  }

  #ownOf(topic: string, { translate, handed }: OwnNotices): Own {
    return {
      encoder: { encode: (message) => this.#translate(topic, message, translate) },
      ...(handed ? { handed } : {}),
    };
  }

  get #opened(): Session {
    if (!this.#session)
      throw new PlexlineError("INTERNAL", { message: "The endpoint's session is not open." });
    return this.#session;
  }

  async #connect(): Promise<void> {
    if (!this.authenticatesInBand) {
      try {
        await this.authenticate();
      } catch (error) {
        this.#connection.fail(PlexlineError.from(error));
        return;
      }
    }
    try {
      await this.#endpoint.onConnect?.(this, this.request);
    } catch (error) {
      this.#failed(error);
      return;
    }
    const early = this.#early ?? [];
    this.#early = null;
    for (const data of early) this.#guard(() => this.#endpoint.onMessage?.(this, data));
  }

  #begin(principal: Principal): void {
    this.#session = this.#parts.sessions.attach(this.#connection, principal, mute).session;
    this.#connection.authenticated(principal);
    const { keepAlive, logFields } = this.#endpoint;
    if (keepAlive) this.#connection.keepAlive(encoded(keepAlive.message), keepAlive.afterMs);
    this.#connection.log.info({
      action: "ws.connect",
      userId: principal.id,
      tenant: principal.tenant,
      path: this.name,
      ...logFields?.(this.request, principal),
    });
  }

  async #renew(session: Session, principal: Principal): Promise<void> {
    if (!mayResume(session.principal, principal)) {
      throw new PlexlineError("FORBIDDEN", {
        message: "The token belongs to somebody else than the connection.",
        fix: "Open a connection of its own for every user.",
      });
    }
    session.principal = principal;
    this.#connection.authenticated(principal);
    await this.#parts.router.subscriptions.reauthorizeCaller(session);
  }

  /** The connection ends whatever this throws. */
  #sayLast(error: PlexlineError): void {
    try {
      const words = this.#endpoint.lastWords?.(error) ?? null;
      if (words !== null) this.send(words);
    } catch (thrown) {
      this.#connection.log.error({ action: "ws.error", error: thrown, context: `${this.name} closing` });
    }
  }

  /** Turns a message of a topic into foreign bytes. A translation that throws ends this connection and nothing else. */
  #translate(topic: string, message: ServerMessage | BinaryMessage, translate: Translate): Encoded | null {
    const outer = this.#translating;
    this.#translating = topic;
    try {
      const translated = translate(message);
      return translated === null ? null : encoded(translated);
    } catch (error) {
      this.#failed(error);
      return null;
    } finally {
      this.#translating = outer;
    }
  }

  /** Runs a callback of the endpoint; what it throws ends this connection and nothing else. */
  #guard(callback: () => void | Promise<void>): void {
    if (this.#isOver || (this.#session === null && !this.authenticatesInBand)) return;
    try {
      const pending = callback();
      if (pending) this.#connection.track(pending).catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#connection.log.error({ action: "ws.error", error, context: this.name });
    try {
      this.#endpoint.onError?.(this, error instanceof Error ? error : new Error(String(error)));
    } catch (second) {
      this.#connection.log.error({ action: "ws.error", error: second, context: `${this.name} onError` });
    }
    this.#connection.fail(new PlexlineError("HANDLER_FAILED"));
  }
}

function encoded(data: string | Uint8Array): Encoded {
  return { data, bytes: typeof data === "string" ? Buffer.byteLength(data) : data.byteLength };
}
