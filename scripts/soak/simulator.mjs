import { findViolation, reportOf } from "../../packages/testing/dist/simulator/index.js";

// Many more seeds of the simulator than a test has time for, on the built packages. SEEDS (20,000) says how many, FIRST
// where to begin: without it each run takes seeds of its own. Half of the seeds have documents; DOCUMENTS=1 takes them in all,
// DOCUMENTS=0 in none. A seed that breaks a rule is printed with its trace.

const count = Number(process.env.SEEDS ?? 20_000);
const first = Number(process.env.FIRST ?? Math.floor(Math.random() * 2 ** 31));
const documents = { 0: false, 1: true }[process.env.DOCUMENTS];
const TOLD_EVERY = 5_000;

function* seeds() {
  for (let done = 0; done < count; done += 1) {
    if (done > 0 && done % TOLD_EVERY === 0) console.log(`${done} seeds, ${perMinute(done)} a minute`);
    yield first + done;
  }
}

const startMs = performance.now();
const perMinute = (done) => Math.round((done / (performance.now() - startMs)) * 60_000);

console.log(`simulator: seeds ${first} to ${first + count - 1}`);
const { found, runs } = await findViolation(seeds(), documents === undefined ? {} : { documents });
console.log(
  `simulator: ${runs} seeds, ${perMinute(runs)} a minute, ${found === null ? "no rule broken" : "A RULE BROKEN"}`,
);
if (found !== null) console.log(reportOf(found));
process.exit(found === null ? 0 : 1);
