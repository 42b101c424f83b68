// The round robin: all servers of a scenario are up, and each gets its load in turn, in every round.
import { measureConnects, measureIdle } from "./connects.mjs";
import { runLoad } from "./load.mjs";
import { takesPart } from "./scenarios.mjs";
import { startServer } from "./servers.mjs";
import { median, spread } from "./statistics.mjs";

/** The server that ratios are told against: what most people have. */
const BASELINE = "ws-send";

/** Runs one scenario; resolves with the figures of each server by name. */
export async function runScenario(run, scenario) {
  const entries = run.servers.filter((entry) => takesPart(scenario, entry));
  const samples = new Map(entries.map(({ name }) => [name, []]));
  const prepared = scenario.kind === "idle" ? null : await prepare(run, scenario, entries);
  try {
    for (let round = 0; round < run.rounds; round++) {
      // Nobody is always first, or always after the same one.
      const order = entries.map((_, index) => entries[(index + round) % entries.length]);
      for (const entry of order) {
        run.progress(`${scenario.name}: round ${round + 1} of ${run.rounds}, ${entry.name}`);
        samples.get(entry.name).push(await measure(run, scenario, entry, prepared));
      }
    }
  } finally {
    for (const { server } of prepared?.values() ?? []) await server.stop();
  }
  return summarize(entries, samples);
}

async function prepare(run, scenario, entries) {
  const prepared = new Map();
  for (const entry of entries) {
    run.progress(`${scenario.name}: starting ${entry.name}`);
    const server = await startServer(entry, run.serverCore);
    if (server.limits) run.limits = server.limits;
    prepared.set(entry.name, { server, ...(await warmUp(run, scenario, server)) });
  }
  return prepared;
}

/** A load that is not counted, so that nobody is measured cold; half load learns from it what half is. */
async function warmUp(run, scenario, server) {
  if (scenario.kind === "connects") {
    await measureConnects(run, server, { connections: scenario.connections / 4 }, 1);
    return {};
  }
  if (scenario.kind === "load") {
    await runLoad(run, server, { ...scenario.load, warmupS: 0.2, measuredS: 0.4 }, 1);
    return {};
  }
  const saturated = { ...scenario.load, speed: ["-W", "1"], measuredS: 1 };
  const { messagesPerS } = await runLoad(run, server, saturated);
  return { speed: ["-R", String(Math.max(1, Math.round(messagesPerS / 2)))] };
}

async function measure(run, scenario, entry, prepared) {
  if (scenario.kind === "idle") {
    const server = await startServer(entry, run.serverCore);
    try {
      return await measureIdle(run, server, scenario);
    } finally {
      await server.stop();
    }
  }
  const { server, speed } = prepared.get(entry.name);
  if (scenario.kind === "connects") return measureConnects(run, server, scenario);
  return runLoad(run, server, speed ? { ...scenario.load, speed } : scenario.load);
}

function summarize(entries, samples) {
  const primary = ({ usPerDelivery, connectsPerS, rssKb }) => usPerDelivery ?? connectsPerS ?? rssKb;
  return entries.map(({ name, title }) => {
    const all = samples.get(name);
    const worked = all.filter((sample) => sample.failure === undefined);
    const quiet = worked.filter((sample) => sample.isQuiet);
    const used = quiet.length > 0 ? quiet : worked;
    const failure = all.find((sample) => sample.failure !== undefined)?.failure;
    const ratioTo = (other) => ratiosWithinRounds(all, samples.get(other), primary);
    return {
      name,
      title,
      rounds: all.length,
      quietRounds: quiet.length,
      ...(failure === undefined ? {} : { failure }),
      figures: figuresOf(used),
      ratios: {
        [BASELINE]: ratioTo(BASELINE),
        "ws-json": ratioTo("ws-json"),
        "ws-batch": ratioTo("ws-batch"),
      },
      samples: all,
    };
  });
}

/** The figures of several samples, each with its spread. */
export function figuresOf(samples) {
  const keys = new Set(samples.flatMap((sample) => Object.keys(sample)));
  const figures = {};
  for (const key of keys) {
    const values = samples.map((sample) => sample[key]).filter(Number.isFinite);
    if (values.length > 0) figures[key] = spread(values);
  }
  if (keys.has("held")) figures.held = samples.every((sample) => sample.held);
  return figures;
}

/** The machine drifts: only figures of one round are compared, and the middle of these quotients is told. */
function ratiosWithinRounds(mine, others, primary) {
  if (!others) return null;
  const pairs = mine
    .map((sample, round) => [sample, others[round]])
    .filter(([a, b]) => !a.failure && b && !b.failure);
  const quiet = pairs.filter(([a, b]) => a.isQuiet && b.isQuiet);
  const used = quiet.length > 0 ? quiet : pairs;
  return used.length === 0 ? null : median(used.map(([a, b]) => primary(a) / primary(b)));
}
