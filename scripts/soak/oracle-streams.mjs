// The durability oracle of streams at length: 200 kills instead of the 20 of `npm test`. Arguments: [KILLS] [SEED] [FAULT].
import { describeStreamReport, runStreamOracle } from "../../tests/integration/stream-oracle/run.mjs";

const [kills = "200", seed = String(Date.now() % 1_000_000), fault] = process.argv.slice(2);
console.log(`seed ${seed}`);
const report = await runStreamOracle({
  kills: Number(kills),
  seed: Number(seed),
  ...(fault === undefined ? {} : { fault }),
  tell: (line) => console.log(line),
});
for (const violation of report.violations) console.log(violation);
console.log(describeStreamReport(report));

const { kills: killed, killsInFlight, acks, requests, events } = report;
const isEnough =
  killsInFlight >= killed * 0.3 &&
  acks >= killed * 50 &&
  requests >= killed &&
  Object.values(events).every((count) => count >= killed * 50);
if (!isEnough)
  console.log("Too few kills fell on commits in flight, or too little was written and read between them.");
process.exit(report.violations.length === 0 && isEnough ? 0 : 1);
