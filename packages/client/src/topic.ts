import {
  type BinaryMessage,
  type GapMessage,
  PlexlineError,
  type Position,
  type PresenceDiffMessage,
  type PresenceStateMessage,
  type PublishResult,
  type PushMessage,
  type SubscribeResult,
} from "@plexline/protocol";
import { Emitter } from "./emitter.ts";
import type { OutboxBody, OutboxTarget, PublishOptions, SendOptions } from "./outbox.ts";
import type { Subscription, TopicStatus } from "./subscription.ts";

/** A topic by its address, or by the name the application gave it on the server. */
export type TopicName = string | { readonly name: string; readonly params: Readonly<Record<string, string>> };

/** What happens on a topic, by the name to listen to. */
export interface TopicEvents {
  /** A publication, once and in order. `recovered`: it is older than the subscribe reply. */
  push: PushMessage & { readonly recovered: boolean };
  "presence-state": PresenceStateMessage;
  "presence-diff": PresenceDiffMessage;
  /** Publications were missed that nobody can give any more; reload state. */
  gap: Pick<GapMessage, "position" | "reason">;
  /** The server accepted the subscription, also again after a reconnect: `snapshot` is fresh. */
  subscribed: SubscribeResult;
  status: TopicStatus;
  /** Something about the topic was refused or failed, binary messages included: they get no reply. */
  error: PlexlineError;
  /** A binary message, which may not be durable yet. It does not move the position; `committed` does. */
  binary: Pick<BinaryMessage, "kind" | "payload">;
  /**
   * Everything up to `offset` is durable and was handed on; the position has moved there, if it was not beyond.
   * `acked`: of the binary messages sent on the topic that count, all up to this number are durable or were answered by
   * `error`; 0 for none. Counting begins with 1 and begins anew with each `subscribed`, so send what counts from
   * that event on, not on the `status` or `gap` before it. Handles of one address share one count.
   */
  committed: { readonly offset: number; readonly acked: number };
}

/** A handle of one topic. Handles of one address share one subscription, which lasts while any of them wants it. */
export interface Topic {
  /** Null until the server has told its table of topics, when the topic was given by name. */
  readonly address: string | null;
  readonly status: TopicStatus;
  /** Where this client stands in the topic's log; null for a topic without one. */
  readonly position: Position | null;
  /** Receives the topic, across reconnects. `input` is for the topic's feature; giving it again replaces it. */
  subscribe(input?: unknown): void;
  unsubscribe(): void;
  /** Listens while this handle is subscribed; returns what stops it. */
  on<Name extends keyof TopicEvents>(name: Name, listener: (value: TopicEvents[Name]) => void): () => void;
  /** Rejects with a PlexlineError. @example await topic.publish("moved", { x: 1 }) */
  publish(event: string, payload?: unknown, options?: PublishOptions): Promise<PublishResult>;
  /** Runs a command of the topic's feature and resolves with its reply's result. */
  call(command: string, input?: unknown, options?: SendOptions): Promise<unknown>;
  /** What others see of this session; only the latest counts, also after a reconnect. `null` clears it. */
  setPresence(state: unknown): void;
  /**
   * Sends a binary message at once, in order with everything else. False when it was not sent: the topic is not subscribed
   * now, or was asked for again and the reply is due; `subscribed` follows.
   */
  sendBinary(kind: number, payload: Uint8Array): boolean;
  /** Resolves when subscribed; rejects when refused or unsubscribed. Does not subscribe by itself. */
  whenSubscribed(): Promise<SubscribeResult>;
}

/** What a handle needs of the client. */
export interface TopicHost {
  /** Null while not known; throws when there is no such topic. */
  resolve(name: TopicName): string | null;
  join(handle: TopicHandle, input: unknown): void;
  leave(handle: TopicHandle): void;
  send(target: OutboxTarget, body: OutboxBody, options: PublishOptions): Promise<unknown>;
  sendBinary(message: BinaryMessage): void;
}

export class TopicHandle implements Topic, OutboxTarget {
  readonly events = new Emitter<TopicEvents>();
  /** Where a subscription begins that has no position yet; absent: at what comes next. */
  readonly since: Position | "start" | undefined;
  /** It has not been subscribed yet. */
  isNew = true;
  readonly #host: TopicHost;
  readonly #name: TopicName;
  #address: string | null = null;
  #subscription: Subscription | null = null;
  /** The status while there is no subscription to ask. */
  #alone: TopicStatus = { state: "unsubscribed" };
  #presence: { readonly state: unknown } | undefined;

  constructor(name: TopicName, host: TopicHost, since: Position | "start" | undefined) {
    this.#name = name;
    this.#host = host;
    this.since = since;
  }

  get address(): string | null {
    return this.#address ?? (typeof this.#name === "string" ? this.#name : null);
  }

  get status(): TopicStatus {
    return this.#subscription?.status ?? this.#alone;
  }

  get position(): Position | null {
    return this.#subscription?.position ?? null;
  }

  resolve(): string | null {
    this.#address ??= this.#host.resolve(this.#name);
    return this.#address;
  }

  subscribe(input?: unknown): void {
    this.#host.join(this, input);
  }

  unsubscribe(): void {
    this.detach({ state: "unsubscribed" });
    this.#host.leave(this);
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (value: TopicEvents[Name]) => void): () => void {
    return this.events.on(name, listener);
  }

  publish(event: string, payload?: unknown, options: PublishOptions = {}): Promise<PublishResult> {
    return this.#host.send(this, { type: "publish", event, payload }, options) as Promise<PublishResult>;
  }

  call(command: string, input?: unknown, options: SendOptions = {}): Promise<unknown> {
    return this.#host.send(this, { type: "call", command, input }, options);
  }

  setPresence(state: unknown): void {
    this.#presence = { state };
    this.#subscription?.setPresence(state);
  }

  sendBinary(kind: number, payload: Uint8Array): boolean {
    const { status } = this;
    // A message that crosses the reply to a new subscribe would be counted differently at the two ends.
    if (status.state !== "subscribed" || this.#subscription?.asking) return false;
    this.#host.sendBinary({ alias: status.result.alias, kind, payload });
    return true;
  }

  whenSubscribed(): Promise<SubscribeResult> {
    return new Promise((resolve, reject) => {
      const { status } = this;
      if (status.state === "subscribed") return resolve(status.result);
      if (status.state === "unsubscribed" && status.error) return reject(status.error);
      const off = this.on("status", (next) => {
        if (next.state === "subscribing") return;
        off();
        if (next.state === "subscribed") resolve(next.result);
        else reject(next.error ?? new PlexlineError("NOT_SUBSCRIBED"));
      });
    });
  }

  /** The client found the shared subscription of this handle. */
  attach(subscription: Subscription): void {
    this.isNew = false;
    this.#subscription = subscription;
    if (this.#presence !== undefined) subscription.setPresence(this.#presence.state);
  }

  /** This handle stands alone: it waits for its address, was refused, or does not want the topic. */
  detach(status: TopicStatus): void {
    this.#subscription = null;
    this.#alone = status;
    this.events.emit("status", status);
    if (status.state === "unsubscribed" && status.error) this.events.emit("error", status.error);
  }
}
