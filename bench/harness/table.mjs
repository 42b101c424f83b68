// Figures as text: aligned for a terminal, or as a Markdown table.

const digits = (value) => (value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3);
export const number = (value) =>
  Number.isFinite(value) ? value.toLocaleString("en-US", { maximumFractionDigits: digits(value) }) : "–";
export const withSpread = (figure) =>
  figure ? `${number(figure.median)} [${number(figure.min)}..${number(figure.max)}]` : "–";
const middle = (figure) => (figure ? number(figure.median) : "–");
const ratio = (value) => (value === null ? "–" : `${value.toFixed(value < 0.2 ? 3 : 2)} ×`);

const COMMON = {
  server: (row) => row.title,
  ws: (row) => ratio(row.ratios["ws-send"]),
  batch: (row) => ratio(row.ratios["ws-batch"]),
  json: (row) => ratio(row.ratios["ws-json"]),
  quiet: (row) => `${row.quietRounds}/${row.rounds}`,
};

const LOAD_COLUMNS = [
  ["server", COMMON.server],
  ["CPU µs/delivery", (row) => withSpread(row.figures.usPerDelivery)],
  ["of ws send()", COMMON.ws],
  ["of ws JSON", COMMON.json],
  ["of ws batches", COMMON.batch],
  ["deliveries/s", (row) => middle(row.figures.deliveriesPerS)],
  ["core", (row) => (row.figures.core ? `${Math.round(row.figures.core.median * 100)} %` : "–")],
  ["p50 / p99 ms", (row) => `${middle(row.figures.p50Ms)} / ${middle(row.figures.p99Ms)}`],
];
const HELD = ["held", (row) => (row.figures.held === undefined ? "–" : row.figures.held ? "yes" : "no")];
const QUIET = ["quiet rounds", COMMON.quiet];

function columnsOf({ kind, load }) {
  if (kind === "connects") {
    return [
      ["server", COMMON.server],
      ["connects/s", (row) => withSpread(row.figures.connectsPerS)],
      ["of ws", COMMON.ws],
      ["CPU µs/connect", (row) => middle(row.figures.usPerConnect)],
      QUIET,
    ];
  }
  if (kind === "idle") {
    return [
      ["server", COMMON.server],
      ["process KB/connection", (row) => withSpread(row.figures.rssKb)],
      ["of ws", COMMON.ws],
      ["JavaScript heap KB", (row) => middle(row.figures.heapKb)],
    ];
  }
  const offered = ["messages/s", (row) => middle(row.figures.messagesPerS)];
  if (kind === "half-load") return [...LOAD_COLUMNS, offered, QUIET];
  return load.deliveriesPerS ? [...LOAD_COLUMNS, HELD, QUIET] : [...LOAD_COLUMNS, QUIET];
}

function cellsOf(scenario, rows) {
  const columns = columnsOf(scenario);
  const body = rows.map((row) => columns.map(([, cell]) => cell(row)));
  return [columns.map(([title]) => title), ...body];
}

/** Lines of cells in columns; the first `left` columns are words, the others figures. */
export function alignedLines(lines, left = 1) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return lines.map((line) => `  ${line.map(pad).join("  ")}`);
}

/** The same as a Markdown table. */
export function markdownLines([head, ...body], left = 1) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column < left ? "---" : "---:"))), ...body.map(line)];
}

export function terminalTable(scenario, rows) {
  const failures = rows.filter((row) => row.failure).map((row) => `  ${row.name}: ${row.failure}`);
  return [scenario.title, ...alignedLines(cellsOf(scenario, rows)), ...failures].join("\n");
}

export function markdownTable(scenario, rows) {
  return [`### ${scenario.title}`, "", ...markdownLines(cellsOf(scenario, rows))].join("\n");
}
