import { join } from "node:path";
import { run, seconds, TOOLS } from "./run.mjs";
import { root } from "./tree.mjs";

// Everything that can be said about the code without a server: all of it runs, and what failed is shown at the end.
// `--skip=unit` leaves a step out.

const script = (name) => [process.execPath, join(root, "scripts", name)];
const STEPS = {
  format: [...TOOLS.biome, "check", "--colors=off", "--max-diagnostics=50", "--diagnostic-level=warn"],
  build: [...TOOLS.tsc, "-b", "--pretty", "false"],
  types: [...TOOLS.tsc, "-p", "tsconfig.check.json", "--pretty", "false"],
  imports: script("check-imports.mjs"),
  exports: script("check-exports.mjs"),
  docs: script("check-docs.mjs"),
  examples: script("check-examples.mjs"),
  tidy: script("tidy.mjs"),
  unit: [...TOOLS.vitest, "run", "--project", "unit", "--reporter=minimal"],
};

const skipped = process.argv
  .filter((argument) => argument.startsWith("--skip="))
  .map((argument) => argument.slice(7));
const startMs = performance.now();
const failures = [];
for (const [name, command] of Object.entries(STEPS)) {
  if (skipped.includes(name)) continue;
  const stepStartMs = performance.now();
  const { code, output } = await run(command, { env: { NO_COLOR: "1", FORCE_COLOR: undefined } });
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds(stepStartMs)}`);
  if (code !== 0) failures.push({ name, output });
}

for (const { name, output } of failures) console.log(`\n── ${name} ──\n${output.trim()}`);
const verdict =
  failures.length === 0 ? "check passed" : `check failed: ${failures.map(({ name }) => name).join(", ")}`;
console.log(`\n${verdict} (${seconds(startMs)}, Node ${process.versions.node})`);
process.exit(failures.length === 0 ? 0 : 1);
