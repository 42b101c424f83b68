// The figures as tables, and the aims with what came of them.
import { alignedLines, markdownLines, number, withSpread } from "../harness/table.mjs";

const FILE_FACTOR = 50;
const MEMORY_FACTOR = 2;
const DURABLE_SHARE = 0.5;
const CATCH_UP_MAX_MS = 50;
const STALLED_MAX_MIB = 16;

const plain = (key) => (row) => (row.figures[key] ? number(row.figures[key].median) : "–");
const spreadOf = (key) => (row) => withSpread(row.figures[key]);
const pair = (first, second) => (row) => `${plain(first)(row)} / ${plain(second)(row)}`;
const times = (key) => (row) =>
  row.ratios[key] === undefined ? "–" : `${row.ratios[key].toFixed(row.ratios[key] < 10 ? 2 : 0)} ×`;
const SERVER = ["server", ({ title }) => title];
const QUIET = ["quiet rounds", (row) => `${row.quietRounds}/${row.rounds}`];

const COLUMNS = {
  "fan-out": [
    SERVER,
    ["appends/s", spreadOf("appendsPerS")],
    ["deliveries/s", spreadOf("deliveriesPerS")],
    ["of the peer's", times("deliveriesPerS")],
    ["to the readers p50 / p99 ms", pair("p50Ms", "p99Ms")],
    ["acknowledged p50 / p99 ms", pair("ackP50Ms", "ackP99Ms")],
    QUIET,
  ],
  "catch-up": [
    SERVER,
    ["live p50 ms", spreadOf("p50Ms")],
    ["live p99 ms", spreadOf("p99Ms")],
    ["GET p50 / p99 ms", pair("getP50Ms", "getP99Ms")],
    ["100 at once: p50 / last ms", pair("togetherP50Ms", "togetherMs")],
    QUIET,
  ],
  stalled: [
    SERVER,
    ["grown by MiB, nobody stalls", spreadOf("withoutMiB")],
    ["grown by MiB, one stalls", spreadOf("withMiB")],
  ],
};

function cellsOf({ scenario, rows }) {
  const columns = COLUMNS[scenario.kind];
  return [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
}

export function terminalTable(result) {
  const failures = result.rows.filter((row) => row.failure).map((row) => `  ${row.name}: ${row.failure}`);
  return [result.scenario.title, ...alignedLines(cellsOf(result)), ...failures].join("\n");
}

export function markdownTable(result) {
  return [`### ${result.scenario.title}`, "", ...markdownLines(cellsOf(result))].join("\n");
}

const beside = (scenario, ours, peer, factor, text) => ({
  text: `${scenario}: ${text} at least ${factor} times`,
  scenario,
  needs: [ours, peer],
  reach: (rows) => ({ value: rows.get(ours).deliveriesTo(peer), unit: "times" }),
  isMet: (value) => value >= factor,
});
const soon = (name, key, what) => ({
  text: `catch-up: ${what}, p99 under ${CATCH_UP_MAX_MS} ms`,
  scenario: "catch-up",
  needs: [name],
  reach: (rows) => ({ value: rows.get(name).figures[key]?.median, unit: "ms" }),
  isMet: (value) => value < CATCH_UP_MAX_MS,
});

const AIMS = [
  ...["readers-100", "readers-100x16"].flatMap((scenario) => [
    beside(
      scenario,
      "plexline",
      "reference-file",
      FILE_FACTOR,
      "durable, deliveries/s to those of its file store",
    ),
    beside(
      scenario,
      "plexline",
      "plexline-memory",
      DURABLE_SHARE,
      "durable, deliveries/s to those of our memory mode",
    ),
    beside(
      scenario,
      "plexline-memory",
      "reference-memory",
      MEMORY_FACTOR,
      "memory, deliveries/s to those of its memory store",
    ),
  ]),
  soon("plexline", "p99Ms", "durable, event stream"),
  soon("plexline", "getP99Ms", "durable, GET"),
  soon("plexline-memory", "p99Ms", "memory, event stream"),
  soon("plexline-native", "p99Ms", "durable, native wire"),
  {
    text: `stalled: more memory for a reader that stops, at most ${STALLED_MAX_MIB} MiB`,
    scenario: "stalled",
    needs: ["plexline"],
    reach(rows) {
      const { withMiB, withoutMiB } = rows.get("plexline").figures;
      return { value: withMiB && Math.max(0, withMiB.median - Math.max(0, withoutMiB.median)), unit: "MiB" };
    },
    isMet: (value) => value <= STALLED_MAX_MIB,
  },
];

/** Each aim of the scenarios and servers that were run, as `{ line, isMet }`. */
export function aimsOf(results, ratiosWithinRounds) {
  return AIMS.flatMap(({ text, scenario, needs, reach, isMet }) => {
    const found = results.find((result) => result.scenario.name === scenario)?.rows ?? [];
    const rows = new Map(found.map((row) => [row.name, row]));
    if (!needs.every((name) => rows.has(name))) return [];
    for (const row of found)
      row.deliveriesTo = (peer) => ratiosWithinRounds(row.samples, rows.get(peer).samples).deliveriesPerS;
    const { value, unit } = reach(rows);
    const met = value !== undefined && isMet(value);
    const told = value === undefined ? "not measured" : `${number(value)} ${unit}`;
    return [{ line: `  ${met ? "✓" : "✗"} ${text}: ${told}`, isMet: met }];
  });
}
