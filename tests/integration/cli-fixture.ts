import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PLEXLINE = fileURLToPath(new URL("../../packages/cli/bin/plexline.js", import.meta.url));

/** A `plexline` process that serves. */
export interface CliServer {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** What it has written to standard error. */
  readonly log: () => string;
  /** Ends it with a signal and waits for that; resolves with its exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts `plexline dev` (or another command) and waits until it is ready. */
export async function startCli(options: {
  command?: "dev" | "start";
  data: string;
  port?: number;
  env?: Readonly<Record<string, string>>;
  args?: readonly string[];
}): Promise<CliServer> {
  const { command = "dev", data, port = 0, env = {}, args = [] } = options;
  const child = spawn(
    process.execPath,
    [PLEXLINE, command, "--port", String(port), "--data", data, "--json", ...args],
    { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  const ready = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      return JSON.parse(line) as { ready: boolean; url: string };
    }
    throw new Error(`plexline ${command} ended before it was ready:\n${log}`);
  })();
  const { url } = await ready;
  return {
    url,
    port: Number(new URL(url).port),
    process: child,
    log: () => log,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code, killedBy] = await ended;
      return code ?? killedBy ?? "unknown";
    },
  };
}

/** A directory of its own, removed by `remove`. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "plexline-data-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
