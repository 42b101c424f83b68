// What a run leaves on the machine while it lasts: one directory and some processes. Both end with it, however it ends.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const scratch = mkdtempSync(join(tmpdir(), "plexline-bench-"));

const children = new Set();

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

/** Starts a program on one core, or unpinned where the system has no `taskset`; it ends with this process at the latest. */
export function start(core, command, options) {
  const [file, ...args] = core === null ? command : ["taskset", "-c", String(core), ...command];
  const child = spawn(file, args, options);
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** Ends a program by its id and waits until it has. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 2_000);
  await ended;
  clearTimeout(timer);
}
