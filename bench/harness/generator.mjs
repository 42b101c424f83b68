// The load generator: wsload.c, compiled on first use.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { start } from "./scratch.mjs";

const SOURCE = fileURLToPath(new URL("../wsload.c", import.meta.url));
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/plexline-bench/", import.meta.url));

/** Path of the compiled generator. Throws with what to install where it cannot be compiled. */
export function compileGenerator() {
  const digest = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  const binary = `${CACHE}wsload-${digest}`;
  if (existsSync(binary)) return binary;
  mkdirSync(CACHE, { recursive: true });
  const made = spawnSync("gcc", ["-O2", "-march=native", "-o", `${binary}.new`, SOURCE], {
    encoding: "utf8",
  });
  if (made.error) {
    throw new Error("The load generator is written in C and needs gcc: apt-get install gcc libc6-dev.");
  }
  if (made.status !== 0)
    throw new Error(`bench/wsload.c does not compile here (it needs Linux):\n${made.stderr}`);
  renameSync(`${binary}.new`, binary);
  return binary;
}

/**
 * Starts a load. `ready` resolves once all connections are ready, `report` with what the generator measured; a load that
 * failed has `ok: false` in its report and its complaint in `complaint`.
 */
export function startLoad(binary, core, args) {
  const child = start(core, [binary, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let complaint = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const ready = new Promise((resolve) => {
    child.stderr.on("data", (chunk) => {
      complaint += chunk;
      if (/^ready \d+$/m.test(complaint)) resolve();
    });
    child.on("close", resolve);
  });
  const report = new Promise((resolve) => {
    child.on("close", () => {
      const said = complaint.replace(/^ready \d+\n/m, "").trim();
      try {
        resolve({ ...JSON.parse(out), complaint: said });
      } catch {
        resolve({ ok: false, complaint: said || "the generator ended without a report" });
      }
    });
  });
  return { child, ready, report };
}
