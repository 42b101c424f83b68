import type { LogWindow, Position, SubscribeResult } from "@plexline/protocol";
import { isRecoverable, PlexlineError } from "@plexline/protocol";
import type { Encoder } from "../broker/publication.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Admissions } from "./admissions.ts";
import type { Caller } from "./caller.ts";
import type { Handlers } from "./handlers.ts";
import type { Lanes } from "./lanes.ts";
import type { LiveTopics } from "./live-topics.ts";
import type { Own } from "./own.ts";
import { Subscription } from "./subscription.ts";
import type { TopicRegistry } from "./topic-registry.ts";

export interface SubscribeRequest {
  readonly topic: string;
  readonly since?: Position | "start";
  readonly input?: unknown;
  /** Codec of what follows; the connection's own unless an endpoint translates. */
  readonly encoder?: Encoder;
  /** What is for this subscriber alone. */
  readonly own?: Own;
}

export interface SubscriptionsParts {
  readonly registry: TopicRegistry;
  readonly liveTopics: LiveTopics;
  readonly admissions: Admissions;
  readonly handlers: Handlers;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly log: Logger;
  readonly subscriptionsMax: number;
  readonly onRecovery: (result: "recovered" | "unrecovered" | "fresh") => void;
}

/** The life of subscriptions: how they begin and move, what ends them, and who has to leave when access changes. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  /** Sessions that are over: what they still had under way subscribes them to nothing. */
  readonly #over = new WeakSet<Caller>();

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  /**
   * Subscribes, or moves an existing subscription to another position. `reply` is called with the result before
   * anything that follows it is handed to the connection.
   */
  subscribe(
    caller: Caller,
    request: SubscribeRequest,
    reply: (result: SubscribeResult) => void,
  ): Promise<void> {
    const { attachment } = caller;
    return this.#parts.lanes.inTurn(caller, request.topic, async () => {
      const { subscription, isNew } = await this.#subscriptionFor(caller, request);
      try {
        const { topic: live } = subscription;
        // Opening the topic may have taken its time. From here on a change of its record finds the subscription.
        if (isNew)
          this.#parts.admissions.renew(subscription, await this.#parts.admissions.accessTo(live, caller));
        if (request.since && request.since !== "start") await live.reach(request.since);
        const { member } = subscription;
        // The position is taken before the snapshot: what is announced between the two is pushed after the reply, and
        // can be in both but never in neither.
        const window = live.window;
        const snapshot = await this.#parts.handlers.run(live, () =>
          live.room.onSubscribe?.(member, request.input),
        );
        if (subscription.ended)
          throw new PlexlineError("NOT_SUBSCRIBED", { message: "The subscription ended meanwhile." });
        // Whoever came back meanwhile over another connection asks again there, and gets nothing before.
        if (caller.attachment === attachment)
          this.#confirm(subscription, window, request.since, snapshot, reply);
        else subscription.suspend();
      } catch (error) {
        if (isNew) this.#end(subscription);
        else if (caller.attachment === attachment) subscription.refuse();
        else subscription.suspend();
        throw error;
      }
    });
  }

  unsubscribe(caller: Caller, topic: string): Promise<void> {
    return this.#parts.lanes.inTurn(caller, topic, () => {
      const subscription = caller.subscriptions.get(topic);
      if (!subscription) throw new PlexlineError("NOT_SUBSCRIBED");
      this.#end(subscription);
    });
  }

  /** The session is over: it leaves every topic. */
  endSession(caller: Caller): void {
    this.#over.add(caller);
    for (const subscription of [...caller.subscriptions.values()]) this.#end(subscription);
  }

  /** The session's connection is gone, or another has taken its place. */
  setAttached(caller: Caller, attached: boolean): void {
    for (const subscription of caller.subscriptions.values()) {
      if (!attached) subscription.suspend();
      subscription.topic.room.onAttachment?.(subscription.member, attached);
    }
  }

  /** Asks again what a session may do, after its principal changed; ends what it may not have any more. */
  async reauthorizeCaller(caller: Caller): Promise<void> {
    await Promise.all(
      [...caller.subscriptions.values()].map((subscription) => this.#reauthorize(subscription)),
    );
  }

  /** Asks again who may receive a topic, after its record changed. */
  async reauthorizeTopic(topic: string): Promise<void> {
    const subscriptions = [...this.#parts.liveTopics.named(topic)].flatMap((live) => [
      ...live.subscriptions.values(),
    ]);
    await Promise.all(subscriptions.map((subscription) => this.#reauthorize(subscription)));
  }

  async #subscriptionFor(
    caller: Caller,
    request: SubscribeRequest,
  ): Promise<{ subscription: Subscription; isNew: boolean }> {
    const { registry, liveTopics, subscriptionsMax, clock } = this.#parts;
    const owner = registry.find(request.topic);
    const existing = caller.subscriptions.get(request.topic);
    if (!existing && caller.subscriptions.size >= subscriptionsMax)
      throw new PlexlineError("SUBSCRIPTIONS_MAX");
    const access = await this.#parts.admissions.access(caller, request.topic, "subscribe");
    if (existing && existing.topic.tenant === access.tenant && !existing.ended) {
      existing.hold();
      this.#parts.admissions.renew(existing, access);
      return { subscription: existing, isNew: false };
    }
    const live = await liveTopics.use(access.tenant, request.topic, owner);
    if (this.#over.has(caller)) {
      liveTopics.release(live);
      throw new PlexlineError("NOT_SUBSCRIBED", { message: "The session ended meanwhile." });
    }
    // Asked again, because subscribes to other topics that were under way at the first look count by now.
    if (!existing && caller.subscriptions.size >= subscriptionsMax) {
      liveTopics.release(live);
      throw new PlexlineError("SUBSCRIPTIONS_MAX");
    }
    const subscription = new Subscription(
      live,
      caller,
      access,
      request.encoder ?? caller.encoder,
      clock.monotonicMs(),
      request.own,
    );
    caller.subscriptions.set(request.topic, subscription);
    live.addSubscription(subscription);
    return { subscription, isNew: true };
  }

  /** Replies and lets publications follow, in one go: nothing may come between the position told and the first push. */
  #confirm(
    subscription: Subscription,
    window: LogWindow | null,
    since: Position | "start" | undefined,
    snapshot: unknown,
    reply: (result: SubscribeResult) => void,
  ): void {
    const { topic: live, access } = subscription;
    const { position, recovered } = startOf(window, since);
    this.#parts.onRecovery(since === undefined ? "fresh" : recovered ? "recovered" : "unrecovered");
    reply({
      topic: live.topic,
      alias: live.alias,
      role: access.role,
      operations: [...access.operations],
      position,
      head: window?.head ?? 0,
      recovered,
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    subscription.confirm(position);
  }

  async #reauthorize(subscription: Subscription): Promise<void> {
    const { caller, topic: live } = subscription;
    try {
      const access = await this.#parts.admissions.accessTo(live, caller);
      if (!subscription.ended) this.#parts.admissions.renew(subscription, access);
    } catch (error) {
      if (subscription.ended) return;
      // What waits in the outbox goes first: after the notice nothing of the topic follows.
      caller.purge(live.topic);
      const body =
        PlexlineError.from(error).code === "FORBIDDEN"
          ? new PlexlineError("REVOKED")
          : PlexlineError.from(error);
      subscription.sendMessage({ type: "unsubscribed", topic: live.topic, error: body.toBody() });
      this.#end(subscription);
    }
  }

  #end(subscription: Subscription): void {
    if (subscription.ended) return;
    const { caller, topic: live, member } = subscription;
    subscription.end();
    if (caller.subscriptions.get(live.topic) === subscription) caller.subscriptions.delete(live.topic);
    live.removeSubscription(subscription);
    if (subscription.messageBytesMax > 0) caller.messageBytesMaxChanged();
    try {
      live.room.onUnsubscribe?.(member);
    } catch (error) {
      this.#parts.log.error({ action: "handler.failed", topic: live.topic, error });
    }
    this.#parts.liveTopics.release(live);
  }
}

/** From where a subscriber is served, and whether that is all it asked for. */
function startOf(
  window: LogWindow | null,
  since: Position | "start" | undefined,
): { position: Position | null; recovered: boolean } {
  if (window === null) return { position: null, recovered: false };
  const { epoch, head, floor } = window;
  if (since === "start") return { position: { epoch, offset: floor }, recovered: floor === 0 };
  if (since !== undefined && isRecoverable(since, window)) return { position: since, recovered: true };
  return { position: { epoch, offset: head }, recovered: false };
}
