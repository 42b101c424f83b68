import type { Operation } from "./operation.ts";

/** What a principal's authority is narrowed to, whatever else would be allowed. */
export interface Scope {
  /** The one topic. */
  readonly topic: string;
  readonly operations: readonly Operation[];
}

/** The authenticated identity that a session acts for. */
export interface Principal {
  readonly id: string;
  /** A person, a backend service, or an administrator. Services and admins come with their own keys. */
  readonly kind: "user" | "service" | "admin";
  readonly tenant: string;
  /** The token's role in its tenant, lower case; policies map it to a role in a room. */
  readonly role?: string;
  /** Compared with a record's clearance; 0 when the token has none. */
  readonly clearance: number;
  readonly name?: string;
  readonly email?: string;
  /** When the authority ends, in milliseconds since 1970; absent when it does not. */
  readonly expiresAtMs?: number;
  /** Of somebody who came by a ticket. Absent: everything that the policy allows. */
  readonly scope?: Scope;
  /** Everything the token said, for the application's own `authorize`. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The tenant of those whose token names none. */
export const DEFAULT_TENANT = "default";
