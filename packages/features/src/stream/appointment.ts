import type { Clock, Timer } from "@plexline/server";

/** Timers are set no further ahead: a moment later is looked at again then. */
const DELAY_MS_MAX = 3_600_000;
/** After a failure nothing is tried again for this long, in milliseconds. */
const RETRY_MS = 1_000;

/** The one timer of a stream: it looks at what is due, and is set for the next moment at which something is. */
export interface Appointment {
  /** Something is due at `atMs` at the latest. Cheap when the timer is set for an earlier moment. */
  meet(atMs: number): void;
  close(): void;
}

/** `attend` does what is due, and resolves with the next moment at which something is; infinite for none. */
export function createAppointment(clock: Clock, attend: () => Promise<number>): Appointment {
  let timer: Timer | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let isAttending = false;
  let isClosed = false;

  const set = (atMs: number): void => {
    if (isClosed || atMs >= dueMs) return;
    timer?.cancel();
    dueMs = atMs;
    timer = clock.setTimer(() => void run(), Math.min(Math.max(0, atMs - clock.nowMs()), DELAY_MS_MAX));
  };
  const run = async (): Promise<void> => {
    timer = undefined;
    isAttending = true;
    let nextMs: number;
    try {
      nextMs = await attend();
    } catch {
      // Whoever attends has told of it.
      nextMs = clock.nowMs() + RETRY_MS;
    }
    isAttending = false;
    dueMs = Number.POSITIVE_INFINITY;
    set(nextMs);
  };

  return {
    meet(atMs) {
      if (!isAttending && atMs !== Number.POSITIVE_INFINITY) set(atMs);
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
