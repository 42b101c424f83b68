import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Storage, Stored } from "../storage/storage.ts";
import type { Principal } from "./principal.ts";
import { isObject, isPrincipalId, isTenant } from "./principal-parser.ts";

/** Whose tokens no longer count: all that a user had until then, or the one with this `jti`. */
export interface Revocation {
  readonly tenant: string;
  readonly id: string;
  /** Id of the one token. Absent: every token of the user issued until `atMs`. */
  readonly jti?: string;
  /** When it was revoked, in milliseconds since 1970. */
  readonly atMs: number;
}

export interface Revocations {
  /** Ends every token that a user has by now; at once here, durable when it resolves. A newer token counts again. */
  revokePrincipal(user: { tenant: string; id: string }): Promise<void>;
  /** Ends one token of a user, by its `jti`. */
  revokeToken(token: { tenant: string; id: string; jti: string }): Promise<void>;
  /** Whether the token that a principal came with has been revoked. */
  isRevoked(principal: Principal): boolean;
  /** Live sessions listen here, and then ask `isRevoked` about their own principal. Returns the way to stop. */
  onRevoked(listener: (revocation: Revocation) => void): () => void;
  /** Takes over a revocation that another node made and stored. */
  apply(revocation: Revocation): void;
}

export interface RevocationsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** How long a revocation is kept; must not be shorter than tokens live. Default 24 hours, in milliseconds. */
  readonly keptMs?: number;
  /** Most revocations kept at once; more are refused with OVERLOADED. Default 100,000. */
  readonly entriesMax?: number;
}

const USER_PREFIX = "revoked/";
const TOKEN_PREFIX = "revoked-token/";
const PAGE_MAX = 1_000;

/**
 * Revocations, read from storage and held in memory. They concern users only: services and admins lose access when
 * their key is taken out of the configuration.
 */
export async function createRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { storage, clock, keptMs = 86_400_000, entriesMax = 100_000 } = options;
  const byKey = new Map<string, Revocation>();
  const listeners = new Set<(revocation: Revocation) => void>();
  const isCurrent = ({ atMs }: Revocation) => clock.nowMs() < atMs + keptMs;

  for (const prefix of [USER_PREFIX, TOKEN_PREFIX]) {
    for await (const { value } of pages(storage, prefix)) {
      const revocation = decodeRevocation(value);
      byKey.set(keyOf(revocation), revocation);
    }
  }
  await prune();

  /** Lets go of the ended ones, in memory at once. */
  async function prune(): Promise<void> {
    const deletes = [...byKey].filter(([, revocation]) => !isCurrent(revocation)).map(([key]) => key);
    for (const key of deletes) byKey.delete(key);
    if (deletes.length > 0) await storage.commit({ deletes });
  }

  function apply(revocation: Revocation): void {
    byKey.set(keyOf(revocation), revocation);
    for (const listener of listeners) listener(revocation);
  }

  async function revoke(revocation: Revocation): Promise<void> {
    assertRevocation(revocation);
    const key = keyOf(revocation);
    if (byKey.size >= entriesMax && !byKey.has(key)) await prune();
    if (byKey.size >= entriesMax && !byKey.has(key)) throw tooMany(entriesMax);
    apply(revocation);
    await storage.commit({ puts: [{ key, value: Buffer.from(JSON.stringify(revocation)) }] });
  }

  return {
    revokePrincipal: ({ tenant, id }) => revoke({ tenant, id, atMs: clock.nowMs() }),
    revokeToken: ({ tenant, id, jti }) => revoke({ tenant, id, jti, atMs: clock.nowMs() }),
    isRevoked({ kind, tenant, id, claims }) {
      if (kind !== "user" || byKey.size === 0) return false;
      const ofUser = byKey.get(keyOf({ tenant, id }));
      if (ofUser !== undefined && isCurrent(ofUser) && issuedAtMs(claims) <= ofUser.atMs) return true;
      if (typeof claims.jti !== "string") return false;
      const ofToken = byKey.get(keyOf({ tenant, id, jti: claims.jti }));
      return ofToken !== undefined && isCurrent(ofToken);
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    apply(revocation) {
      assertRevocation(revocation);
      apply(revocation);
    },
  };
}

/** A token that does not say when it was issued is older than any revocation. */
function issuedAtMs(claims: Principal["claims"]): number {
  return typeof claims.iat === "number" ? claims.iat * 1000 : Number.NEGATIVE_INFINITY;
}

/** The tenant has no slash, and neither an id nor a `jti` a line feed: two revocations never share a key. */
function keyOf({ tenant, id, jti }: Omit<Revocation, "atMs">): string {
  return jti === undefined ? `${USER_PREFIX}${tenant}/${id}` : `${TOKEN_PREFIX}${tenant}/${id}\n${jti}`;
}

async function* pages(storage: Storage, prefix: string): AsyncGenerator<Stored> {
  let after: string | undefined;
  for (;;) {
    const page = await storage.list(prefix, { ...(after === undefined ? {} : { after }), limit: PAGE_MAX });
    yield* page;
    after = page.at(-1)?.key;
    if (page.length < PAGE_MAX) return;
  }
}

function decodeRevocation(bytes: Uint8Array): Revocation {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (!isObject(value))
    throw new PlexlineError("STORAGE_UNAVAILABLE", { message: "A stored revocation is damaged." });
  const revocation = value as unknown as Revocation;
  assertRevocation(revocation);
  return revocation;
}

function assertRevocation({ tenant, id, jti, atMs }: Revocation): void {
  const isValid =
    isTenant(tenant) &&
    isPrincipalId(id) &&
    (jti === undefined || isPrincipalId(jti)) &&
    Number.isFinite(atMs);
  if (isValid) return;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: "A revocation needs tenant and id (and jti for one token): a tenant's name and printable ids.",
  });
}

function tooMany(entriesMax: number): PlexlineError {
  return new PlexlineError("OVERLOADED", {
    message: `There are ${entriesMax} revocations already.`,
    fix: "Change the signing key to end all tokens at once, or let tokens live for a shorter time.",
  });
}
