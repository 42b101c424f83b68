// Linux `perf`, where it is installed: which part of the time is the kernel's, the interpreter's or our own.
import { once } from "node:events";
import { join } from "node:path";
import { outputOf } from "./machine.mjs";
import { scratch, start } from "./scratch.mjs";

const FREQUENCY_HZ = 997;
const PERCENT_MIN = 0.8;

export const hasPerf = () => outputOf("perf", ["--version"]) !== null;

/** Samples a process; resolves with the path of the recording, or null where the system does not allow it. */
export async function record(pid, seconds) {
  const file = join(scratch, `perf-${pid}.data`);
  const what = ["-q", "-F", String(FREQUENCY_HZ), "-e", "cpu-clock", "-o", file, "-p", String(pid)];
  const child = start(null, ["perf", "record", ...what, "--", "sleep", String(seconds)], { stdio: "ignore" });
  const [code] = await once(child, "close");
  return code === 0 ? file : null;
}

/** Lines of a report by `dso` (kernel, node, compiled JavaScript) or by `symbol`. */
export function reportLines(file, sort) {
  const how = ["--no-children", "--sort", sort, "--percent-limit", String(PERCENT_MIN), "--stdio"];
  const text = outputOf("perf", ["report", "-i", file, ...how]) ?? "";
  const isRow = (line) => /^\s+\d+\.\d+%/.test(line);
  return text
    .split("\n")
    .filter(isRow)
    .map((line) => line.trim().replace(/\s+-\s+-$/, ""));
}
