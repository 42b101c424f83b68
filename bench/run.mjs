// Plexline beside other servers, in one run: CPU per delivery, memory, connects, latency.
//   node bench/run.mjs [scenario…] [--rounds N] [--quick] [--servers a,b] [--also DIR] [--publish]
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { aimLines } from "./harness/aims.mjs";
import { beAlone } from "./harness/alone.mjs";
import { compileGenerator } from "./harness/generator.mjs";
import { canPin, describeMachine, filesMax } from "./harness/machine.mjs";
import { installPeers } from "./harness/peers.mjs";
import { pick } from "./harness/pick.mjs";
import { publish } from "./harness/publish.mjs";
import { runScenario } from "./harness/rounds.mjs";
import { SCENARIOS } from "./harness/scenarios.mjs";
import { allServers, reasonToSkip } from "./harness/servers.mjs";
import { alignedLines, terminalTable } from "./harness/table.mjs";

const OPTIONS = {
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  servers: { type: "string" },
  also: { type: "string" },
  publish: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
};
const USAGE = `node bench/run.mjs [scenario…] [options]
  scenarios     ${SCENARIOS.map(({ name }) => name).join(" ")} (default: all)
  --rounds N    rounds of every scenario (default 5)
  --quick       2 rounds of shorter loads: an impression, not a measurement
  --servers a,b only these
  --also DIR    the Plexline of another checkout, built, beside this one, as plexline@also
  --publish     writes bench/results, docs/performance.svg and the tables of docs/performance.md`;
/** Connections of the largest load, and what a process has open besides. */
const FILES_NEEDED = 10_000 + 256;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const print = (line) => process.stdout.write(`${line}\n`);
const progress = (line) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${line}`);

function prepare(values) {
  if (process.platform !== "linux")
    throw new Error("The benchmark reads /proc and its generator uses epoll: it needs Linux.");
  if (!existsSync(here("../packages/server/dist/index.js")))
    throw new Error("There is no build: npm run build.");
  if (filesMax() < FILES_NEEDED) {
    throw new Error(
      `A process may open ${filesMax()} files here and ${FILES_NEEDED} are needed: raise ulimit -Hn.`,
    );
  }
  const generator = compileGenerator();
  installPeers(print);
  const servers = pick(allServers(values.also), values.servers?.split(",") ?? [], "server").filter(
    (entry) => {
      const reason = reasonToSkip(entry);
      if (reason) print(`Skipped ${entry.name}: ${reason}.`);
      return !reason;
    },
  );
  const [serverCore, generatorCore] = canPin() ? [0, 1] : [null, null];
  if (serverCore === null) print("Not pinned: this needs two cores and taskset. Figures will wander.");
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  return {
    generator,
    servers,
    serverCore,
    generatorCore,
    rounds,
    quick: values.quick,
    progress,
    limits: null,
  };
}

async function main() {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) return print(USAGE);
  const scenarios = pick(SCENARIOS, positionals, "scenario");
  if (values.publish && (values.quick || values.servers || values.also || positionals.length > 0)) {
    throw new Error("--publish is for a whole run: without scenarios, --quick, --servers and --also.");
  }
  const run = prepare(values);
  await beAlone(print);
  const startedAt = new Date();
  const machine = describeMachine();
  print(
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)}`,
  );
  const results = [];
  for (const scenario of scenarios) {
    const rows = await runScenario(run, scenario);
    progress("");
    print(`\n${terminalTable(scenario, rows)}`);
    results.push({ scenario, rows });
  }
  print(`\nAims\n${alignedLines(aimLines(results), 2).join("\n")}`);
  if (run.limits)
    print(`\nLimits of Plexline that were raised, all others as shipped: ${JSON.stringify(run.limits)}`);
  const record = { startedAt, machine, rounds: run.rounds, quick: run.quick, limits: run.limits, results };
  const file = values.publish
    ? publish(record)
    : join(tmpdir(), `plexline-bench-${startedAt.getTime()}.json`);
  if (!values.publish) writeFileSync(file, JSON.stringify(record));
  print(`Every sample: ${file}`);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
