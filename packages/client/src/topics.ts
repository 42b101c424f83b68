import {
  type BinaryMessage,
  type ClientMessage,
  PlexlineError,
  type Position,
  type ServerMessage,
  type WelcomeMessage,
} from "@plexline/protocol";
import type { BackoffPolicy } from "./backoff.ts";
import type { ClientClock, ClientRandom } from "./platform.ts";
import type { Requests } from "./requests.ts";
import { Subscription } from "./subscription.ts";
import type { TopicHandle } from "./topic.ts";
import { errorFromWire } from "./wire-error.ts";

export interface TopicsOptions {
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly policy: BackoffPolicy;
  readonly requests: Requests;
  connected(): boolean;
  send(message: ClientMessage): void;
  onError(error: PlexlineError): void;
  /** A topic changed in a way that lets queued messages go on. */
  onSettled(): void;
}

interface Shared {
  readonly subscription: Subscription;
  readonly handles: Set<TopicHandle>;
}

/** The topics this client wants: one subscription per address, shared by its handles. Routes messages to them. */
export class Topics {
  readonly #options: TopicsOptions;
  readonly #shared = new Map<string, Shared>();
  readonly #addressOfAlias = new Map<number, string>();
  /** Handles given by name that wait for the server's table of topics. */
  readonly #unresolved = new Map<TopicHandle, unknown>();
  /** Unsubscribed, but the server has not said that it knows: told again if the session is resumed. The number of the latest goodbye. */
  readonly #leaving = new Map<string, number>();
  #goodbyes = 0;

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  isSubscribing(address: string): boolean {
    return this.#shared.get(address)?.subscription.status.state === "subscribing";
  }

  join(handle: TopicHandle, input: unknown): void {
    let address: string | null;
    try {
      address = handle.resolve();
    } catch (reason) {
      handle.detach({ state: "unsubscribed", error: PlexlineError.from(reason) });
      return;
    }
    if (address === null) {
      this.#unresolved.set(handle, input ?? this.#unresolved.get(handle));
      if (handle.status.state === "unsubscribed") handle.detach({ state: "subscribing" });
      return;
    }
    const { subscription, handles } = this.#sharedFor(address, handle);
    const newcomer = !handles.has(handle);
    handles.add(handle);
    handle.attach(subscription);
    // A newcomer needs a fresh snapshot too, unless an answer is on its way anyhow.
    const refresh = subscription.setInput(input) || (newcomer && !subscription.asking);
    if (refresh || subscription.status.state === "unsubscribed") subscription.ask();
    if (newcomer) handle.events.emit("status", subscription.status);
  }

  #sharedFor(address: string, handle: TopicHandle): Shared {
    const shared = this.#shared.get(address);
    // One that everybody has just left does not decide where a new handle begins that says so itself.
    if (shared !== undefined && !(shared.handles.size === 0 && handle.isNew && handle.since)) return shared;
    if (shared !== undefined) this.#drop(address, shared);
    return this.#open(address, handle.since);
  }

  leave(handle: TopicHandle): void {
    this.#unresolved.delete(handle);
    const address = handle.address;
    const shared = address === null ? undefined : this.#shared.get(address);
    if (address === null || !shared?.handles.delete(handle) || shared.handles.size > 0) return;
    // In a moment: a component that is mounted again at once keeps its subscription.
    this.#options.clock.setTimer(() => {
      if (shared.handles.size === 0 && this.#shared.get(address) === shared) this.#drop(address, shared);
    }, 0);
  }

  onConnected(welcome: WelcomeMessage): void {
    if (!welcome.resumed) this.#leaving.clear();
    // One that is wanted again says so itself, and is forgotten here when the server has answered.
    for (const address of this.#leaving.keys()) if (!this.#shared.has(address)) this.#unsubscribe(address);
    for (const { subscription } of [...this.#shared.values()]) subscription.onConnected();
    const unresolved = [...this.#unresolved];
    this.#unresolved.clear();
    for (const [handle, input] of unresolved) this.join(handle, input);
  }

  onDisconnected(): void {
    this.#addressOfAlias.clear();
    for (const { subscription } of [...this.#shared.values()]) subscription.onDisconnected();
  }

  /** Hands a message to the topic it names. An error about one that nobody receives is the client's. */
  onMessage(message: ServerMessage): void {
    const { topic } = message as { readonly topic?: string };
    const address = message.type === "committed" ? this.#addressOfAlias.get(message.alias) : topic;
    if (address === undefined) return;
    const shared = this.#shared.get(address);
    if (shared !== undefined) shared.subscription.onMessage(message);
    else if (message.type === "error") this.#options.onError(errorFromWire(message.error));
  }

  onBinary({ alias, kind, payload }: BinaryMessage): void {
    const address = this.#addressOfAlias.get(alias);
    if (address === undefined) return;
    for (const handle of [...(this.#shared.get(address)?.handles ?? [])])
      handle.events.emit("binary", { kind, payload });
  }

  close(): void {
    const error = new PlexlineError("CLIENT_CLOSED");
    for (const handle of this.#unresolved.keys()) handle.detach({ state: "unsubscribed", error });
    this.#unresolved.clear();
    for (const { subscription } of [...this.#shared.values()]) subscription.stop(error);
  }

  #open(address: string, since: Position | "start" | undefined): Shared {
    const handles = new Set<TopicHandle>();
    const subscription = new Subscription(address, {
      ...this.#options,
      emit: (name, value) => {
        if (name === "subscribed") {
          this.#addressOfAlias.set((value as { alias: number }).alias, address);
          this.#leaving.delete(address);
        }
        for (const handle of [...handles]) handle.events.emit(name, value);
        if (name === "status") this.#options.onSettled();
      },
      since,
    });
    const shared = { subscription, handles };
    this.#shared.set(address, shared);
    return shared;
  }

  #drop(address: string, { subscription }: Shared): void {
    this.#shared.delete(address);
    for (const [alias, other] of this.#addressOfAlias)
      if (other === address) this.#addressOfAlias.delete(alias);
    if (subscription.onServer || this.#leaving.has(address)) {
      this.#leaving.set(address, ++this.#goodbyes);
      if (this.#options.connected()) this.#unsubscribe(address);
    }
    subscription.stop();
  }

  #unsubscribe(address: string): void {
    const goodbye = this.#leaving.get(address);
    this.#options.requests.send({ type: "unsubscribe", topic: address }, (outcome) => {
      const isDone = outcome.ok || outcome.error.code === "NOT_SUBSCRIBED";
      if (isDone && this.#leaving.get(address) === goodbye) this.#leaving.delete(address);
    });
  }
}
