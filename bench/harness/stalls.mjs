// How long the event loop of this process stands still, and how much of that its main thread computed.
import { closeSync, openSync, readSync } from "node:fs";

const LOOK_MS = 1;
const FILE = "/proc/self/schedstat";

/**
 * Looks at the clock again and again until it is stopped. `wallMs` is the longest time between two looks. `ownMs` is the most that the
 * main thread computed between two of them, as Linux counts it: without what it waited for a core that others had, or for the garbage
 * collector's threads, which wait for cores as well. On a machine with nothing else to do the two are about the same.
 */
export function watchStalls() {
  const file = openStatistics();
  const buffer = Buffer.alloc(128);
  const computedMs = () => {
    if (file === null) return performance.now();
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.latin1Slice(0, length).split(" ")[0]) / 1e6;
  };
  let stalls = { wallMs: 0, ownMs: 0 };
  let [atMs, computed] = [performance.now(), computedMs()];
  const look = () => {
    const [nowMs, nowComputed] = [performance.now(), computedMs()];
    const wallMs = nowMs - atMs - LOOK_MS;
    const ownMs = nowComputed - computed;
    stalls = { wallMs: Math.max(stalls.wallMs, wallMs), ownMs: Math.max(stalls.ownMs, ownMs) };
    [atMs, computed] = [nowMs, nowComputed];
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    get stalls() {
      return stalls;
    },
    reset() {
      stalls = { wallMs: 0, ownMs: 0 };
      [atMs, computed] = [performance.now(), computedMs()];
    },
    stop() {
      look();
      clearInterval(timer);
      if (file !== null) closeSync(file);
      return stalls;
    },
  };
}

/** Where the kernel keeps no such statistics all of a stall counts as the process's own. */
function openStatistics() {
  try {
    return openSync(FILE, "r");
  } catch {
    return null;
  }
}
