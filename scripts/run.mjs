import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./tree.mjs";

// How scripts start other programs: with this very Node, so that a check under another version is one.

/** Command line of a tool that the workspace has installed. */
export const TOOLS = {
  biome: [process.execPath, join(root, "node_modules/@biomejs/biome/bin/biome")],
  tsc: [process.execPath, join(root, "node_modules/typescript/bin/tsc")],
  vitest: [process.execPath, join(root, "node_modules/vitest/vitest.mjs")],
};

/** Output kept of a quiet program; its end says most. */
const KEPT_LENGTH_MAX = 1 << 20;

/** Runs a program to its end. `show` lets its output through; otherwise it comes back with the exit code. */
export function run([program, ...args], { show = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-KEPT_LENGTH_MAX);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    child.on("error", (error) => resolve({ code: 1, output: `${output}${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Seconds since `startMs`, for people. */
export function seconds(startMs) {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
}
