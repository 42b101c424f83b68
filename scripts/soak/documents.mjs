// Documents at length: 400 seeds of providers and clients that edit through losses of every kind, instead of the 40 of
// `npm test`. SEEDS says how many, FIRST where to begin: `SEEDS=1 FIRST=17` replays one. Its tests are TypeScript, so it is
// the test itself that runs, with other numbers.
import { run, TOOLS } from "../run.mjs";

const first = process.env.FIRST ?? String(1_000 + Math.floor(Math.random() * 2 ** 30));
const seeds = process.env.SEEDS ?? "400";
console.log(`documents: ${seeds} seeds from ${first}`);
const { code } = await run(
  [...TOOLS.vitest, "run", "--project", "simulation", "tests/simulation/documents.test.ts"],
  { show: true, env: { SEEDS: seeds, FIRST: first } },
);
console.log(`documents: ${code === 0 ? "all the same" : "SOMETHING DIFFERED"}`);
process.exit(code);
