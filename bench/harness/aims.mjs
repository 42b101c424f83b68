// What was aimed at before it was measured, and what came of it.

const find = (results, scenario, server) =>
  results.find((result) => result.scenario.name === scenario)?.rows.find(({ name }) => name === server);
const times = (value) => `${value.toFixed(value < 0.2 ? 3 : 2)} ×`;

/** A ratio to another server in the same rounds. */
const ratioAim = (work, scenario, other, aim, isMet, limit) => ({
  work,
  aim,
  reach(results, server) {
    const ratio = find(results, scenario, server)?.ratios[other];
    return ratio ? { text: times(ratio), isMet: isMet(ratio, limit) } : null;
  },
});
const atMost = (ratio, limit) => ratio <= limit;
const atLeast = (ratio, limit) => ratio >= limit;

const OPEN_P99_MS = 15;
const IDLE_KB = 8;

const AIMS = [
  ratioAim("fan-out, 16 in flight", "fanout-16", "ws-send", "≤ 1/14 of ws send()", atMost, 1 / 14),
  ratioAim("fan-out, 16 in flight", "fanout-16", "ws-batch", "≤ 1.15 × ws room batches", atMost, 1.15),
  ratioAim("fan-out, one at a time", "fanout-1", "ws-send", "≤ 0.85 × ws send()", atMost, 0.85),
  ratioAim("500 rooms × 4", "rooms", "ws-json", "≤ 1 × ws with JSON", atMost, 1),
  {
    work: "open loop, 500 messages/s × 1,000",
    aim: "held, p99 < 15 ms",
    reach(results, server) {
      const figures = find(results, "open-500", server)?.figures;
      if (!figures?.p99Ms) return null;
      const text = `${figures.held ? "held" : "not held"}, p99 ${figures.p99Ms.median.toFixed(1)} ms`;
      return { text, isMet: figures.held && figures.p99Ms.median < OPEN_P99_MS };
    },
  },
  {
    work: "idle connection, one subscription",
    aim: "≤ 8 KB of process memory",
    reach(results, server) {
      const rssKb = find(results, "idle", server)?.figures.rssKb;
      return rssKb ? { text: `${rssKb.median.toFixed(1)} KB`, isMet: rssKb.median <= IDLE_KB } : null;
    },
  },
  ratioAim("connects, HS256 token", "connects", "ws-send", "≥ 0.8 × bare ws", atLeast, 0.8),
];

const SERVERS = [
  ["plexline", "no history"],
  ["plexline-memory", "memory history"],
  ["plexline-disk", "disk history"],
];

/** The aims as lines of cells: work, aim, and what each kind of channel reached; the first line is the head. */
export function aimLines(results) {
  const cell = (reached) => (reached ? `${reached.text} ${reached.isMet ? "✓" : "✗"}` : "–");
  const body = AIMS.map(({ work, aim, reach }) => [
    work,
    aim,
    ...SERVERS.map(([name]) => cell(reach(results, name))),
  ]);
  return [["work", "aim", ...SERVERS.map(([, title]) => title)], ...body];
}
