// What is done to every server. Each sample is of a fresh process and a fresh stream.

import { collectedMiB, observe, untilQuiet } from "../harness/observe.mjs";
import { serviceToken, userTokens } from "../harness/tokens.mjs";

const READERS_MAX = 500;
const tokens = userTokens(READERS_MAX);
/** Before that, a load that is not counted: nobody is measured cold. */
const COLD_S = 1.5;
const WARM_UP_S = 0.5;
const MEASURED_S = 2.5;
const QUICK_S = 1;
/** Tokens of the run that somebody comes back to. */
export const RUN_TOKENS = 2_000;
const RECONNECTS = 300;
const QUICK_RECONNECTS = 100;
const TOGETHER = 100;
const STALLED_MIB = 100;
const QUICK_STALLED_MIB = 25;
const STALLED_TOKEN_BYTES = 64 * 1_024;

const placeOf = ({ wire, port }, path) => ({ wire, port, path, producerToken: serviceToken });

const fanOut = (readers, inFlight) => ({
  name: `readers-${readers}${inFlight === 1 ? "" : `x${inFlight}`}`,
  title: `${readers} ${readers === 1 ? "reader" : "readers"}, ${inFlight === 1 ? "one append" : `${inFlight} appends`} under way`,
  kind: "fan-out",
  async measure(run, server) {
    const place = placeOf(server, "run");
    await run.clients.order("create", place);
    await run.clients.order("follow", { ...place, tokens: tokens.slice(0, readers) });
    await run.clients.order("append", { ...place, inFlight: 16, warmUpS: 0, seconds: COLD_S });
    const seconds = run.quick ? QUICK_S : MEASURED_S;
    const load = { ...place, inFlight, warmUpS: WARM_UP_S, seconds };
    const seen = await observe(run, server, () => run.clients.order("append", load));
    if (seen.missing > 0) throw new Error(`${seen.missing} deliveries are missing.`);
    const { appendsPerS, deliveriesPerS, p50Ms, p99Ms, ackP50Ms, ackP99Ms, stallMs, isQuiet } = seen;
    return { appendsPerS, deliveriesPerS, p50Ms, p99Ms, ackP50Ms, ackP99Ms, stallMs, isQuiet };
  },
});

const catchUp = {
  name: "catch-up",
  title: `Coming back to a run of ${RUN_TOKENS} tokens with nothing, until all of it is there`,
  kind: "catch-up",
  async measure(run, server) {
    const place = placeOf(server, "run");
    await run.clients.order("create", { ...place, fill: RUN_TOKENS });
    await untilQuiet(server);
    const back = { ...place, count: RUN_TOKENS, tokens: tokens.slice(0, TOGETHER) };
    const times = run.quick ? QUICK_RECONNECTS : RECONNECTS;
    const live = await observe(run, server, () => run.clients.order("reconnect", { ...back, times }));
    const { p50Ms, p99Ms, togetherP50Ms, togetherMs, isQuiet } = live;
    const sample = { p50Ms, p99Ms, togetherP50Ms, togetherMs, isQuiet };
    if (server.wire === "native") return sample;
    const got = await run.clients.order("reconnect", { ...back, wire: "get", times });
    return { ...sample, getP50Ms: got.p50Ms, getP99Ms: got.p99Ms };
  },
};

const stalledReader = {
  name: "stalled",
  title: `${STALLED_MIB} MiB appended (${QUICK_STALLED_MIB} with --quick), 4 readers, and one more that stops reading`,
  kind: "stalled",
  takesPart: ({ isDurable, wire }) => isDurable && wire === "sse",
  async measure(run, server) {
    const bytes = (run.quick ? QUICK_STALLED_MIB : STALLED_MIB) * 2 ** 20;
    const grown = {};
    for (const [key, hasStalled] of [
      ["withoutMiB", false],
      ["withMiB", true],
    ]) {
      const place = placeOf(server, `run-${key}`);
      await run.clients.order("create", place);
      await run.clients.order("follow", { ...place, tokens: tokens.slice(0, 4), hasStalled });
      const before = await collectedMiB(server);
      const load = { ...place, bytes, tokenBytes: STALLED_TOKEN_BYTES, inFlight: 1 };
      const { missing, stalledGot, count } = await run.clients.order("appendBytes", load);
      if (missing > 0) throw new Error(`${missing} deliveries are missing.`);
      if (hasStalled && stalledGot >= count) throw new Error("The reader did not stall.");
      grown[key] = (await collectedMiB(server)) - before;
      await run.clients.order("reset");
    }
    return { ...grown, isQuiet: true };
  },
};

export const SCENARIOS = [
  ...[1, 10, 100, 500].flatMap((readers) => [fanOut(readers, 1), fanOut(readers, 16)]),
  catchUp,
  stalledReader,
];

/** One sample of one server, in a process that is started for it. */
export async function measureOnce(run, entry, scenario, round) {
  let server = null;
  try {
    server = await run.startServer(entry, `${scenario.name}-${round}`);
    server.idleMiB = await collectedMiB(server);
    return await scenario.measure(run, server);
  } catch (error) {
    return { failure: error.message };
  } finally {
    await run.clients.order("reset");
    await server?.stop();
  }
}
