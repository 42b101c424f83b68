import type { AccessRules } from "./access-rules.ts";
import type { Access } from "./authorizer.ts";
import type { Operation } from "./operation.ts";
import type { Scope } from "./principal.ts";

/** The role of somebody whose scope is narrower than any role of the feature. No feature gives it any right of its own. */
const LIMITED_ROLE = "limited";

/**
 * Narrows what a principal may do to its scope; null when nothing is left. Rooms decide by the role, too, so the role becomes
 * the first of the feature's that may subscribe and does not exceed the scope or what was allowed. Without such a role it is one
 * that no feature knows, and only subscribing is left: what the feature's commands do is known of its own readers alone.
 */
export function narrowAccess(
  access: Access,
  scope: Scope,
  { roles }: Pick<AccessRules, "roles">,
): Access | null {
  const allowed = new Set([...access.operations].filter((operation) => scope.operations.includes(operation)));
  if (allowed.size === access.operations.size) return access;
  if (!allowed.has("subscribe")) return null;
  const reader = Object.entries(roles).find(([, operations]) => isReading(operations, allowed));
  if (reader) return { ...access, role: reader[0], operations: new Set(reader[1]) };
  if (Object.hasOwn(roles, LIMITED_ROLE)) return null;
  return { ...access, role: LIMITED_ROLE, operations: new Set(["subscribe"]) };
}

function isReading(operations: readonly Operation[], allowed: ReadonlySet<Operation>): boolean {
  return operations.includes("subscribe") && operations.every((operation) => allowed.has(operation));
}
