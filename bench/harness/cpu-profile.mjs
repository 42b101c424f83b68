// A V8 CPU profile as functions by their own time, told by the lines of the sources they were built from.
import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const maps = new Map();

function mapOf(file) {
  if (!maps.has(file)) {
    const map = `${file}.map`;
    maps.set(file, existsSync(map) ? new SourceMap(JSON.parse(readFileSync(map, "utf8"))) : null);
  }
  return maps.get(file);
}

/** `file:line`, of the TypeScript where a build has a map; empty for what is native. */
function placeOf({ url, lineNumber, columnNumber }) {
  if (url === "") return "";
  if (!url.startsWith("file:")) return `${url}:${lineNumber + 1}`;
  const file = fileURLToPath(url);
  const map = mapOf(file);
  if (map === null) return `${relative(process.cwd(), file)}:${lineNumber + 1}`;
  const { originalSource, originalLine } = map.findEntry(lineNumber, columnNumber);
  return `${relative(process.cwd(), resolve(dirname(file), originalSource))}:${originalLine + 1}`;
}

/** Neither is work of the server: nothing to do, and the profiler's own start and stop. */
const isOverhead = ({ functionName, url }) =>
  functionName === "(idle)" || (functionName === "dispatch" && url === "");

/** Functions by their own time, in percent of the time that the server worked. */
export function selfTimes({ nodes, samples, timeDeltas }, rowsMax) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map();
  let busyUs = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    if (isOverhead(frame)) return;
    const key = `${frame.functionName}\n${frame.url}\n${frame.lineNumber}`;
    const entry = functions.get(key) ?? { frame, us: 0 };
    entry.us += timeDeltas[index];
    busyUs += timeDeltas[index];
    functions.set(key, entry);
  });
  const sorted = [...functions.values()].sort((a, b) => b.us - a.us).slice(0, rowsMax);
  return sorted.map(({ frame, us }) => ({
    percent: (100 * us) / busyUs,
    name: frame.functionName || "(anonymous)",
    place: placeOf(frame),
  }));
}
