// The results of a run that counts: every sample as JSON, the plot, and the tables of the page about performance.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { aimLines } from "./aims.mjs";
import { drawPlot } from "./plot.mjs";
import { markdownLines, markdownTable } from "./table.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = here("../../docs/performance.md");

/** Writes all of it; returns the path of the samples. */
export function publish(record) {
  mkdirSync(here("../results"), { recursive: true });
  const file = here(`../results/${record.startedAt.toISOString().slice(0, 10)}.json`);
  writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
  writeFileSync(here("../../docs/performance.svg"), drawPlot(record.results));
  const tables = record.results.map(({ scenario, rows }) => markdownTable(scenario, rows));
  let page = readFileSync(PAGE, "utf8");
  page = replaceBetween(page, "machine", describeRun(record));
  page = replaceBetween(page, "aims", markdownLines(aimLines(record.results), 2).join("\n"));
  page = replaceBetween(page, "figures", tables.join("\n\n"));
  writeFileSync(PAGE, page);
  return file;
}

/** What stands between two comments of the page is the benchmark's; everything else is written by hand. */
function replaceBetween(page, name, text) {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}.`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

function describeRun({ startedAt, machine, rounds, limits }) {
  const day = startedAt.toISOString().slice(0, 10);
  const pinned = machine.pinned ? "server on core 0, generator on core 1" : "not pinned";
  return `${day}: ${machine.cpu}, ${machine.cores} cores (${pinned}), ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}; ${rounds} rounds. Limits of Plexline that were raised, every other as shipped: \`${JSON.stringify(limits)}\`.`;
}
