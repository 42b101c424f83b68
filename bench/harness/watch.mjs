// How long a server's event loop stood still, and how much CPU its process took, between two moments.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { watchStalls } from "./stalls.mjs";

const RESOLUTION_MS = 1;

let delays = null;
let stalls = null;
let cpuBefore = null;

export function startWatching() {
  delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  stalls = watchStalls();
  cpuBefore = process.cpuUsage();
  return true;
}

/** The longest stall in milliseconds, the most that the main thread computed in one, and CPU milliseconds of all threads. */
export function stopWatching() {
  const { user, system } = process.cpuUsage(cpuBefore);
  delays.disable();
  // What is recorded is the time between two looks, the wanted one included.
  const { ownMs } = stalls.stop();
  return {
    stallMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS),
    ownStallMs: ownMs,
    cpuMs: (user + system) / 1_000,
  };
}
