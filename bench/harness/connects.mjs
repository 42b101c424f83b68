// How many connections a server takes in a second, and how much memory one costs that does nothing.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "./generator.mjs";
import { OTHERS_CORE_MAX, triesOf } from "./load.mjs";
import { withOthers } from "./machine.mjs";
import { stop } from "./scratch.mjs";

const SETTLE_MS = 1_000;
const HOLD_S = 60;
/** As many rooms from the first connection on, so that only connections are added. */
const IDLE_ROOMS = 500;

/** The generator's arguments for connections that are closed as soon as they have been let in. */
export function connectArguments(server, connections) {
  return [
    ...server.speak({ room: "connects", connectOnly: true, apart: false }),
    ...["-p", String(server.port), "-n", String(connections), "-c", "64"],
    ...["--churn", "--pid", String(server.child.pid), "--max-time", "30"],
  ];
}

/** Each connection is closed as soon as it has been let in. */
export async function measureConnects(run, server, { connections }, tries = triesOf(run)) {
  const args = connectArguments(server, run.quick ? connections / 2 : connections);
  for (let left = tries; ; left--) {
    const { result, othersCore } = await withOthers(
      [server.child.pid],
      () => startLoad(run.generator, run.generatorCore, args).report,
    );
    const isQuiet = othersCore <= OTHERS_CORE_MAX;
    if (!isQuiet && left > 1) continue;
    if (!result.ok)
      return { failure: result.complaint || JSON.stringify(result.errors), othersCore, isQuiet };
    const { ready_per_s: connectsPerS, ramp_cpu_us_per_conn: usPerConnect } = result;
    return { connectsPerS, usPerConnect, othersCore, isQuiet };
  }
}

/** Memory at `to` connections less memory at `from`, each after a collection. The server must be a fresh one. */
export async function measureIdle(run, server, { from, to }) {
  const holders = [];
  const hold = async (connections) => {
    const args = [
      ...server.speak({ room: "idle%r", apart: false }),
      ...[
        "-p",
        String(server.port),
        "-n",
        String(connections),
        "-r",
        String(IDLE_ROOMS),
        "--hold",
        String(HOLD_S),
      ],
      ...["--rst", "--max-time", String(HOLD_S + 30)],
    ];
    const holder = startLoad(run.generator, run.generatorCore, args);
    holders.push(holder);
    await holder.ready;
    if (holder.child.exitCode !== null) throw new Error((await holder.report).complaint);
    await sleep(SETTLE_MS);
    return memoryOf(server);
  };
  try {
    const before = await hold(from);
    const after = await hold(to - from);
    const each = (key) => (after[key] - before[key]) / (to - from) / 1_024;
    return { rssKb: each("rss"), heapKb: each("heapUsed"), isQuiet: true, othersCore: 0 };
  } catch (error) {
    return { failure: error.message, isQuiet: true, othersCore: 0 };
  } finally {
    for (const holder of holders) await stop(holder.child);
  }
}

async function memoryOf({ ask, child }) {
  const told = ask ? await ask("memory") : { heapUsed: Number.NaN };
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
  return { rss: Number(kilobytes) * 1_024, heapUsed: told.heapUsed };
}
