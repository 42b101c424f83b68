import { PlexlineError, type Position } from "@plexline/protocol";
import type { Authorizer } from "../auth/authorizer.ts";
import type { Principal } from "../auth/principal.ts";
import type { RecordStore } from "../auth/records.ts";
import type { Clock } from "../platform/clock.ts";
import { withDeadline } from "../router/deadline.ts";
import type { LiveTopics } from "../router/live-topics.ts";
import type { TopicRegistry } from "../router/topic-registry.ts";

export interface TopicResetParts {
  readonly records: Pick<RecordStore, "get">;
  readonly authorizer: Pick<Authorizer, "authorize">;
  readonly registry: Pick<TopicRegistry, "find">;
  readonly liveTopics: Pick<LiveTopics, "use" | "release">;
  readonly clock: Clock;
  /** Time that the application's own `authorize` has. */
  readonly handlerTimeoutMs: number;
}

/** Ends the history of a topic for a principal that may do so. */
export type TopicReset = (principal: Principal, topic: string) => Promise<Position>;

/**
 * Who may write may undo what was written; nobody can undo this. So it is for the topic's owner, for services and for
 * administrators, and for none of them where the policy or the application does not let them write at all.
 */
export function createTopicReset(parts: TopicResetParts): TopicReset {
  const { records, authorizer, registry, liveTopics, clock, handlerTimeoutMs } = parts;
  return async function resetTopic(principal, topic) {
    const owner = registry.find(topic);
    const { feature, params } = owner;
    const { tenant, operations } = await withDeadline(clock, handlerTimeoutMs, () =>
      authorizer.authorize(principal, feature, topic, params),
    );
    const isOwner = principal.kind !== "user" || (await records.get(topic))?.owner === principal.id;
    if (!isOwner || !operations.has("publish")) throw new PlexlineError("FORBIDDEN");
    const live = await liveTopics.use(tenant, topic, owner);
    try {
      return await live.resetWhole();
    } finally {
      liveTopics.release(live);
    }
  };
}
