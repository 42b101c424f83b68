import { PlexlineError } from "@plexline/protocol";
import type { AccessRules } from "./access-rules.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Operation } from "./operation.ts";
import { DEFAULT_TENANT, type Principal } from "./principal.ts";
import type { RecordStore } from "./records.ts";
import { servicePrincipal } from "./static-token.ts";

const EVERYTHING: ReadonlySet<Operation> = new Set(["subscribe", "publish", "call", "presence"]);

/** Those made here, known by identity: no token can bring one. */
const own = new WeakSet<Principal>();

/** The server's own code as a principal of one tenant. */
export function ownPrincipal(tenant: string): Principal {
  const principal = servicePrincipal("server", tenant);
  own.add(principal);
  return principal;
}

/** The tenant of a topic that the server's own code names: that of its record. */
export async function ownTenant(records: RecordStore, topic: string): Promise<string> {
  return (await records.get(topic))?.tenant ?? DEFAULT_TENANT;
}

/** Lets the server's own code do everything with every topic of its tenant, whether or not there is a record. */
export function allowOwn(authorizer: Authorizer, records: RecordStore): Authorizer {
  return {
    ...authorizer,
    async authorize(principal, feature, topic, params) {
      if (!own.has(principal)) return authorizer.authorize(principal, feature, topic, params);
      // A record that was made or changed since may have put the topic elsewhere.
      if ((await ownTenant(records, topic)) !== principal.tenant) throw new PlexlineError("FORBIDDEN");
      return { tenant: principal.tenant, role: strongestRole(feature), operations: EVERYTHING };
    },
  };
}

/** `controller`, or else the first role that may publish. */
function strongestRole({ roles }: AccessRules): string {
  if (Object.hasOwn(roles, "controller")) return "controller";
  const writing = Object.entries(roles).find(([, operations]) => operations.includes("publish"));
  return writing?.[0] ?? "controller";
}
