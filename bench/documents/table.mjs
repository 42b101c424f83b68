// The figures as tables, and the aims with what came of them.
import { alignedLines, markdownLines, number, withSpread } from "../harness/table.mjs";

const JOIN_FACTOR = 15;
const MEMORY_SHARE = 0.1;
const STALL_MAX_MS = 25;
const MEASURED = "plexline";
const PEER = "hocuspocus";

const plain = (key) => (row) => (row.figures[key] ? number(row.figures[key].median) : "–");
const spreadOf = (key) => (row) => withSpread(row.figures[key]);
const pair = (first, second) => (row) => `${plain(first)(row)} / ${plain(second)(row)}`;
const quiet = (row) => `${row.quietRounds}/${row.rounds}`;
const SERVER = ["server", ({ title }) => title];
const QUIET = ["quiet rounds", quiet];
const joining = (part) => [
  [`${part}: ms until all have it`, spreadOf(`${part}Ms`)],
  ["longest stall ms", spreadOf(`${part}StallMs`)],
  ["computed on end ms", plain(`${part}OwnStallMs`)],
  ["CPU ms", plain(`${part}CpuMs`)],
  ["RSS peak MiB above idle", spreadOf(`${part}PeakMiB`)],
];

const COLUMNS = {
  join: [SERVER, ...joining("cold"), ...joining("warm"), QUIET],
  open: [
    SERVER,
    ...joining("open"),
    ["MiB/document open", spreadOf("openMiB")],
    ["after all left", plain("leftMiB")],
    QUIET,
  ],
  typing: [
    SERVER,
    ["CPU µs/update", spreadOf("usPerUpdate")],
    ["to the peer p50 / p99 ms", pair("p50Ms", "p99Ms")],
    ["to “saved” p50 / p99 ms", pair("savedP50Ms", "savedP99Ms")],
    ["longest stall ms", spreadOf("typeStallMs")],
    ["KiB/room", spreadOf("roomKiB")],
    QUIET,
  ],
};

function cellsOf({ scenario, rows }) {
  const columns = COLUMNS[scenario.name];
  return [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
}

export function terminalTable(result) {
  const failures = result.rows.filter((row) => row.failure).map((row) => `  ${row.name}: ${row.failure}`);
  return [result.scenario.title, ...alignedLines(cellsOf(result)), ...failures].join("\n");
}

export function markdownTable(result) {
  return [`### ${result.scenario.title}`, "", ...markdownLines(cellsOf(result))].join("\n");
}

const stall = (scenario, key) => ({
  text: `${scenario}: longest stall (${key.replace("StallMs", "")}) at most ${STALL_MAX_MS} ms`,
  scenario,
  reach: (ours) => ours.figures[key] && { value: ours.figures[key].median, unit: "ms" },
  isMet: (value) => value <= STALL_MAX_MS,
});
const faster = (scenario, key, what) => ({
  text: `${scenario}: ${what} at least ${JOIN_FACTOR} times faster`,
  scenario,
  reach: (ours) => ours.ratios[key] && { value: 1 / ours.ratios[key], unit: "times" },
  isMet: (value) => value >= JOIN_FACTOR,
});
const smaller = (scenario, key, what) => ({
  text: `${scenario}: ${what} at most ${MEMORY_SHARE} times`,
  scenario,
  reach: (ours) => ours.ratios[key] && { value: ours.ratios[key], unit: "times" },
  isMet: (value) => value <= MEMORY_SHARE,
});

const AIMS = [
  faster("join", "coldMs", "cold"),
  faster("join", "warmMs", "warm"),
  smaller("join", "coldPeakMiB", "cold peak memory"),
  smaller("join", "warmPeakMiB", "warm peak memory"),
  stall("join", "coldStallMs"),
  stall("join", "warmStallMs"),
  faster("open", "openMs", "opening"),
  smaller("open", "openPeakMiB", "peak memory"),
  smaller("open", "openMiB", "memory of an open document"),
  stall("open", "openStallMs"),
  stall("typing", "typeStallMs"),
];

/** Each aim of the scenarios that were run, as `{ line, isMet }`. */
export function aimsOf(results) {
  return AIMS.flatMap(({ text, scenario, reach, isMet }) => {
    const rows = results.find((result) => result.scenario.name === scenario)?.rows;
    const ours = rows?.find(({ name }) => name === MEASURED);
    if (!ours || !rows.some(({ name }) => name === PEER)) return [];
    const reached = reach(ours);
    const met = reached ? isMet(reached.value) : false;
    const told = reached ? `${number(reached.value)} ${reached.unit}` : "not measured";
    return [{ line: `  ${met ? "✓" : "✗"} ${text}: ${told}`, isMet: met }];
  });
}
