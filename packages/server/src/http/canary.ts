import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Storage } from "../storage/storage.ts";
import type { ReadinessCheck } from "../telemetry/readiness.ts";

/** Writes a value under a key of this node's own, durably, and reads it back: what every publication needs of a storage. */
export function createStorageCanary({
  storage,
  node,
  clock,
}: {
  storage: Pick<Storage, "commit" | "get">;
  /** Id of this node, so that nodes on one storage do not meet. */
  node: string;
  clock: Clock;
}): ReadinessCheck {
  const key = `canary/${node}`;
  return async () => {
    const written = String(clock.nowMs());
    await storage.commit({ puts: [{ key, value: new TextEncoder().encode(written) }] });
    const stored = await storage.get(key);
    const read = stored === undefined ? undefined : new TextDecoder().decode(stored.value);
    // A value written later is as good: somebody else of this node may have run the canary meanwhile.
    if (read === undefined || Number(read) < Number(written)) {
      throw new PlexlineError("STORAGE_UNAVAILABLE", {
        message: "The storage did not give back what it acknowledged.",
      });
    }
  };
}
