// One load on one server: the generator's arguments, and what is kept of its report.
import { startLoad } from "./generator.mjs";
import { withOthers } from "./machine.mjs";

/** More than this share of a core for anything else, and a load is repeated. */
export const OTHERS_CORE_MAX = 0.15;
/** How often a load is tried on a machine that is not quiet. */
export const triesOf = ({ quick }) => (quick ? 1 : 3);
const LOAD_TIME_MAX_S = 30;

let loads = 0;

/** A room that no earlier load has used: sessions that a server still remembers from those receive nothing. */
const newRoom = () => `l${process.pid}x${++loads}x%r`;

export function argumentsOf(server, load, { quick }) {
  const shorter = quick ? 0.6 : 1;
  return [
    ...server.speak({ room: newRoom(), apart: load.apart }),
    ...["-p", String(server.port), "-n", String(load.connections), "-s", String(load.senders)],
    ...["-r", String(load.rooms), "-E", String(load.expect), ...load.speed],
    ...["-w", String(load.warmupS * shorter), "-t", String(load.measuredS * shorter)],
    ...["--spin", "--rst", "--pid", String(server.child.pid), "--max-time", String(LOAD_TIME_MAX_S)],
  ];
}

/** Runs a load until the machine left it alone, or it has been tried often enough; `othersCore` tells. */
export async function runLoad(run, server, load, tries = triesOf(run)) {
  for (let left = tries; ; left--) {
    const { result, othersCore } = await withOthers(
      [server.child.pid],
      () => startLoad(run.generator, run.generatorCore, argumentsOf(server, load, run)).report,
    );
    const isQuiet = othersCore <= OTHERS_CORE_MAX;
    if (!isQuiet && left > 1) continue;
    return { ...figuresOf(result, load), othersCore, isQuiet };
  }
}

function figuresOf(report, load) {
  if (!report.srv || report.errors.closed > 0) return { failure: failureOf(report) };
  return {
    usPerDelivery: report.srv.us_per_delivery,
    deliveriesPerS: report.deliveries_per_s,
    core: report.srv.cpu,
    userPercent: report.srv.user_pct,
    p50Ms: report.lat_us.p50 / 1_000,
    p99Ms: report.lat_us.p99 / 1_000,
    missing: report.missing,
    messagesPerS: report.sent_per_s,
    // A server that falls behind delivers less than is offered, and what is under way grows.
    ...(load.deliveriesPerS ? { held: report.deliveries_per_s >= 0.98 * load.deliveriesPerS } : {}),
  };
}

function failureOf({ complaint, errors, opened, ready }) {
  return `${complaint || "failed"} (opened ${opened}, ready ${ready}, ${JSON.stringify(errors)})`;
}
