import {
  type BinaryMessage,
  type ClientMessage,
  PlexlineError,
  type Position,
  type WelcomeMessage,
} from "@plexline/protocol";
import { BACKOFF_DEFAULT } from "./backoff.ts";
import type { ClientEvents } from "./client-events.ts";
import { Emitter } from "./emitter.ts";
import type { ClientOptions } from "./options.ts";
import { OUTBOX_LIMITS_DEFAULT, Outbox } from "./outbox.ts";
import { watchPage } from "./page-events.ts";
import { systemClock, systemRandom } from "./platform.ts";
import { Requests } from "./requests.ts";
import { type ConnectionStatus, Session } from "./session.ts";
import { fillTemplate } from "./template.ts";
import { TokenSource } from "./token.ts";
import { type Topic, TopicHandle, type TopicHost, type TopicName } from "./topic.ts";
import { Topics } from "./topics.ts";

/** One line to a Plexline server. */
export interface Client {
  readonly status: ConnectionStatus;
  /** What the server said when it last opened the session. */
  readonly welcome: WelcomeMessage | null;
  /** Publishes and calls not answered yet, queued or on their way. */
  readonly pending: number;
  /** Listens; returns what stops it. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void;
  /** Connects now; from `failed` and after `disconnect` too. */
  connect(): void;
  /** Goes offline on purpose, without retries, until `connect`. */
  disconnect(): void;
  /** Ends the client for good: everything pending is rejected with CLIENT_CLOSED. */
  close(): void;
  /** Cuts the socket as a network failure would; the client reconnects by itself. */
  drop(): void;
  /**
   * A new handle of a topic. With `since: "start"` its first subscription begins with the oldest publication that is kept,
   * with a position after that; otherwise with what comes next. Handles of one topic share a subscription: the first decides.
   *
   * @example
   * client.topic("room:42");
   * client.topic({ name: "board", params: { id: "7" } }, { since: "start" });
   */
  topic(name: TopicName, options?: { readonly since?: Position | "start" }): Topic;
}

/**
 * Creates a client. It connects by itself, right after the code that created it had time to listen.
 *
 * @example
 * const client = createClient({ url: "/ws", token: ({ reason }) => fetchToken(reason) });
 * const room = client.topic("room:42");
 * room.on("push", ({ event, payload }) => show(event, payload));
 * room.subscribe();
 */
export function createClient(options: ClientOptions): Client {
  return new PlexlineClient(options);
}

class PlexlineClient implements Client, TopicHost {
  readonly #events = new Emitter<ClientEvents>();
  readonly #session: Session;
  readonly #topics: Topics;
  readonly #outbox: Outbox;
  readonly #unwatchPage: () => void;
  /** Whether the application, or `autoConnect`, has said to connect or not to. */
  #started: boolean;

  constructor(options: ClientOptions) {
    const { clock = systemClock, random = systemRandom, requestTimeoutMs = 10_000 } = options;
    const policy = { ...BACKOFF_DEFAULT, ...options.reconnect };
    const limits = { ...OUTBOX_LIMITS_DEFAULT, ...options.queue };
    const connected = (): boolean => this.#session.connected;
    const send = (message: ClientMessage): void => this.#session.send(message);
    const requests = new Requests(clock, requestTimeoutMs, send);
    const shared = { clock, random, policy, requests, connected, send };
    this.#topics = new Topics({
      ...shared,
      onError: (error) => this.#events.emit("error", error),
      onSettled: () => this.#outbox.pump(),
    });
    this.#outbox = new Outbox({
      ...shared,
      limits,
      isHeld: (address) => this.#topics.isSubscribing(address),
      messageBytesMax: () => this.welcome!.limits.messageBytesMax,
    });
    this.#session = new Session(
      {
        ...shared,
        name: options.name ?? "plexline-js/0.1.0",
        events: this.#events,
        token: new TokenSource(options.token),
        url: () => socketUrl(options.url),
        WebSocket: () => options.WebSocket ?? globalThis.WebSocket,
      },
      {
        onConnected: (welcome) => {
          this.#topics.onConnected(welcome);
          this.#outbox.pump();
        },
        onDisconnected: () => {
          this.#topics.onDisconnected();
          this.#outbox.onDisconnected();
        },
        onMessage: (message) => {
          if (message.type === "reply") requests.settle(message);
          else this.#topics.onMessage(message);
        },
        onBinary: (message) => this.#topics.onBinary(message),
      },
    );
    this.#unwatchPage = watchPage(() => this.#session.wake());
    this.#started = options.autoConnect === false;
    if (!this.#started) clock.setTimer(() => this.#start(), 0);
  }

  get status(): ConnectionStatus {
    return this.#session.status;
  }

  get welcome(): WelcomeMessage | null {
    return this.#session.welcome;
  }

  get pending(): number {
    return this.#outbox.size;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  connect(): void {
    this.#started = true;
    this.#session.connect();
  }

  disconnect(): void {
    this.#started = true;
    this.#session.disconnect();
  }

  close(): void {
    this.#started = true;
    this.#unwatchPage();
    this.#session.close();
    this.#outbox.close();
    this.#topics.close();
  }

  drop(): void {
    this.#session.drop();
  }

  topic(name: TopicName, options?: { readonly since?: Position | "start" }): Topic {
    return new TopicHandle(name, this, options?.since);
  }

  /** For topic handles. */
  resolve(name: TopicName): string | null {
    if (typeof name === "string") return name;
    const { welcome } = this.#session;
    if (welcome === null) return null;
    const description = Object.hasOwn(welcome.topics, name.name) ? welcome.topics[name.name] : undefined;
    if (description === undefined) {
      throw new PlexlineError("TOPIC_UNKNOWN", { message: `The server has no topic named "${name.name}".` });
    }
    return fillTemplate(description.template, name.params);
  }

  /** For topic handles. */
  join(handle: TopicHandle, input: unknown): void {
    if (this.status.state === "closed") {
      handle.detach({ state: "unsubscribed", error: new PlexlineError("CLIENT_CLOSED") });
      return;
    }
    this.#topics.join(handle, input);
    this.#start();
  }

  /** For topic handles. */
  leave(handle: TopicHandle): void {
    this.#topics.leave(handle);
  }

  /** For topic handles. */
  send(...[target, body, options]: Parameters<TopicHost["send"]>): Promise<unknown> {
    if (this.status.state === "closed") return Promise.reject(new PlexlineError("CLIENT_CLOSED"));
    const sent = this.#outbox.add(target, body, options);
    this.#start();
    return sent;
  }

  /** For topic handles. */
  sendBinary(message: BinaryMessage): void {
    this.#session.send(message);
  }

  #start(): void {
    if (!this.#started) this.connect();
  }
}

/** `/ws` → `wss://host/ws` of the page; `http` → `ws`. Throws when there is no page to complete it with. */
function socketUrl(url: string | URL): string {
  const full = new URL(url, globalThis.location?.href);
  full.protocol = full.protocol.replace(/^http/, "ws");
  return full.href;
}
