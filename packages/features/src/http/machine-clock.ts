import type { Clock } from "@plexline/server";

/** The machine's clock; its timers keep the process alive only as long as the sessions that they are for. */
export const machineClock: Pick<Clock, "nowMs" | "setTimer"> = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
