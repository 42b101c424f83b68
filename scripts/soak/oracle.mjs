// The durability oracle at length: 200 kills instead of the 20 of `npm test`. Arguments: [KILLS] [SEED].
import { describeReport, runOracle } from "../../tests/integration/oracle/run.mjs";

const [kills = "200", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
console.log(`seed ${seed}`);
const report = await runOracle({
  kills: Number(kills),
  seed: Number(seed),
  tell: (line) => console.log(line),
});
for (const violation of report.violations) console.log(violation);
console.log(describeReport(report));

const isEnough = report.killsInFlight >= report.kills * 0.3 && report.acks >= report.kills * 50;
if (!isEnough) console.log("Too few kills fell on commits in flight, or too few acks came between them.");
process.exit(report.violations.length === 0 && isEnough ? 0 : 1);
