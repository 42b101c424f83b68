import { join } from "node:path";
import { run, seconds } from "./run.mjs";
import { filesIn, root } from "./tree.mjs";

// Runs every scripts/soak/*.mjs in turn, with its output: what takes too long for `npm test`. A word after the command
// chooses: `npm run soak -- powercut`. Modules that a soak imports lie in folders below and are not run themselves.

const words = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const soaks = filesIn("scripts/soak", ".mjs")
  .filter((path) => path.split("/").length === 3)
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)));

const failed = [];
for (const path of soaks) {
  const startMs = performance.now();
  console.log(`── ${path} ──`);
  const { code } = await run([process.execPath, join(root, path)], { show: true });
  console.log(`${code === 0 ? "ok" : `FAILED with code ${code}`}: ${path} (${seconds(startMs)})\n`);
  if (code !== 0) failed.push(path);
}
if (soaks.length === 0) console.log("no soak of that name");
console.log(
  `${soaks.length - failed.length} soaks passed, ${failed.length} failed${failed.map((path) => `\n  ${path}`).join("")}`,
);
process.exit(failed.length === 0 && soaks.length > 0 ? 0 : 1);
