// Documents beside the Hocuspocus server, in one run: joining, opening, typing. Ends with code 1 if an aim is missed.
//   node bench/documents.mjs [scenario…] [--rounds N] [--quick] [--servers a,b] [--profile] [--markdown]
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { placesOf, startClients } from "./documents/clients.mjs";
import { createContent, digestOfUpdates, structsOf } from "./documents/content.mjs";
import { measureOnce, SCENARIOS, seededNames, WARM_UP } from "./documents/scenarios.mjs";
import { aimsOf, markdownTable, terminalTable } from "./documents/table.mjs";
import { verify } from "./documents/verify.mjs";
import { beAlone } from "./harness/alone.mjs";
import { canPin, describeMachine } from "./harness/machine.mjs";
import { untilQuiet } from "./harness/observe.mjs";
import { installPeers } from "./harness/peers.mjs";
import { pick } from "./harness/pick.mjs";
import { scratch } from "./harness/scratch.mjs";
import { startServer } from "./harness/servers.mjs";
import { runTurns } from "./harness/turns.mjs";

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

const PLEXLINE = { program: here("documents/server.mjs"), store: "plexline" };
const HOCUSPOCUS = { program: here("peers/hocuspocus.mjs"), store: "hocuspocus" };
const ENTRIES = [
  { ...HOCUSPOCUS, name: "hocuspocus", title: "Hocuspocus 4.7.0, SQLite", wire: "hocuspocus" },
  { ...PLEXLINE, name: "plexline", title: "Plexline, the same wire", wire: "hocuspocus" },
  { ...PLEXLINE, name: "plexline-y-websocket", title: "Plexline, y-websocket wire", wire: "y-websocket" },
  { ...PLEXLINE, name: "plexline-native", title: "Plexline, native wire", wire: "native" },
];
const USAGE = `node bench/documents.mjs [scenario…] [options]
  scenarios     ${SCENARIOS.map(({ name }) => name).join(" ")} (default: all)
  --rounds N    rounds of every scenario (default 5)
  --quick       1 round, less typing: an impression, not a measurement
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
    clients: await startClients(clientCore),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
    quick: values.quick,
    progress,
    limits: null,
    async startServer(entry) {
      const directory = join(scratch, entry.store);
      mkdirSync(directory, { recursive: true });
      const server = await startServer({ ...entry, environment: { BENCH_DIRECTORY: directory } }, serverCore);
      run.limits ??= server.limits ?? null;
      return server;
    },
  };
  if (values.profile) run.profile = (rows) => print(rows.map(profileLine).join("\n"));
  return run;
}

const profileLine = ({ percent, name, place }) =>
  `  ${percent.toFixed(1).padStart(5)} %  ${name.padEnd(34)} ${place}`;

/** Writes the documents into every store over the wire, and looks once with a real provider at what is there then. */
async function fill(run, expected) {
  const stores = new Map(run.entries.map((entry) => [entry.store, { ...entry, wire: "hocuspocus" }]));
  for (const entry of stores.values()) {
    progress(`writing documents: ${entry.name}`);
    const server = await run.startServer(entry);
    const { wire, port } = server;
    await run.clients.order("seed", { wire, port, places: placesOf(seededNames()) });
    await untilQuiet(server);
    await server.stop();
    const again = await run.startServer(entry);
    await verify(again, { ...placesOf([WARM_UP])[0], expected });
    await again.stop();
  }
}

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
  const updates = createContent();
  const bytes = updates.reduce((sum, { length }) => sum + length, 0);
  print(
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)}`,
  );
  print(`A document: ${bytes} bytes in ${updates.length} updates, ${structsOf(updates)} structs.`);
  await fill(run, digestOfUpdates(updates));
  print("A real provider has found the same document on both, after a restart.");
  const results = [];
  for (const scenario of scenarios) {
    const result = {
      scenario,
      rows: await runTurns(run, scenario, { measure: measureOnce, peer: HOCUSPOCUS.store }),
    };
    progress("");
    print(`\n${values.markdown ? markdownTable(result) : terminalTable(result)}`);
    results.push(result);
  }
  print(`\nLimits of Plexline that were raised, all others as shipped: ${JSON.stringify(run.limits)}`);
  const file = join(tmpdir(), `plexline-documents-${startedAt.getTime()}.json`);
  writeFileSync(file, JSON.stringify({ startedAt, machine, rounds: run.rounds, quick: run.quick, results }));
  print(`Every sample: ${file}`);
  const aims = aimsOf(results);
  print(`\nAims, beside Hocuspocus in the same round\n${aims.map(({ line }) => line).join("\n")}`);
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
