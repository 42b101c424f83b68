import type { Authorizer } from "../auth/authorizer.ts";
import type { Principal } from "../auth/principal.ts";
import type { ResourceRecord } from "../auth/record.ts";
import type { RecordStore } from "../auth/records.ts";
import type { ListedTopic, TopicPage } from "../feature/endpoint.ts";
import type { Clock } from "../platform/clock.ts";
import { withDeadline } from "../router/deadline.ts";
import type { Owner, TopicRegistry } from "../router/topic-registry.ts";
import type { Storage } from "../storage/storage.ts";

export interface TopicListParts {
  readonly records: Pick<RecordStore, "list">;
  readonly authorizer: Pick<Authorizer, "accessBy">;
  readonly registry: Pick<TopicRegistry, "find">;
  readonly storage: Pick<Storage, "heads">;
  readonly clock: Clock;
  /** Time that a page may take. */
  readonly handlerTimeoutMs: number;
}

export interface TopicListOptions {
  readonly after?: string;
  readonly limit?: number;
}

/** Tells a principal which topics it may subscribe to. */
export type TopicList = (
  principal: Principal,
  prefix: string,
  options?: TopicListOptions,
) => Promise<TopicPage>;

const LIMIT_MAX = 1_000;
/** Records looked at for one page: whoever may see few of many gets shorter pages, not a longer wait for everybody. */
const LOOKED_AT_MAX = 5_000;

type Found = Omit<ListedTopic, "position"> & { readonly isOnDisk: boolean };

/** Lists topics by their resource records, each with what the policy and the application say of it now. */
export function createTopicList(parts: TopicListParts): TopicList {
  const { records, authorizer, registry, storage, clock, handlerTimeoutMs } = parts;

  async function judge(principal: Principal, record: ResourceRecord): Promise<Found | null> {
    const owner = ownerOf(registry, record.topic);
    if (owner === null) return null;
    const { feature, params } = owner;
    const access = await authorizer.accessBy(record, principal, feature, params);
    if (!access?.operations.has("subscribe")) return null;
    const isOnDisk = feature.history !== undefined && feature.history.durability !== "memory";
    const operations = [...access.operations];
    return { topic: record.topic, tenant: access.tenant, owner: record.owner, operations, isOnDisk };
  }

  async function withPositions(found: readonly Found[]): Promise<readonly ListedTopic[]> {
    const windows = await storage.heads(found.map(({ tenant, topic }) => `${tenant}/${topic}`));
    return found.map(({ isOnDisk, ...listed }, index) => {
      const window = isOnDisk ? windows[index] : undefined;
      const position = window ? { epoch: window.epoch, offset: window.head } : null;
      return { ...listed, position };
    });
  }

  async function findPage(
    principal: Principal,
    prefix: string,
    { after, limit: asked = 100 }: TopicListOptions,
  ): Promise<TopicPage> {
    const limit = Math.min(asked, LIMIT_MAX);
    const found: Found[] = [];
    let last = after;
    for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX; ) {
      const options = { prefix, limit: LIMIT_MAX, ...(last === undefined ? {} : { after: last }) };
      const page = await records.list(options);
      for (const record of page) {
        last = record.topic;
        lookedAt += 1;
        const one = await judge(principal, record);
        if (one) found.push(one);
        if (found.length === limit) return { topics: await withPositions(found), next: last };
      }
      if (page.length < LIMIT_MAX) return { topics: await withPositions(found), next: null };
    }
    return { topics: await withPositions(found), next: last ?? null };
  }

  // The application's own `authorize` may hang like any other code of its.
  return (principal, prefix, options = {}) =>
    withDeadline(clock, handlerTimeoutMs, () => findPage(principal, prefix, options));
}

/** The feature of a topic; null for a record that is left from a topic of which the server has no definition any more. */
function ownerOf(registry: TopicListParts["registry"], topic: string): Owner | null {
  try {
    return registry.find(topic);
  } catch {
    return null;
  }
}
