import type { CallResult, PublishResult } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { Authorizer } from "../auth/authorizer.ts";
import type { Principal } from "../auth/principal.ts";
import type { ReadOptions, ReadResult } from "../feature/endpoint.ts";
import type { RoomMessage, Sender } from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { type Admission, Admissions } from "./admissions.ts";
import type { Caller } from "./caller.ts";
import { withDeadline } from "./deadline.ts";
import { Handlers } from "./handlers.ts";
import { Lanes } from "./lanes.ts";
import type { LiveTopics } from "./live-topics.ts";
import { readOnce } from "./read-once.ts";
import type { RecentKeys } from "./recent-keys.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { TopicRegistry } from "./topic-registry.ts";

export interface RouterParts {
  readonly registry: TopicRegistry;
  readonly liveTopics: LiveTopics;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: { readonly subscriptionsMax: number; readonly handlerTimeoutMs: number };
  readonly onRecovery: (result: "recovered" | "unrecovered" | "fresh") => void;
  readonly onHandled: (feature: string, durationMs: number) => void;
}

/**
 * Takes requests of sessions to the room of the topic they name: finds the owner, checks the capability, opens the topic,
 * calls the feature within its deadline. Requests of one session about one topic are admitted in their order.
 */
export class Router {
  /** Who receives what. */
  readonly subscriptions: Subscriptions;
  readonly #parts: RouterParts;
  readonly #admissions: Admissions;
  readonly #handlers: Handlers;
  readonly #lanes = new Lanes();

  constructor(parts: RouterParts) {
    const { limits, ...rest } = parts;
    const lanes = this.#lanes;
    this.#parts = parts;
    const handlers = new Handlers({ ...rest, timeoutMs: limits.handlerTimeoutMs });
    const admissions = new Admissions({ ...rest, handlers, lanes });
    this.subscriptions = new Subscriptions({ ...rest, ...limits, admissions, handlers, lanes });
    this.#handlers = handlers;
    this.#admissions = admissions;
  }

  /** Publishes an event; a repeated idempotency key is answered with the first outcome. */
  publish(
    caller: Caller,
    request: { topic: string; event: string; payload: unknown; key?: string },
  ): Promise<PublishResult> {
    const admitted = this.#admissions.admit(caller, request.topic, "publish");
    const { topic: _topic, ...event } = request;
    return admitted instanceof Promise
      ? admitted.then((admission) => this.#publish(admission, { type: "publish", ...event }))
      : this.#publish(admitted, { type: "publish", ...event });
  }

  /** Carries out a command; a repeated idempotency key gets the first run's output. */
  async call(
    caller: Caller,
    request: { topic: string; command: string; input: unknown; key?: string },
  ): Promise<CallResult> {
    const admission = await this.#admissions.admit(caller, request.topic, "call");
    const { topic: _topic, ...command } = request;
    const message = { type: "call", ...command } as const;
    const { outcome, repeated } = await this.#once(
      admission,
      admission.live.callKeys,
      message,
      (output) => output,
    );
    return { output: outcome, ...(repeated ? { repeated } : {}) };
  }

  /** Reads logged events of a topic that the caller may subscribe to, without subscribing it. */
  async read(caller: Caller, topic: string, options: ReadOptions): Promise<ReadResult> {
    const admission = await this.#admissions.admit(caller, topic, "subscribe");
    try {
      return await readOnce(admission.live, options);
    } finally {
      admission.done();
    }
  }

  async setPresence(caller: Caller, topic: string, state: unknown): Promise<void> {
    if (!caller.subscriptions.has(topic) && !this.#lanes.isBusy(caller, topic))
      throw new PlexlineError("NOT_SUBSCRIBED");
    await this.#send(await this.#admissions.admit(caller, topic, "presence"), { type: "presence", state });
  }

  /** Hands a binary message to the room of a subscribed topic; resolves when the room has taken it. */
  async sendBinary(caller: Caller, alias: number, kind: number, payload: Uint8Array): Promise<void> {
    const topic = this.topicOfAlias(alias);
    // Two tenants may have a topic of one name each: the alias says which one is meant.
    if (topic === undefined || caller.subscriptions.get(topic)?.topic.alias !== alias)
      throw new PlexlineError("NOT_SUBSCRIBED");
    return this.sendBinaryTo(caller, topic, kind, payload);
  }

  /** The same for those who know the topic by its name. */
  async sendBinaryTo(caller: Caller, topic: string, kind: number, payload: Uint8Array): Promise<void> {
    if (!caller.subscriptions.has(topic) && !this.#lanes.isBusy(caller, topic))
      throw new PlexlineError("NOT_SUBSCRIBED");
    const { feature } = this.#parts.registry.find(topic);
    const admitted = this.#admissions.admit(caller, topic, feature.binaryOperation?.(kind) ?? "publish");
    const admission = admitted instanceof Promise ? await admitted : admitted;
    if (!caller.subscriptions.has(topic)) {
      admission.done();
      throw new PlexlineError("NOT_SUBSCRIBED");
    }
    await this.#send(admission, { type: "binary", kind, payload });
  }

  /** The topic that an alias stands for, whoever may know it: tell it to those alone who are subscribed. */
  topicOfAlias(alias: number): string | undefined {
    return this.#parts.liveTopics.byAlias(alias)?.topic;
  }

  /** Publishes for the server's own code, in the tenant given. */
  async publishAs(
    principal: Principal,
    tenant: string,
    request: { topic: string; event: string; payload: unknown; key?: string },
  ): Promise<PublishResult> {
    const live = await this.#parts.liveTopics.use(
      tenant,
      request.topic,
      this.#parts.registry.find(request.topic),
    );
    const sender: Sender = { principal, role: "controller", sessionId: null };
    const { topic: _topic, ...event } = request;
    const done = () => this.#parts.liveTopics.release(live);
    return this.#publish({ live, sender, done }, { type: "publish", ...event });
  }

  async #publish(admission: Admission, message: RoomMessage & { type: "publish" }): Promise<PublishResult> {
    const positionOf = (result: unknown) => (result as PublishResult).position;
    const { outcome, repeated } = await this.#once(
      admission,
      admission.live.publishKeys,
      message,
      positionOf,
    );
    return { position: outcome, ...(repeated ? { repeated } : {}) };
  }

  /**
   * Runs a request unless one with the same key of the same principal has run, or is running. A handler that outlives its
   * deadline still holds the key: what it does in the end is what a repeated request is told.
   */
  async #once<T>(
    admission: Admission,
    keys: RecentKeys<T>,
    message: RoomMessage & { type: "publish" | "call" },
    outcomeOf: (result: unknown) => T,
  ): Promise<{ outcome: T; repeated: boolean }> {
    const { key } = message;
    if (key === undefined)
      return { outcome: outcomeOf(await this.#send(admission, message)), repeated: false };
    const { clock, limits } = this.#parts;
    const owner = admission.sender.principal;
    const earlier = keys.find(owner, key, clock.nowMs());
    if (earlier) {
      admission.done();
      return { outcome: await withDeadline(clock, limits.handlerTimeoutMs, () => earlier), repeated: true };
    }
    const result = await this.#send(admission, message, (answer) => {
      const outcome = Promise.resolve(answer).then(outcomeOf);
      outcome.then((settled) => keys.remember(owner, key, settled, clock.nowMs()), nothing);
      keys.track(owner, key, outcome, clock.nowMs());
    });
    return { outcome: outcomeOf(result), repeated: false };
  }

  /** Hands a message to the room; `onAnswer` gets what the room returned, a promise that has no deadline perhaps. */
  async #send(
    admission: Admission,
    message: RoomMessage,
    onAnswer: (answer: unknown) => void = nothing,
  ): Promise<unknown> {
    const { live, sender } = admission;
    try {
      return await this.#handlers.run(live, () => {
        const answer = live.room.onMessage(sender, message);
        onAnswer(answer);
        return answer;
      });
    } finally {
      admission.done();
    }
  }
}

function nothing(): void {}
