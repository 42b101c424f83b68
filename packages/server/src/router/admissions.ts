import { PlexlineError } from "@plexline/protocol";
import type { Access, Authorizer } from "../auth/authorizer.ts";
import type { Operation } from "../auth/operation.ts";
import type { Sender } from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import type { Caller } from "./caller.ts";
import type { Handlers } from "./handlers.ts";
import type { Lanes } from "./lanes.ts";
import type { LiveTopic } from "./live-topic.ts";
import type { LiveTopics } from "./live-topics.ts";
import type { Subscription } from "./subscription.ts";
import type { TopicRegistry } from "./topic-registry.ts";

/** How long a subscription's access is used for publishing before it is asked for again; revocation does not wait. */
const ACCESS_FRESH_MS = 5_000;

/** Permission to act on an open topic. */
export interface Admission {
  readonly live: LiveTopic;
  readonly sender: Sender;
  /** Gives back what was taken for the admission alone. */
  done(): void;
}

export interface AdmissionsParts {
  readonly registry: TopicRegistry;
  readonly liveTopics: LiveTopics;
  readonly authorizer: Authorizer;
  readonly handlers: Handlers;
  readonly lanes: Lanes;
  readonly clock: Clock;
}

/** Who may do what with which topic, asked of the authorizer and remembered for as long as it is fresh. */
export class Admissions {
  readonly #parts: AdmissionsParts;

  constructor(parts: AdmissionsParts) {
    this.#parts = parts;
  }

  /** Checks the capability and opens the topic; at once where a fresh subscription tells, and nothing waits before it. */
  admit(caller: Caller, topic: string, operation: Operation): Admission | Promise<Admission> {
    const { clock, lanes, liveTopics, registry } = this.#parts;
    const subscription = caller.subscriptions.get(topic);
    const isFresh =
      subscription &&
      clock.monotonicMs() - subscription.accessAtMs < ACCESS_FRESH_MS &&
      !lanes.isBusy(caller, topic);
    if (isFresh) return admitMember(subscription, operation);
    return lanes.inTurn(caller, topic, async () => {
      const access = await this.access(caller, topic, operation);
      const current = caller.subscriptions.get(topic);
      if (current && current.topic.tenant === access.tenant) {
        this.renew(current, access);
        return admitMember(current, operation);
      }
      const live = await liveTopics.use(access.tenant, topic, registry.find(topic));
      const sender = { principal: caller.principal, role: access.role, sessionId: caller.sessionId };
      return { live, sender, done: () => liveTopics.release(live) };
    });
  }

  /** Asks what a session may do with a topic; throws FORBIDDEN unless that includes the operation. */
  async access(caller: Caller, topic: string, operation: Operation): Promise<Access> {
    const { registry, authorizer, handlers } = this.#parts;
    const { feature, params } = registry.find(topic);
    // The application's own `authorize` may hang or throw like any other code of its.
    const access = await handlers.inTime(topic, () =>
      authorizer.authorize(caller.principal, feature, topic, params),
    );
    if (!access.operations.has(operation)) throw new PlexlineError("FORBIDDEN");
    return access;
  }

  /** Asks whether a session may receive a topic that is open. */
  async accessTo(live: LiveTopic, caller: Caller): Promise<Access> {
    const access = await this.access(caller, live.topic, "subscribe");
    if (access.tenant !== live.tenant) throw new PlexlineError("FORBIDDEN");
    return access;
  }

  /** Notes what a subscription's session may do from now on. */
  renew(subscription: Subscription, access: Access): void {
    const { caller } = subscription;
    subscription.access = access;
    subscription.accessAtMs = this.#parts.clock.monotonicMs();
    subscription.member = { principal: caller.principal, role: access.role, sessionId: caller.sessionId };
  }
}

function admitMember(subscription: Subscription, operation: Operation): Admission {
  if (!subscription.access.operations.has(operation)) throw new PlexlineError("FORBIDDEN");
  return { live: subscription.topic, sender: subscription.member, done: () => {} };
}
