import type {
  ClientMessage,
  CommittedMessage,
  PlexlineError,
  Position,
  PushMessage,
  ServerMessage,
  SubscribeResult,
} from "@plexline/protocol";
import { type BackoffPolicy, backoffMs } from "./backoff.ts";
import type { ClientClock, ClientRandom, ClientTimer } from "./platform.ts";
import type { Outcome, Request, Requests } from "./requests.ts";
import type { TopicEvents } from "./topic.ts";
import { errorFromWire } from "./wire-error.ts";

/** Whether a topic is received. */
export type TopicStatus =
  /** Not wanted, or refused for the reason in `error`. */
  | { readonly state: "unsubscribed"; readonly error?: PlexlineError }
  /** Wanted, and asked for as soon as there is a connection. */
  | { readonly state: "subscribing" }
  | { readonly state: "subscribed"; readonly result: SubscribeResult };

export interface SubscriptionOptions {
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly policy: BackoffPolicy;
  readonly requests: Requests;
  /** Where to begin; absent: at what comes next. */
  readonly since: Position | "start" | undefined;
  connected(): boolean;
  send(message: ClientMessage): void;
  emit<Name extends keyof TopicEvents>(name: Name, value: TopicEvents[Name]): void;
}

/**
 * One topic on the line: asks for it until told never to, follows its position, and lets a push through only when
 * it is the next one. What was missed is asked for again from the position, or told as a gap.
 */
export class Subscription {
  readonly address: string;
  status: TopicStatus = { state: "subscribing" };
  position: Position | null;
  readonly #options: SubscriptionOptions;
  #input: unknown;
  #presence: { readonly state: unknown } | undefined;
  /** The latest subscribe request; answers to earlier ones do not count. */
  #asked = 0;
  #asking = false;
  #wasAsked = false;
  /** Subscribes refused since one was accepted. */
  #failures = 0;
  /** Holes found since a push fitted. */
  #holes = 0;
  #timer: ClientTimer | undefined;

  constructor(address: string, options: SubscriptionOptions) {
    this.address = address;
    this.#options = options;
    this.position = typeof options.since === "object" ? options.since : null;
  }

  /** Whether a request is on its way, whose answer will have everything a newcomer needs. */
  get asking(): boolean {
    return this.#asking;
  }

  /** Whether the server may hold this subscription. */
  get onServer(): boolean {
    return this.#wasAsked && this.status.state !== "unsubscribed";
  }

  /** Takes what the feature wants to know, from the next request on; false if that is nothing new. */
  setInput(input: unknown): boolean {
    if (input === undefined || input === this.#input) return false;
    this.#input = input;
    return true;
  }

  setPresence(state: unknown): void {
    this.#presence = { state };
    this.#sendPresence();
  }

  /** Asks for the topic, from its position if it has one. On an existing subscription this means: recover from here. */
  ask(): void {
    if (this.status.state === "unsubscribed") this.#setStatus({ state: "subscribing" });
    if (!this.#options.connected()) return;
    this.#timer?.cancel();
    const asked = ++this.#asked;
    const since = this.position;
    this.#asking = true;
    this.#wasAsked = true;
    // An undefined field does not go over the wire.
    const request = {
      type: "subscribe",
      topic: this.address,
      since: since ?? this.#options.since,
      input: this.#input,
    };
    this.#options.requests.send(request as Request, (outcome) => {
      if (asked === this.#asked) this.#answer(outcome, since);
    });
  }

  onConnected(): void {
    if (this.status.state === "subscribing") this.ask();
  }

  onDisconnected(): void {
    this.#stopAsking();
    this.#failures = 0;
    this.#holes = 0;
    if (this.status.state === "subscribed") this.#setStatus({ state: "subscribing" });
  }

  /** Nobody wants the topic any more. */
  stop(error?: PlexlineError): void {
    this.#stopAsking();
    this.#setStatus({ state: "unsubscribed", ...(error && { error }) });
  }

  onMessage(message: ServerMessage): void {
    if (this.status.state === "unsubscribed") return;
    const { emit } = this.#options;
    if (message.type === "push") this.#push(message);
    else if (message.type === "committed") this.#committed(message);
    else if (message.type === "presence-state" || message.type === "presence-diff")
      emit(message.type, message);
    else if (message.type === "error") emit("error", errorFromWire(message.error));
    else if (message.type === "gap") {
      // Pushes that came while a request was on its way may have taken us further than where it made the server look.
      if (message.reason === "trimmed" && this.#has(message.position)) return;
      this.position = message.position;
      emit("gap", message);
    } else if (message.type === "unsubscribed") {
      this.#stopAsking();
      this.#refused(errorFromWire(message.error));
    }
  }

  /** Whether everything up to a place in the log has been seen. */
  #has({ epoch, offset }: Position): boolean {
    return this.position?.epoch === epoch && this.position.offset >= offset;
  }

  #push(message: PushMessage): void {
    const { offset } = message;
    const { position, status } = this;
    if (offset !== undefined) {
      // Before the first reply there is no position to measure with; the reply brings all that counts.
      if (position === null && this.#asking) return;
      if (position !== null) {
        if (offset <= position.offset) return;
        if (offset !== position.offset + 1) {
          this.#recover();
          return;
        }
        this.position = { epoch: position.epoch, offset };
        this.#holes = 0;
      }
    }
    const head = status.state === "subscribed" ? status.result.head : Number.POSITIVE_INFINITY;
    this.#options.emit("push", { ...message, recovered: offset !== undefined && offset <= head });
  }

  /** The server may repeat an offset, or know less than pushes told: the position only rises, within its epoch. */
  #committed({ offset, acked = 0 }: CommittedMessage): void {
    const { position } = this;
    if (position !== null && offset > position.offset) this.position = { epoch: position.epoch, offset };
    this.#options.emit("committed", { offset, acked });
  }

  /** A push is missing: asks again from the position, slower each time that does not help. */
  #recover(): void {
    if (this.#asking) return;
    this.#asking = true;
    if (this.#holes++ === 0) this.ask();
    else this.#askLater(this.#holes);
  }

  #answer(outcome: Outcome, since: Position | null): void {
    this.#asking = false;
    if (!outcome.ok) {
      this.#refused(outcome.error);
      return;
    }
    this.#failures = 0;
    const result = outcome.result as SubscribeResult;
    const { position, recovered } = result;
    // Pushes that came while the request was on its way may have taken us further than the reply.
    if (!recovered || position === null || !this.#has(position)) this.position = position;
    if (since !== null && position !== null && !recovered) {
      this.#options.emit("gap", { position, reason: since.epoch === position.epoch ? "trimmed" : "reset" });
    }
    // A listener of "gap" may have unsubscribed.
    if ((this.status as TopicStatus).state === "unsubscribed") return;
    this.#setStatus({ state: "subscribed", result });
    this.#options.emit("subscribed", result);
    // Every subscribe starts anew on the server, on an existing subscription too.
    this.#sendPresence();
  }

  #refused(error: PlexlineError): void {
    if (error.retry === "never") {
      this.#setStatus({ state: "unsubscribed", error });
      this.#options.emit("error", error);
      return;
    }
    if (this.status.state === "subscribed") this.#setStatus({ state: "subscribing" });
    if (this.status.state === "subscribing") this.#askLater(this.#failures++, error.retryAfterMs);
  }

  #askLater(failures: number, leastMs = 0): void {
    const { clock, policy, random } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => this.ask(), Math.max(leastMs, backoffMs(policy, failures, random)));
  }

  #stopAsking(): void {
    this.#timer?.cancel();
    this.#asked++;
    this.#asking = false;
  }

  #sendPresence(): void {
    const { address: topic, status } = this;
    if (this.#presence === undefined || status.state !== "subscribed") return;
    this.#options.send({ type: "presence", topic, state: this.#presence.state });
  }

  #setStatus(status: TopicStatus): void {
    this.status = status;
    this.#options.emit("status", status);
  }
}
