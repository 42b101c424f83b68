// The figures as one SVG: a panel of bars for each question, readable on light and on dark pages.
import { number } from "./table.mjs";

const WIDTH = 880;
const MARGIN = 16;
const GAP = 32;
const COLUMN = (WIDTH - 2 * MARGIN - GAP) / 2;
const LABEL = 180;
const VALUE = 62;
const BAR = 14;
const LINE = 20;
const HEAD = 46;

const less = (figure, unit) => ({ figure, unit: `${unit} · less is better` });
const more = (figure, unit) => ({ figure, unit: `${unit} · more is better` });
const PANELS = [
  ["fanout-16", less("usPerDelivery", "CPU µs per delivery")],
  ["fanout-1", less("usPerDelivery", "CPU µs per delivery")],
  ["open-500", more("deliveriesPerS", "deliveries/s, 500,000 offered")],
  ["rooms", less("usPerDelivery", "CPU µs per delivery")],
  ["connects", more("connectsPerS", "connects/s on one core")],
  ["idle", less("rssKb", "KB of process memory per connection")],
];

const STYLE = `text{font:12px system-ui,sans-serif;fill:#3a4256}.title{font-weight:600;font-size:13px;fill:#161b2a}.unit{fill:#6b7385;font-size:11px}
.peer{fill:#9aa3b5}.ours{fill:#6a4dff}.bold{font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#c3cad9}.title{fill:#f1f3f9}.unit{fill:#8f97aa}.peer{fill:#5d667a}.ours{fill:#9d88ff}}`;

const markup = (text) => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

function panel({ scenario, rows }, { figure, unit }, x, y) {
  const shown = rows.filter((row) => row.figures[figure]);
  const top = Math.max(...shown.map((row) => row.figures[figure].median));
  const scale = (COLUMN - LABEL - VALUE) / top;
  const bars = shown.map((row, index) => {
    const { median } = row.figures[figure];
    const isOurs = row.name.startsWith("plexline");
    const barY = y + HEAD + index * LINE;
    const width = Math.max(1, median * scale).toFixed(1);
    const textY = barY + BAR - 3;
    const weight = isOurs ? ' class="bold"' : "";
    return [
      `<text x="${x + LABEL - 8}" y="${textY}" text-anchor="end"${weight}>${markup(row.title)}</text>`,
      `<rect x="${x + LABEL}" y="${barY}" width="${width}" height="${BAR}" rx="2" class="${isOurs ? "ours" : "peer"}"/>`,
      `<text x="${x + LABEL + Number(width) + 6}" y="${textY}"${weight}>${number(median)}</text>`,
    ].join("\n");
  });
  const head = `<text x="${x}" y="${y + 14}" class="title">${markup(scenario.title)}</text>
<text x="${x}" y="${y + 31}" class="unit">${markup(unit)}</text>`;
  return { height: HEAD + shown.length * LINE + GAP, text: [head, ...bars].join("\n") };
}

/** Draws what there is of the panels, two in a row. */
export function drawPlot(results) {
  const found = PANELS.map(([name, what]) => [results.find(({ scenario }) => scenario.name === name), what]);
  const present = found.filter(([result]) => result !== undefined);
  const parts = [];
  let y = MARGIN;
  for (let index = 0; index < present.length; index += 2) {
    const pair = present.slice(index, index + 2).map(([result, what], column) => {
      return panel(result, what, MARGIN + column * (COLUMN + GAP), y);
    });
    parts.push(...pair.map(({ text }) => text));
    y += Math.max(...pair.map(({ height }) => height));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Plexline beside other servers: CPU per delivery, deliveries, connects and memory">
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}
