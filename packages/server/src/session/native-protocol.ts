import {
  type ClientMessage,
  decodeBinaryMessage,
  type HelloMessage,
  PlexlineError,
  parseClientMessage,
  parseJson,
  type RefreshMessage,
  refOf,
  type ServerMessage,
  type SubscribeResult,
} from "@plexline/protocol";
import type { Authenticator, Credentials } from "../auth/authenticator.ts";
import type { Clock } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import { withDeadline } from "../router/deadline.ts";
import type { Router } from "../router/router.ts";
import type { TopicRegistry } from "../router/topic-registry.ts";
import { type Connection, nativeClose, type SessionMeter } from "./connection.ts";
import { credentialsOf, welcomeMessage } from "./handshake.ts";
import { nativeEncoder } from "./native-encoder.ts";
import type { ConnectionProtocol } from "./protocol.ts";
import { mayResume } from "./resume.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

export interface NativeParts {
  readonly sessions: Sessions;
  readonly router: Router;
  readonly registry: TopicRegistry;
  readonly authenticator: Authenticator;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly meter: SessionMeter;
}

/** `plexline.v1` on one connection: the handshake, then requests and their replies. PROTOCOL.md has the rules. */
export class NativeProtocol implements ConnectionProtocol {
  readonly name = "native";
  readonly #connection: Connection;
  readonly #credentials: Credentials;
  readonly #parts: NativeParts;
  #session: Session | null = null;
  #saidHello = false;
  #malformed = 0;

  /** `credentials` are what the upgrade showed; a token in hello goes before them. */
  constructor(connection: Connection, credentials: Credentials, parts: NativeParts) {
    this.#connection = connection;
    this.#credentials = credentials;
    this.#parts = parts;
  }

  get session(): Session | null {
    return this.#session;
  }

  get messageBytesMax(): number {
    return this.#parts.limits.messageBytesMax;
  }

  get authenticatesInBand(): boolean {
    return true;
  }

  onOpen(): void {}

  onMessage(data: string | Uint8Array): void {
    if (typeof data !== "string") this.#onBinary(data);
    else if (isLonger(data, this.messageBytesMax))
      this.#connection.fail(new PlexlineError("MESSAGE_TOO_LARGE"));
    else this.#onText(data);
  }

  waitsForRate(data: string | Uint8Array): boolean {
    return typeof data !== "string";
  }

  onLimited(data: string | Uint8Array, error: PlexlineError): void {
    let ref: number | undefined;
    try {
      if (typeof data === "string")
        ref = refOf(parseJson(data, { depthMax: this.#parts.limits.jsonDepthMax }));
    } catch {
      // What cannot be read has no ref: the error goes out without one.
    }
    this.#refuse(ref, error);
  }

  onClose(code: number): void {
    if (!this.#session) return;
    this.#parts.sessions.detach(this.#session, this.#connection, code === 1000);
  }

  ping(): void {
    this.#send({ type: "ping" });
  }

  onTokenExpiring(expiresAtMs: number): void {
    this.#send({ type: "token-expiring", expiresAtMs });
  }

  onGoaway(reconnectAfterMs: number): boolean {
    if (!this.#session) return false;
    this.#send({ type: "goaway", reconnectAfterMs });
    return true;
  }

  onFailure(error: PlexlineError): { code: number; reason: string } {
    this.#send({ type: "error", error: error.toBody() });
    return nativeClose(error);
  }

  #onText(text: string): void {
    let value: unknown;
    let message: ClientMessage;
    try {
      value = parseJson(text, { depthMax: this.#parts.limits.jsonDepthMax });
      message = parseClientMessage(value);
    } catch (error) {
      this.#onUnreadable(PlexlineError.from(error, "MALFORMED_MESSAGE"), refOf(value));
      return;
    }
    this.#parts.meter.messageIn(message.type);
    this.#dispatch(message);
  }

  #onBinary(data: Uint8Array): void {
    const session = this.#session;
    if (!session) {
      this.#connection.fail(new PlexlineError("HELLO_REQUIRED"));
      return;
    }
    this.#parts.meter.messageIn("binary");
    try {
      const { alias, kind, payload } = decodeBinaryMessage(data);
      this.#take(alias, () => this.#parts.router.sendBinary(session, alias, kind, payload));
    } catch (error) {
      this.#onUnreadable(PlexlineError.from(error, "MALFORMED_MESSAGE"), undefined);
    }
  }

  /** Names what is wrong and lives on, unless it keeps happening or nobody has been authenticated yet. */
  #onUnreadable(error: PlexlineError, ref: number | undefined): void {
    this.#malformed += 1;
    this.#parts.meter.messageIn("unreadable");
    if (!this.#session || this.#malformed >= this.#parts.limits.malformedMax)
      this.#connection.fail(error, 4400);
    else this.#refuse(ref, error);
  }

  #dispatch(message: ClientMessage): void {
    if (message.type === "hello") {
      if (this.#saidHello) this.#connection.fail(new PlexlineError("HELLO_REPEATED"));
      else void this.#greet(message);
      return;
    }
    const session = this.#session;
    if (!session) {
      this.#connection.fail(new PlexlineError("HELLO_REQUIRED"));
      return;
    }
    const { router } = this.#parts;
    switch (message.type) {
      case "subscribe":
        this.#subscribe(session, message);
        return;
      case "unsubscribe":
        this.#answer(message.ref, () => router.subscriptions.unsubscribe(session, message.topic));
        return;
      case "publish":
        this.#answer(message.ref, () => router.publish(session, publishRequest(message)));
        return;
      case "call":
        this.#answer(message.ref, () => router.call(session, callRequest(message)));
        return;
      case "presence":
        this.#answer(undefined, () => router.setPresence(session, message.topic, message.state));
        return;
      case "refresh":
        this.#answer(message.ref, () => this.#refresh(session, message));
        return;
      case "ping":
        this.#send({ type: "pong" });
        return;
      case "pong":
        return;
      default:
        message satisfies never;
    }
  }

  async #greet(hello: HelloMessage): Promise<void> {
    this.#saidHello = true;
    const { authenticator, sessions, meter, limits, registry } = this.#parts;
    try {
      const principal = await authenticator.authenticate(credentialsOf(hello, this.#credentials));
      meter.authenticated("ok");
      if (!this.#connection.isOpen) return;
      const { session, resumed } = sessions.attach(this.#connection, principal, nativeEncoder, hello.resume);
      this.#session = session;
      meter.resumed(resumed ? "resumed" : hello.resume === undefined ? "fresh" : "failed");
      this.#connection.authenticated(principal);
      this.#send(welcomeMessage(session, resumed, limits, registry));
      const { sessionId } = session;
      const { id: userId, tenant } = principal;
      this.#connection.log.info({
        action: "ws.connect",
        userId,
        tenant,
        sessionId,
        resumed,
        client: hello.client,
      });
    } catch (error) {
      const refusal = PlexlineError.from(error, "TOKEN_INVALID");
      if (refusal.code.startsWith("TOKEN_")) {
        meter.authenticated("refused");
        this.#connection.log.error({
          action: "ws.error",
          error: refusal.message,
          code: refusal.code,
          context: "hello",
        });
      }
      this.#connection.fail(refusal);
    }
  }

  #subscribe(session: Session, message: ClientMessage & { type: "subscribe" }): void {
    const { ref, topic } = message;
    const request = {
      topic,
      ...(message.since === undefined ? {} : { since: message.since }),
      ...("input" in message ? { input: message.input } : {}),
    };
    if (!this.#connection.mayRequest) {
      this.#refuse(ref, new PlexlineError("REQUESTS_MAX"));
      return;
    }
    // The router replies itself, so that nothing comes between the reply and the first push.
    const reply = (result: SubscribeResult) => this.#send({ type: "reply", ref, ok: true, result });
    this.#connection
      .track(this.#parts.router.subscriptions.subscribe(session, request, reply))
      .catch((error: unknown) => this.#refuse(ref, PlexlineError.from(error)));
  }

  async #refresh(session: Session, message: RefreshMessage): Promise<{ expiresAtMs?: number }> {
    const { authenticator, clock, limits, router } = this.#parts;
    const principal = await withDeadline(clock, limits.handlerTimeoutMs, () =>
      authenticator.authenticate({ ...this.#credentials, token: message.token, source: "message" }),
    );
    if (!mayResume(session.principal, principal)) {
      throw new PlexlineError("FORBIDDEN", {
        message: "The new token belongs to somebody else.",
        fix: "Close the client and create one for the other user.",
      });
    }
    session.principal = principal;
    this.#connection.authenticated(principal);
    await router.subscriptions.reauthorizeCaller(session);
    return principal.expiresAtMs === undefined ? {} : { expiresAtMs: principal.expiresAtMs };
  }

  /** Replies once the request has settled; without a ref only a refusal is told. */
  #answer(ref: number | undefined, work: () => Promise<unknown>): void {
    if (!this.#connection.mayRequest) {
      this.#refuse(ref, new PlexlineError("REQUESTS_MAX"));
      return;
    }
    const startedMs = this.#parts.clock.monotonicMs();
    this.#connection.track(attempt(work)).then(
      (result) => {
        this.#parts.meter.acked(this.#parts.clock.monotonicMs() - startedMs);
        if (ref !== undefined)
          this.#send({ type: "reply", ref, ok: true, ...(result === undefined ? {} : { result }) });
      },
      (error: unknown) => this.#refuse(ref, PlexlineError.from(error)),
    );
  }

  /** Binary messages have no reply: what became of them is told by the topic itself, unless they are refused. */
  #take(alias: number, work: () => Promise<void>): void {
    if (!this.#connection.mayRequest) {
      this.#refuseBinary(alias, new PlexlineError("REQUESTS_MAX"));
      return;
    }
    const startedMs = this.#parts.clock.monotonicMs();
    this.#connection.track(attempt(work)).then(
      () => this.#parts.meter.acked(this.#parts.clock.monotonicMs() - startedMs),
      (error: unknown) => this.#refuseBinary(alias, PlexlineError.from(error)),
    );
  }

  #refuseBinary(alias: number, error: PlexlineError): void {
    // It would be as large when it is sent again: nothing less ends it.
    if (error.code === "MESSAGE_TOO_LARGE") this.#connection.fail(error);
    else this.#refuse(undefined, error, this.#topicOf(alias));
  }

  /** The topic of an alias, for those who may know it. */
  #topicOf(alias: number): string | undefined {
    const topic = this.#parts.router.topicOfAlias(alias);
    return topic !== undefined && this.#session?.subscriptions.has(topic) ? topic : undefined;
  }

  #refuse(ref: number | undefined, error: PlexlineError, topic?: string): void {
    this.#parts.meter.refused(error.code);
    if (error.code === "INTERNAL") {
      this.#connection.log.error({
        action: "ws.error",
        code: error.code,
        error: error.cause ?? error.message,
      });
    }
    if (ref !== undefined) this.#send({ type: "reply", ref, ok: false, error: error.toBody() });
    else this.#send({ type: "error", error: error.toBody(), ...(topic === undefined ? {} : { topic }) });
  }

  #send(message: ServerMessage): void {
    this.#connection.send(
      nativeEncoder.encode(message) as NonNullable<ReturnType<typeof nativeEncoder.encode>>,
    );
  }
}

function publishRequest(message: ClientMessage & { type: "publish" }) {
  const { topic, event, payload, key } = message;
  return { topic, event, payload, ...(key === undefined ? {} : { key }) };
}

function callRequest(message: ClientMessage & { type: "call" }) {
  const { topic, command, input, key } = message;
  return { topic, command, input, ...(key === undefined ? {} : { key }) };
}

/** Whether a text has more bytes than that; without counting them where its length tells. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

/** A refusal thrown at once is a refusal like any other. */
function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}
