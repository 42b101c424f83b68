import type { Principal } from "./principal.ts";
import type { ResourceRecord } from "./record.ts";

/** What is done for a topic without a record: `strict` refuses, `auto` makes one that is the caller's. */
export type ResourceMode = "strict" | "auto";

export interface PolicyQuestion {
  readonly principal: Principal | null;
  readonly record: ResourceRecord | null;
  readonly nowMs: number;
  readonly mode: ResourceMode;
}

export type Verdict =
  | { readonly verdict: "refuse" }
  /** A record is to be made first, and the question asked again. */
  | { readonly verdict: "create" }
  /** `role` null: the feature's default role. */
  | { readonly verdict: "allow"; readonly tenant: string; readonly role: "controller" | "viewer" | null };

const REFUSE: Verdict = { verdict: "refuse" };

/**
 * The default policy. The first line that matches decides:
 *
 * 1. no principal, or an expired one: refused
 * 2. no record: refused, or in mode `auto` to be created
 * 3. an administrator: controller
 * 4. of another tenant: refused
 * 5. a service: controller
 * 6. clearance below the record's: refused
 * 7. the record's owner or editor: controller; its viewer: viewer
 * 8. the record is open to its tenant: by the token's role — owner, editor: controller; none: the feature's default;
 *    any other: viewer
 * 9. else refused
 */
export function decide({ principal, record, nowMs, mode }: PolicyQuestion): Verdict {
  if (principal === null || isExpired(principal, nowMs)) return REFUSE;
  if (record === null) return mode === "auto" ? { verdict: "create" } : REFUSE;
  const allow = (role: "controller" | "viewer" | null): Verdict => ({
    verdict: "allow",
    tenant: record.tenant,
    role,
  });
  if (principal.kind === "admin") return allow("controller");
  if (principal.tenant !== record.tenant) return REFUSE;
  if (principal.kind === "service") return allow("controller");
  // Written so that a clearance that is no number is below every record's.
  if (!(principal.clearance >= record.clearance)) return REFUSE;
  if (record.owner === principal.id || record.editors.includes(principal.id)) return allow("controller");
  if (record.viewers.includes(principal.id)) return allow("viewer");
  return record.openToTenant ? allow(roleOfToken(principal.role)) : REFUSE;
}

/** Whether a principal's authority has ended. */
export function isExpired(principal: Principal, nowMs: number): boolean {
  return principal.expiresAtMs !== undefined && nowMs >= principal.expiresAtMs;
}

/** The record that mode `auto` makes: the caller's own, open to the caller's tenant. */
export function recordFor(principal: Principal, topic: string): ResourceRecord {
  return {
    topic,
    tenant: principal.tenant,
    clearance: 0,
    // Ids of services and admins are other names than those of users: one of these must not inherit the topic.
    owner: principal.kind === "user" ? principal.id : null,
    editors: [],
    viewers: [],
    openToTenant: true,
  };
}

function roleOfToken(role: string | undefined): "controller" | "viewer" | null {
  if (role === undefined) return null;
  const word = role.toLowerCase();
  return word === "owner" || word === "editor" ? "controller" : "viewer";
}
