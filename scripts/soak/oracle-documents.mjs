// The durability oracle of documents at length: 200 kills instead of the 20 of `npm test`. Arguments: [KILLS] [SEED].
import { describeDocumentReport, runDocumentOracle } from "../../tests/integration/oracle-documents/run.mjs";

const [kills = "200", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
console.log(`seed ${seed}`);
const report = await runDocumentOracle({
  kills: Number(kills),
  seed: Number(seed),
  tell: (line) => console.log(line),
});
for (const violation of report.violations) console.log(violation);
console.log(describeDocumentReport(report));

const { kills: killed, killsInFlight, saves, savesOn, snapshots } = report;
const isEnough =
  killsInFlight >= killed * 0.3 &&
  saves >= killed * 50 &&
  Object.values(savesOn).every((count) => count >= killed * 3) &&
  snapshots >= killed;
if (!isEnough)
  console.log("Too few kills fell on commits in flight, or too few saves or snapshots came between them.");
process.exit(report.violations.length === 0 && isEnough ? 0 : 1);
