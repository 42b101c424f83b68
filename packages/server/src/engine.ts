import { setMaxListeners } from "node:events";
import { PlexlineError } from "@plexline/protocol";
import type { Authenticator, Credentials } from "./auth/authenticator.ts";
import type { Authorizer } from "./auth/authorizer.ts";
import type { Principal } from "./auth/principal.ts";
import type { Broker } from "./broker/broker.ts";
import { createHub } from "./broker/hub.ts";
import type { Feature } from "./feature/feature.ts";
import type { Clock } from "./platform/clock.ts";
import type { Limits } from "./platform/limits.ts";
import type { Random } from "./platform/random.ts";
import { createTimingWheel, type TimingWheel } from "./platform/timing-wheel.ts";
import { LiveTopics } from "./router/live-topics.ts";
import { Router } from "./router/router.ts";
import { createTopicRegistry, type TopicRegistry } from "./router/topic-registry.ts";
import { Connection, type SessionMeter } from "./session/connection.ts";
import { drain } from "./session/drain.ts";
import { EndpointProtocol, type SpokenEndpoint } from "./session/endpoint-protocol.ts";
import { NativeProtocol } from "./session/native-protocol.ts";
import { Sessions } from "./session/sessions.ts";
import type { Socket } from "./session/socket.ts";
import { SpentBursts } from "./session/spent-bursts.ts";
import { createMemoryStorage } from "./storage/memory.ts";
import type { Storage } from "./storage/storage.ts";
import type { Logger } from "./telemetry/log.ts";

/** What the engine counts. */
export interface EngineMeter extends SessionMeter {
  published(feature: string, family: "logged" | "ephemeral"): void;
  recovery(result: "recovered" | "unrecovered" | "fresh"): void;
  gap(reason: "trimmed" | "reset"): void;
  handled(feature: string, durationMs: number): void;
}

export interface EngineParts {
  readonly topics: Readonly<Record<string, Feature>>;
  readonly storage: Storage;
  readonly broker: Broker;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  readonly meter: EngineMeter;
}

/** Who speaks on an accepted socket: the native wire, or an endpoint. */
export type Target =
  | { readonly kind: "native" }
  | { readonly kind: "endpoint"; readonly endpoint: SpokenEndpoint };

/** Resolution of the heartbeat: deadlines are kept to within this. */
const WHEEL_TICK_MS = 500;

/** Everything between sockets and storage, wired: what a server, a test or a simulator runs. */
export class Engine {
  readonly registry: TopicRegistry;
  readonly router: Router;
  readonly sessions: Sessions;
  readonly liveTopics: LiveTopics;
  readonly connections = new Set<Connection>();
  readonly #stop = new AbortController();
  readonly #parts: EngineParts;
  readonly #wheel: TimingWheel;
  readonly #spentBursts: SpentBursts;

  constructor(parts: EngineParts) {
    const { storage, broker, authorizer, clock, random, limits, log, meter } = parts;
    this.#parts = parts;
    this.#wheel = createTimingWheel({
      clock,
      tickMs: WHEEL_TICK_MS,
      onError: (error) => log.error({ action: "wheel.item", error }),
    });
    this.registry = createTopicRegistry(parts.topics);
    this.liveTopics = new LiveTopics({
      storage,
      memory: createMemoryStorage({ random }),
      hub: createHub(clock, (error) => log.error({ action: "hub.deliver", error })),
      broker,
      clock,
      log,
      handlerTimeoutMs: limits.handlerTimeoutMs,
      onPublication: (feature, family) => meter.published(feature, family),
      onGap: (reason) => meter.gap(reason),
    });
    this.router = new Router({
      registry: this.registry,
      liveTopics: this.liveTopics,
      authorizer,
      clock,
      log,
      limits,
      onRecovery: (result) => meter.recovery(result),
      onHandled: (feature, durationMs) => meter.handled(feature, durationMs),
    });
    this.#spentBursts = new SpentBursts(limits.messagesPerSecondMax, limits.messagesBurstMax);
    this.sessions = new Sessions({ router: this.router, clock, random, limits });
    // One listener for each topic that the server's own code follows, which takes it off again.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborted when the server's own code has to stop too: behind the connections, before the topics. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Takes over an open socket. */
  accept(socket: Socket, credentials: Credentials, target: Target): Connection {
    const { random, clock, limits, log, meter, authenticator } = this.#parts;
    const connection = new Connection(
      `ws_${clock.nowMs()}_${random.id(9).replace(/[^a-z0-9]/gi, "")}`,
      socket,
      credentials.request,
      { clock, wheel: this.#wheel, limits, log, meter, spentBursts: this.#spentBursts },
      (ended) => this.connections.delete(ended),
    );
    this.connections.add(connection);
    const { sessions, router, registry } = this;
    connection.open(
      target.kind === "native"
        ? new NativeProtocol(connection, credentials, {
            sessions,
            router,
            registry,
            authenticator,
            limits,
            clock,
            meter,
          })
        : new EndpointProtocol(target.endpoint, connection, credentials, {
            sessions,
            router,
            authenticator,
            limits,
            meter,
          }),
    );
    return connection;
  }

  /** Ends every connection of a principal whose authority was taken away. */
  revoke(isRevoked: (principal: Principal) => boolean): void {
    for (const session of [...this.sessions.all()]) {
      if (!isRevoked(session.principal)) continue;
      for (const topic of session.subscriptions.keys()) session.purge(topic);
      session.connection?.fail(new PlexlineError("REVOKED"));
      this.sessions.end(session);
    }
  }

  /** Says goodbye to everybody and waits for it, at most `graceMs`; then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    const { clock, random } = this.#parts;
    const farewell = drain(this.connections, clock, random, {
      // The rest of the grace period is for those who have to be closed.
      spreadMs: Math.min(graceMs / 2, 3_000),
      batchMax: 500,
    });
    const deadline = new Promise<void>((resolve) => clock.setTimer(resolve, graceMs));
    await Promise.race([farewell, deadline]);
    for (const session of [...this.sessions.all()]) this.sessions.end(session);
    this.#stop.abort();
    await this.liveTopics.close();
    this.#wheel.close();
  }

  /** Subscriptions of all sessions. */
  get subscriptionCount(): number {
    let count = 0;
    for (const session of this.sessions.all()) count += session.subscriptions.size;
    return count;
  }

  /** Messages that wait in outboxes. */
  get waitingMessages(): number {
    let count = 0;
    for (const connection of this.connections) count += connection.outbox.length;
    return count;
  }
}
