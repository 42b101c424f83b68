// What the figures were measured on, and how busy it was with other things meanwhile.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

const TICKS_PER_SECOND = 100;

/** The output of a program, or null where it cannot be run. */
export function outputOf(file, args) {
  try {
    return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    loadAverage: loadavg()[0],
    pinned: canPin(),
  };
}

/** Server on core 0, generator on core 1. */
export function canPin() {
  return cpus().length >= 2 && outputOf("taskset", ["-V"]) !== null;
}

/** Files that one process may have open; node, wsload and nats-server raise their own limit up to it. */
export function filesMax() {
  const answer = outputOf("sh", ["-c", "ulimit -Hn"]);
  return answer === "unlimited" ? Number.POSITIVE_INFINITY : Number(answer ?? 1024);
}

/** CPU seconds that the machine has spent busy, and those of `pids`, of this process and of what it has waited for. */
function busySeconds(pids) {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]
    .split(/\s+/)
    .map(Number);
  let ours = 0;
  for (const pid of [process.pid, ...pids]) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number);
    const withChildren = pid === process.pid ? fields[13] + fields[14] : 0;
    ours += fields[11] + fields[12] + withChildren;
  }
  return {
    all: (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND,
    ours: ours / TICKS_PER_SECOND,
  };
}

/** Runs `work` and tells which share of a core everything else took meanwhile. The servers are `pids`. */
export async function withOthers(pids, work) {
  const startMs = performance.now();
  const before = busySeconds(pids);
  const result = await work();
  const after = busySeconds(pids);
  const seconds = (performance.now() - startMs) / 1_000;
  const others = (after.all - before.all - (after.ours - before.ours)) / seconds;
  return { result, othersCore: Math.max(0, others) };
}
