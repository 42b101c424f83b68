import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import { createTokenBucket, type TokenBucket } from "../platform/token-bucket.ts";
import type { TransportLimits } from "./limits.ts";

/** Decides whether one more connection may begin now. */
export interface Admission {
  /** Null to let it in, otherwise why not, with `retryAfterMs`. */
  check(remoteAddress: string): PlexlineError | null;
}

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly limits: Pick<TransportLimits, "connects" | "connectsPerAddress" | "addressesMax">;
  /** Whether the server has more to do than it can; asked at each connect. */
  overloaded(): boolean;
}

const OVERLOAD_RETRY_MS = 5000;

/** Bounds how fast connections begin: for one address, so that others get in, and in all, so that a stampede is spread. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { clock, limits } = options;
  const everybody = createTokenBucket(limits.connects, clock.monotonicMs());
  const addresses = new Map<string, TokenBucket>();

  /** The bucket of an address. The map is in order of use, so the address heard of least recently goes first. */
  function bucketOf(address: string, nowMs: number): TokenBucket {
    const known = addresses.get(address);
    if (known === undefined) forgetOldest(nowMs);
    const bucket = known ?? createTokenBucket(limits.connectsPerAddress, nowMs);
    addresses.delete(address);
    addresses.set(address, bucket);
    return bucket;
  }

  /** Makes room for one more, and drops what a new bucket would equal. */
  function forgetOldest(nowMs: number): void {
    for (const [oldest, bucket] of addresses) {
      if (addresses.size < limits.addressesMax && !bucket.isFull(nowMs)) return;
      addresses.delete(oldest);
    }
  }

  return {
    check(remoteAddress) {
      const nowMs = clock.monotonicMs();
      if (options.overloaded()) return new PlexlineError("OVERLOADED", { retryAfterMs: OVERLOAD_RETRY_MS });
      const bucket = bucketOf(networkOf(remoteAddress), nowMs);
      if (!bucket.take(nowMs)) {
        return new PlexlineError("RATE_LIMITED", {
          message: "This address opens connections faster than this server accepts.",
          fix: "Reconnect with a growing, random delay, or raise limits.connectsPerAddress.",
          retryAfterMs: bucket.retryAfterMs(nowMs),
        });
      }
      if (everybody.take(nowMs)) return null;
      return new PlexlineError("OVERLOADED", {
        message: "Too many connections open at once.",
        retryAfterMs: everybody.retryAfterMs(nowMs),
      });
    },
  };
}

/** One IPv6 customer has a whole /64, so addresses in it count as one. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  if (address.includes("::")) groups.push(...Array<string>(Math.max(0, missing)).fill("0"));
  return [...groups, ...tail.split(":")].slice(0, 4).join(":");
}
