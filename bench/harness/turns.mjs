// Rounds in which every server has its turn, and what their samples say together.
import { figuresOf } from "./rounds.mjs";
import { median } from "./statistics.mjs";

/**
 * Measures all servers in all rounds; resolves with a row for each. `measure` gets the run, the entry, the scenario and the
 * round; `peer` names the server that ratios are told against, or is a function of an entry that does.
 */
export async function runTurns(run, scenario, { measure, peer }) {
  const entries = run.entries.filter((entry) => scenario.takesPart?.(entry) ?? true);
  const samples = new Map(entries.map(({ name }) => [name, []]));
  for (let round = 0; round < run.rounds; round += 1) {
    // Nobody is always first.
    const order = entries.map((_, index) => entries[(index + round) % entries.length]);
    for (const entry of order) {
      run.progress(`${scenario.name}: round ${round + 1} of ${run.rounds}, ${entry.name}`);
      samples.get(entry.name).push(await measure(run, entry, scenario, round));
    }
  }
  const peerOf = typeof peer === "function" ? peer : () => peer;
  return entries.map((entry) => rowOf(entry, samples, peerOf(entry)));
}

function rowOf({ name, title }, samples, peer) {
  const all = samples.get(name);
  const worked = all.filter(({ failure }) => failure === undefined);
  const calm = worked.filter(({ isQuiet }) => isQuiet);
  const failure = all.find((sample) => sample.failure !== undefined)?.failure;
  return {
    ...{ name, title, rounds: all.length, quietRounds: calm.length, samples: all },
    ...(failure === undefined ? {} : { failure }),
    figures: figuresOf(calm.length > 0 ? calm : worked),
    ratios: ratiosWithinRounds(all, samples.get(peer) ?? []),
  };
}

/** Figures to the peer's of the same round, and the middle of these quotients: machines drift. */
export function ratiosWithinRounds(mine, others) {
  const pairs = mine
    .map((sample, round) => [sample, others[round]])
    .filter(([a, b]) => a.failure === undefined && b !== undefined && b.failure === undefined);
  const calm = pairs.filter(([a, b]) => a.isQuiet && b.isQuiet);
  const used = calm.length > 0 ? calm : pairs;
  const keys = Object.keys(used[0]?.[0] ?? {}).filter((key) => Number.isFinite(used[0][1][key]));
  return Object.fromEntries(keys.map((key) => [key, median(used.map(([a, b]) => a[key] / b[key]))]));
}
