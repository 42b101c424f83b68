import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";

/**
 * Runs application code that may throw, reject or hang. Settles within `timeoutMs` at the latest, with HANDLER_TIMEOUT;
 * foreign errors become HANDLER_FAILED with the cause. Work that outlives its deadline is left alone.
 */
export function withDeadline<T>(clock: Clock, timeoutMs: number, work: () => T | Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let pending: T | Promise<T>;
    try {
      pending = work();
    } catch (error) {
      reject(PlexlineError.from(error, "HANDLER_FAILED"));
      return;
    }
    if (!isPromise(pending)) {
      resolve(pending);
      return;
    }
    const timer = clock.setTimer(() => reject(new PlexlineError("HANDLER_TIMEOUT")), timeoutMs);
    pending.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(PlexlineError.from(error, "HANDLER_FAILED"));
      },
    );
  });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && typeof (value as Promise<T>).then === "function";
}
