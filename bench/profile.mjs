// Where the time of a server goes under one load: functions by their own time, and with `perf` the kernel's share.
//   node bench/profile.mjs <scenario> [server…] [--seconds N] [--also DIR]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { beAlone } from "./harness/alone.mjs";
import { connectArguments } from "./harness/connects.mjs";
import { selfTimes } from "./harness/cpu-profile.mjs";
import { compileGenerator, startLoad } from "./harness/generator.mjs";
import { argumentsOf } from "./harness/load.mjs";
import { canPin } from "./harness/machine.mjs";
import { hasPerf, record, reportLines } from "./harness/perf.mjs";
import { SCENARIOS } from "./harness/scenarios.mjs";
import { stop } from "./harness/scratch.mjs";
import { allServers, startServer } from "./harness/servers.mjs";

const ROWS_MAX = 28;
const WARMUP_S = 1;
/** More than any server takes in the time. */
const CONNECTS = 500_000;
const loads = SCENARIOS.filter(({ kind }) => kind === "load" || kind === "connects");
const print = (line) => process.stdout.write(`${line}\n`);

function loadOf(run, server, scenario) {
  if (scenario.kind === "connects") return connectArguments(server, CONNECTS);
  const load = { ...scenario.load, warmupS: WARMUP_S, measuredS: run.seconds + 0.5 };
  return argumentsOf(server, load, run);
}

/** Loads a fresh server and runs `observe` while it is at work. */
async function underLoad(run, entry, scenario, observe) {
  const server = await startServer(entry, run.serverCore);
  try {
    const load = startLoad(run.generator, run.generatorCore, loadOf(run, server, scenario));
    if (scenario.kind === "load") await load.ready;
    await sleep(WARMUP_S * 1_000);
    const seen = await observe(server);
    // Connects go on until there have been as many as were ordered.
    if (scenario.kind === "connects") await stop(load.child);
    return { seen, report: await load.report };
  } finally {
    await server.stop();
  }
}

async function printFunctions(run, entry, scenario) {
  const { seen, report } = await underLoad(run, entry, scenario, async ({ ask }) => {
    await ask("profile");
    await sleep(run.seconds * 1_000);
    return ask("profiled");
  });
  const cost = report.srv ? ` (${report.srv.us_per_delivery} CPU µs/delivery meanwhile)` : "";
  print(`\n${entry.title}, ${scenario.title}: functions by their own time${cost}`);
  for (const { percent, name, place } of selfTimes(seen, ROWS_MAX)) {
    print(`  ${percent.toFixed(1).padStart(5)} %  ${name.padEnd(34)} ${place}`);
  }
}

async function printShares(run, entry, scenario) {
  const named = { ...entry, nodeOptions: ["--perf-basic-prof"] };
  const { seen: file } = await underLoad(run, named, scenario, ({ child }) => record(child.pid, run.seconds));
  if (file === null) return print("perf may not record here: see kernel.perf_event_paranoid.");
  for (const sort of ["dso", "symbol"]) {
    print(`\n${entry.title}, ${scenario.title}: perf by ${sort}`);
    for (const line of reportLines(file, sort).slice(0, ROWS_MAX)) print(`  ${line}`);
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: "string", default: "3" }, also: { type: "string" } },
    allowPositionals: true,
  });
  const [wanted, ...names] = positionals;
  const scenario = loads.find(({ name }) => name === wanted);
  if (!scenario) throw new Error(`Name a load: ${loads.map(({ name }) => name).join(" ")}.`);
  await beAlone(print);
  const [serverCore, generatorCore] = canPin() ? [0, 1] : [null, null];
  const run = {
    generator: compileGenerator(),
    serverCore,
    generatorCore,
    seconds: Number(values.seconds),
    quick: false,
  };
  const entries = allServers(values.also).filter(({ name }) =>
    (names.length ? names : ["plexline"]).includes(name),
  );
  for (const entry of entries) {
    if (entry.program !== null) await printFunctions(run, entry, scenario);
    if (hasPerf()) await printShares(run, entry, scenario);
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
