// What a piece of work cost a server: time, the longest stall of its event loop, CPU and memory.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { selfTimes } from "./cpu-profile.mjs";
import { OTHERS_CORE_MAX } from "./load.mjs";
import { withOthers } from "./machine.mjs";

const MIB = 2 ** 20;
const LOOK_MS = 250;
const QUIET_CPU_MS = 5;
const QUIET_LOOKS_MAX = 80;
const ROWS_MAX = 25;
/** Written to `clear_refs`, it makes the peak of resident memory begin anew. */
const RESET_PEAK = "5";

/** Waits until the server does nothing any more: saving and folding go on after everybody has been answered. */
export async function untilQuiet(server) {
  const used = async () => {
    const { user, system } = await server.ask("cpu");
    return (user + system) / 1_000;
  };
  for (let looks = 0, before = await used(); looks < QUIET_LOOKS_MAX; looks += 1) {
    await sleep(LOOK_MS);
    const now = await used();
    if (now - before < QUIET_CPU_MS) return;
    before = now;
  }
}

const statusMiB = (server, key) => {
  const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  return (Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)[1]) * 1_024) / MIB;
};

/** Resident memory of the server in MiB, after a collection. */
export async function collectedMiB(server) {
  await server.ask("memory");
  await sleep(LOOK_MS);
  await server.ask("memory");
  return statusMiB(server, "VmRSS");
}

/**
 * Does a piece of work and resolves with what came of it and with `stallMs`, `cpuMs`, `peakMiB` (the most
 * resident memory meanwhile, above the server's before its first client: `server.idleMiB`) and `isQuiet` (nothing else was busy).
 */
export async function observe(run, server, work) {
  await untilQuiet(server);
  await server.ask("memory");
  await untilQuiet(server);
  if (run.profile) await server.ask("profile");
  writeFileSync(`/proc/${server.child.pid}/clear_refs`, RESET_PEAK);
  await server.ask("watch");
  const { result, othersCore } = await withOthers([server.child.pid, run.clients.pid], work);
  const watched = await server.ask("watched");
  const peakMiB = Math.max(0, statusMiB(server, "VmHWM") - server.idleMiB);
  if (run.profile) run.profile(selfTimes(await server.ask("profiled"), ROWS_MAX));
  return { ...result, ...watched, peakMiB, othersCore, isQuiet: othersCore <= OTHERS_CORE_MAX };
}
