import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import { createAccessCache } from "./access-cache.ts";
import type { AccessRules, AuthorizeRequest } from "./access-rules.ts";
import type { Operation } from "./operation.ts";
import { decide, isExpired, type ResourceMode, recordFor } from "./policy.ts";
import type { Principal } from "./principal.ts";
import type { ResourceRecord } from "./record.ts";
import type { RecordStore } from "./records.ts";
import type { Revocations } from "./revocation.ts";
import { narrowAccess } from "./scope.ts";

/** What a principal may do with a topic, and under which tenant the topic lives. */
export interface Access {
  readonly tenant: string;
  /** One of the feature's roles. */
  readonly role: string;
  readonly operations: ReadonlySet<Operation>;
}

export interface Authorizer {
  /**
   * What `principal` may do with `topic`. Rejects with the same FORBIDDEN whether the topic is absent or forbidden;
   * TOKEN_EXPIRED and REVOKED speak of the principal alone. Cached briefly.
   */
  authorize(
    principal: Principal,
    feature: AccessRules,
    topic: string,
    params: Readonly<Record<string, string>>,
  ): Promise<Access>;
  /**
   * The same for a topic of which the record is at hand, for lists: null where it would be refused. Nothing is cached, and no
   * record is made. Rejects with TOKEN_EXPIRED and REVOKED.
   */
  accessBy(
    record: ResourceRecord,
    principal: Principal,
    feature: AccessRules,
    params: Readonly<Record<string, string>>,
  ): Promise<Access | null>;
  /** Forgets what was decided for a principal, in one tenant or in all: the next call asks again. */
  revoke(principalId: string, tenant?: string): void;
  /** Stops listening to records and revocations. */
  close(): void;
}

export interface AuthorizerOptions {
  readonly records: RecordStore;
  readonly mode: ResourceMode;
  readonly clock: Clock;
  readonly revocations?: Pick<Revocations, "isRevoked" | "onRevoked">;
  /** How long a decision is used again, in milliseconds. Default 1,000; changes of records do not wait for it. */
  readonly cacheMs?: number;
  /** Most decisions kept. Default 10,000. */
  readonly cacheEntriesMax?: number;
}

interface Grant {
  readonly tenant: string;
  /** Null: the feature's default role. */
  readonly role: string | null;
}

/** A role that a feature does not have counts as the first of these that it has. */
const STAND_INS: Readonly<Record<string, readonly string[]>> = { controller: ["writer", "viewer", "reader"] };
const WEAKEST = ["viewer", "reader"];

/** Decides by the application's own `authorize` first, then by the default policy. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { records, mode, clock, revocations, cacheMs = 1_000, cacheEntriesMax = 10_000 } = options;
  const cache = createAccessCache<Access | "forbidden">({
    clock,
    ageMaxMs: cacheMs,
    entriesMax: cacheEntriesMax,
  });
  const stopRecords = records.onChange((topic) => cache.dropTopic(topic));
  const stopRevocations = revocations?.onRevoked(({ tenant, id }) => cache.dropPrincipal(id, tenant));

  function assertPrincipal(principal: Principal): void {
    if (isExpired(principal, clock.nowMs())) throw new PlexlineError("TOKEN_EXPIRED");
    if (revocations?.isRevoked(principal)) throw new PlexlineError("REVOKED");
  }

  async function applyPolicy(principal: Principal, topic: string): Promise<Grant | null> {
    const question = async () =>
      decide({ principal, record: await records.get(topic), nowMs: clock.nowMs(), mode });
    let answer = await question();
    if (answer.verdict === "create") {
      // Whoever may only read a topic that was there does not found it anew.
      if (principal.scope) return null;
      // Somebody else's record may have been first; what it says decides.
      await records.create(recordFor(principal, topic));
      answer = await question();
    }
    return answer.verdict === "allow" ? answer : null;
  }

  async function grantFor(
    principal: Principal,
    feature: AccessRules,
    topic: string,
    params: Readonly<Record<string, string>>,
  ): Promise<Grant | null> {
    if (isOutside(principal, topic)) return null;
    const decision = await askApplication(feature, { principal, topic, params });
    if (decision === false) return null;
    if (decision === undefined) return applyPolicy(principal, topic);
    const record = await records.get(topic);
    return { tenant: record?.tenant ?? principal.tenant, role: decision };
  }

  return {
    async authorize(principal, feature, topic, params) {
      assertPrincipal(principal);
      let answer = cache.get(principal, topic);
      if (answer === undefined) {
        const { generation } = cache;
        answer = accessOf(await grantFor(principal, feature, topic, params), feature, principal);
        // The answer may have taken its time: a revocation meanwhile counts.
        assertPrincipal(principal);
        cache.set(principal, topic, answer, generation);
      }
      if (answer === "forbidden") throw new PlexlineError("FORBIDDEN");
      return answer;
    },
    async accessBy(record, principal, feature, params) {
      assertPrincipal(principal);
      if (isOutside(principal, record.topic)) return null;
      const decision = await askApplication(feature, { principal, topic: record.topic, params });
      const answer = decide({ principal, record, nowMs: clock.nowMs(), mode: "strict" });
      const byPolicy = answer.verdict === "allow" ? answer : null;
      const grant = typeof decision === "string" ? { tenant: record.tenant, role: decision } : byPolicy;
      const access = accessOf(decision === false ? null : grant, feature, principal);
      return access === "forbidden" ? null : access;
    },
    revoke: (principalId, tenant) => cache.dropPrincipal(principalId, tenant),
    close() {
      stopRecords();
      stopRevocations?.();
    },
  };
}

/** Only `undefined` leaves it to the policy; what is neither a role nor `undefined` is a no. */
async function askApplication(
  feature: AccessRules,
  request: AuthorizeRequest,
): Promise<string | false | undefined> {
  try {
    const decision: unknown = await feature.authorize?.(request);
    return typeof decision === "string" || decision === undefined ? decision : false;
  } catch (error) {
    throw PlexlineError.from(error, "HANDLER_FAILED");
  }
}

/** Whether a topic lies beyond what a principal's authority is narrowed to. */
function isOutside({ scope }: Principal, topic: string): boolean {
  return scope !== undefined && scope.topic !== topic;
}

function accessOf(
  grant: Grant | null,
  { roles, defaultRole }: AccessRules,
  { scope }: Principal,
): Access | "forbidden" {
  if (grant === null) return "forbidden";
  const wanted = grant.role ?? defaultRole;
  const standIns = Object.hasOwn(STAND_INS, wanted) ? STAND_INS[wanted] : WEAKEST;
  const role = [wanted, ...(standIns ?? WEAKEST)].find((name) => Object.hasOwn(roles, name));
  const operations = role === undefined ? undefined : roles[role];
  if (role === undefined || operations === undefined) return "forbidden";
  const access: Access = { tenant: grant.tenant, role, operations: new Set(operations) };
  return scope === undefined ? access : (narrowAccess(access, scope, { roles }) ?? "forbidden");
}
