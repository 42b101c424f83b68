// How long the event loop of this process stands still, and how much of that its main thread only waited for a core.
import { closeSync, openSync, readSync } from "node:fs";

const LOOK_MS = 1;
const FILE = "/proc/self/schedstat";

/**
 * Looks at the clock again and again until it is stopped. `wallMs` is the longest time between two looks, `ownMs` the longest of
 * what is left of such a time without waiting for a core that others had, as Linux counts it: that is the process's own doing.
 */
export function watchStalls() {
  const file = openStatistics();
  const buffer = Buffer.alloc(128);
  const waitedMs = () => {
    if (file === null) return 0;
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.latin1Slice(0, length).split(" ")[1]) / 1e6;
  };
  let stalls = { wallMs: 0, ownMs: 0 };
  let [atMs, waited] = [performance.now(), waitedMs()];
  const look = () => {
    const [nowMs, nowWaited] = [performance.now(), waitedMs()];
    const wallMs = nowMs - atMs - LOOK_MS;
    const ownMs = wallMs - (nowWaited - waited);
    stalls = { wallMs: Math.max(stalls.wallMs, wallMs), ownMs: Math.max(stalls.ownMs, ownMs) };
    [atMs, waited] = [nowMs, nowWaited];
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    get stalls() {
      return stalls;
    },
    reset() {
      stalls = { wallMs: 0, ownMs: 0 };
      [atMs, waited] = [performance.now(), waitedMs()];
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
