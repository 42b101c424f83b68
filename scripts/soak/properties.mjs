import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { run, seconds, TOOLS } from "../run.mjs";
import { filesIn } from "../tree.mjs";

// The property tests with other cases in every round: what `npm test` looks at is the same each time.
//   ROUNDS=10 npm run soak -- properties

const rounds = Number(process.env.ROUNDS ?? 10);
const SEED_MAX = 2 ** 31;
const files = ["packages", "apps"]
  .flatMap((folder) => filesIn(folder, ".test.ts"))
  .filter((path) => /fast-check|storage-contract|Contract/.test(readFileSync(path, "utf8")));

let failed = 0;
for (let round = 1; round <= rounds; round += 1) {
  const seed = randomInt(SEED_MAX);
  const startMs = performance.now();
  const { code, output } = await run(
    [...TOOLS.vitest, "run", "--project", "unit", "--reporter=minimal", ...files],
    { env: { PROPERTY_SEED: String(seed), NO_COLOR: "1", FORCE_COLOR: undefined } },
  );
  console.log(`round ${round}, PROPERTY_SEED=${seed}: ${code === 0 ? "ok" : "FAILED"} (${seconds(startMs)})`);
  if (code === 0) continue;
  failed += 1;
  console.log(output.trim());
}
console.log(`${rounds - failed} rounds passed, ${failed} failed; ${files.length} files`);
process.exit(failed === 0 ? 0 : 1);
