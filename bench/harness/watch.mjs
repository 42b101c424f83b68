// How long a server's event loop stood still, and how much CPU its process took, between two moments.
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 1;

let delays = null;
let cpuBefore = null;

export function startWatching() {
  delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  cpuBefore = process.cpuUsage();
  return true;
}

/** The longest stall in milliseconds, and CPU milliseconds of all threads. */
export function stopWatching() {
  const { user, system } = process.cpuUsage(cpuBefore);
  delays.disable();
  // What is recorded is the time between two looks, the wanted one included.
  return { stallMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS), cpuMs: (user + system) / 1_000 };
}
