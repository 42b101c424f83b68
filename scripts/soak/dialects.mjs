// Dialects at length: 200 seeds of clients of every dialect in one document, instead of the 20 of `npm test`. SEEDS says
// how many, FIRST where to begin: `SEEDS=1 FIRST=17` replays one. Its tests are TypeScript, so it is the test itself that
// runs, with other numbers.
import { run, TOOLS } from "../run.mjs";

const first = process.env.FIRST ?? String(1_000 + Math.floor(Math.random() * 2 ** 30));
const seeds = process.env.SEEDS ?? "200";
console.log(`dialects: ${seeds} seeds from ${first}`);
const { code } = await run(
  [...TOOLS.vitest, "run", "--project", "simulation", "tests/simulation/dialects.test.ts"],
  { show: true, env: { SEEDS: seeds, FIRST: first } },
);
console.log(`dialects: ${code === 0 ? "all the same" : "SOMETHING DIFFERED"}`);
process.exit(code);
