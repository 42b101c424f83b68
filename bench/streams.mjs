// Streams beside the Durable Streams reference server, in one run: appending, following, coming back. Ends with code 1 if an
// aim is missed.
//   node bench/streams.mjs [scenario…] [--rounds N] [--quick] [--servers a,b] [--profile] [--markdown]
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { beAlone } from "./harness/alone.mjs";
import { canPin, describeMachine } from "./harness/machine.mjs";
import { startClients } from "./harness/orders.mjs";
import { installPeers } from "./harness/peers.mjs";
import { pick } from "./harness/pick.mjs";
import { scratch } from "./harness/scratch.mjs";
import { startServer } from "./harness/servers.mjs";
import { ratiosWithinRounds, runTurns } from "./harness/turns.mjs";
import { measureOnce, SCENARIOS } from "./streams/scenarios.mjs";
import { aimsOf, markdownTable, terminalTable } from "./streams/table.mjs";

const OPTIONS = {
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  servers: { type: "string" },
  profile: { type: "boolean", default: false },
  markdown: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
};
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const print = (line) => process.stdout.write(`${line}\n`);
const progress = (line) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${line}`);

const PLEXLINE = { program: here("streams/server.mjs") };
const REFERENCE = { program: here("peers/durable-streams.mjs"), wire: "sse" };
const DURABLE = { store: "file", isDurable: true, peer: "reference-file" };
const MEMORY = { store: "memory", peer: "reference-memory" };
const ENTRIES = [
  { ...REFERENCE, ...DURABLE, name: "reference-file", title: "Reference 0.3.7, file store" },
  { ...REFERENCE, ...MEMORY, name: "reference-memory", title: "Reference 0.3.7, memory" },
  { ...PLEXLINE, ...DURABLE, name: "plexline", title: "Plexline durable, the same wire", wire: "sse" },
  { ...PLEXLINE, ...MEMORY, name: "plexline-memory", title: "Plexline memory, the same wire", wire: "sse" },
  {
    ...PLEXLINE,
    ...DURABLE,
    name: "plexline-native",
    title: "Plexline durable, native wire",
    wire: "native",
  },
  {
    ...PLEXLINE,
    ...MEMORY,
    name: "plexline-native-memory",
    title: "Plexline memory, native wire",
    wire: "native",
  },
];
const USAGE = `node bench/streams.mjs [scenario…] [options]
  scenarios     ${SCENARIOS.map(({ name }) => name).join(" ")} (default: all)
  --rounds N    rounds of every scenario (default 5)
  --quick       1 round, shorter loads: an impression, not a measurement
  --servers a,b only these of ${ENTRIES.map(({ name }) => name).join(" ")}
  --profile     where the time of each server goes, as V8 samples it; it costs time itself
  --markdown    tables in Markdown`;

async function prepare(values) {
  if (process.platform !== "linux") throw new Error("The benchmark reads /proc: it needs Linux.");
  if (!existsSync(here("../packages/server/dist/index.js")))
    throw new Error("There is no build: npm run build.");
  installPeers(print);
  const [serverCore, clientCore] = canPin() ? [0, 1] : [null, null];
  if (serverCore === null) print("Not pinned: this needs two cores and taskset. Figures will wander.");
  const run = {
    entries: pick(ENTRIES, values.servers?.split(",") ?? [], "server"),
    clients: await startClients(here("streams/generator.mjs"), clientCore),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
    quick: values.quick,
    progress,
    limits: null,
    async startServer(entry, name) {
      const directory = join(scratch, `${entry.name}-${name}`);
      mkdirSync(directory, { recursive: true });
      const environment = { BENCH_DIRECTORY: directory, BENCH_STORE: entry.store };
      const server = await startServer({ ...entry, environment }, serverCore);
      run.limits ??= server.limits ?? null;
      return server;
    },
  };
  if (values.profile) run.profile = (rows) => print(rows.map(profileLine).join("\n"));
  return run;
}

const profileLine = ({ percent, name, place }) =>
  `  ${percent.toFixed(1).padStart(5)} %  ${name.padEnd(34)} ${place}`;

async function main() {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const scenarios = pick(SCENARIOS, positionals, "scenario");
  await beAlone(print);
  const run = await prepare(values);
  const startedAt = new Date();
  const machine = describeMachine();
  print(
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)}`,
  );
  const results = [];
  for (const scenario of scenarios) {
    const rows = await runTurns(run, scenario, { measure: measureOnce, peer: ({ peer }) => peer });
    const result = { scenario, rows };
    progress("");
    print(`\n${values.markdown ? markdownTable(result) : terminalTable(result)}`);
    results.push(result);
  }
  print(`\nLimits of Plexline that were raised, all others as shipped: ${JSON.stringify(run.limits)}`);
  const file = join(tmpdir(), `plexline-streams-${startedAt.getTime()}.json`);
  writeFileSync(file, JSON.stringify({ startedAt, machine, rounds: run.rounds, quick: run.quick, results }));
  print(`Every sample: ${file}`);
  const aims = aimsOf(results, ratiosWithinRounds);
  print(`\nAims, in the same round\n${aims.map(({ line }) => line).join("\n")}`);
  const failed = results.some(({ rows }) => rows.some(({ failure }) => failure !== undefined));
  await run.clients.stop();
  return failed || aims.some(({ isMet }) => !isMet) ? 1 : 0;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}
