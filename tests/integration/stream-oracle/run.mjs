// Kills a server of runs again and again while many write and read them, and holds what is stored, and what everybody was told,
// against what was acknowledged.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@plexline/features/client";
import { WebSocket } from "ws";
import { atMoment, createRandom } from "../oracle/run.mjs";
import { findReaderViolations, findRunViolations } from "./check.mjs";
import { startRunServer, startRunWriters } from "./processes.mjs";
import { startChunkReaders, startFirstReaders, startLateReaders } from "./readers/all.mjs";
import { readSse } from "./readers/fetched.mjs";
import { readStoredRuns } from "./stored.mjs";

/**
 * Runs that are open at a time, each followed by another when it is closed. Writers (n, h, d, p, w, s): our producer over
 * WebSocket and over HTTP, the Durable Streams protocol, POST and a plain socket of agent sessions, and the server itself, which
 * dies with each kill. `closer` closes the run
 * after so many chunks of its own; without a number it goes on to the end.
 */
const SLOTS = [
  { kinds: ["n", "d"], closer: "n", chunks: 60 },
  { kinds: ["d", "p"], closer: "d", chunks: 60 },
  { kinds: ["s", "w", "h"], closer: "s", chunks: 80 },
  { kinds: ["h", "p"], closer: "h", chunks: 60 },
  { kinds: ["n", "d", "s", "p", "w"], closer: "n" },
];
/** Kills that one data directory lives through; then all runs are brought to their end, and every reader to that. */
const KILLS_PER_DIRECTORY = 10;
/** Chunks that are acknowledged between kills at least, and how much later the kill comes. */
const ACKS_BEFORE_MIN = 20;
const KILL_AFTER_MS = { min: 100, max: 800 };
/** Chunks after which the late joiners of a run come. */
const LATE_AFTER_CHUNKS = 40;
/** What a run is waiting for does not happen any more. */
const STALLED_AFTER_MS = 60_000;

/**
 * Kills `kills` times, or until something is wrong. In every other kill the writers die with the server and others succeed them;
 * in the others they live and send again what was not answered. `fault` plants one: `early` in the server's storage,
 * `forgetful` in a reader.
 */
export async function runStreamOracle({ kills, seed, fault, tell = () => {} }) {
  const random = createRandom(seed);
  const report = {
    ...{
      kills: 0,
      killsInFlight: 0,
      survivedUnacked: 0,
      acks: 0,
      runs: 0,
      entries: 0,
      requests: 0,
      successors: 0,
    },
    events: { websocket: 0, sse: 0, longPoll: 0, hopping: 0 },
    violations: [],
  };
  while (report.kills < kills && report.violations.length === 0) {
    const count = Math.min(KILLS_PER_DIRECTORY, kills - report.kills);
    await runDirectory({ count, random, report, tell, fault });
  }
  return report;
}

/** The report in one line, for people. */
export function describeStreamReport(report) {
  const { kills, killsInFlight, survivedUnacked, acks, runs, entries, requests, successors, events } = report;
  const share = Math.round((killsInFlight / kills) * 100);
  return `${kills} kills, ${share} % of them on commits in flight (${survivedUnacked} chunks were durable and not yet acknowledged), ${Math.round(acks / kills)} chunks acknowledged per kill, ${runs} runs with ${entries} entries and ${requests} requests, ${successors} times writers were succeeded, events told: ${events.websocket} over WebSocket, ${events.sse} by SSE, ${events.longPoll} by long-poll, ${events.hopping} hopping between them, ${report.violations.length} violations`;
}

async function runDirectory({ count, random, report, tell, fault }) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-oracle-streams-"));
  const field = createField({ directory, random, report, fault });
  try {
    await field.begin();
    for (let i = 0; i < count && report.violations.length === 0; i += 1)
      await runKill({ field, random, report, tell });
    if (report.violations.length === 0) await field.finish();
  } finally {
    await field.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function runKill({ field, random, report, tell }) {
  const number = report.kills + 1;
  const writersDie = number % 2 === 1;
  await field.untilAcked(ACKS_BEFORE_MIN);
  const delayMs = KILL_AFTER_MS.min + random() * (KILL_AFTER_MS.max - KILL_AFTER_MS.min);
  await atMoment(delayMs, async () => {
    if (number % 4 === 2) await field.succeedWriters();
    // In one kill of four it waits for the next ack: then the rest of that batch is durable and its acks are on their way.
    if (number % 4 === 3) await field.untilAcked(1);
    field.kill({ writersDie });
  });
  await field.dead({ writersDie });
  const { unacked, runs } = await field.check(`kill ${number}`);
  report.kills += 1;
  report.killsInFlight += unacked > 0 ? 1 : 0;
  report.survivedUnacked += unacked;
  tell(
    `kill ${number}: writers ${writersDie ? "died too" : "lived"}, ${unacked} chunks durable and not acknowledged, ${runs} runs checked, ${report.acks} chunks so far`,
  );
  if (report.violations.length === 0) await field.revive();
}

/** One data directory with everybody who works on it. */
function createField({ directory, random, report, fault }) {
  /** By id, until they are over, read to their end by everybody, and checked. */
  const runs = new Map();
  const processes = { server: null, writers: null };
  /** Writers at work, by process: whom a kill must reach. */
  const working = { server: new Map(), writers: new Map() };
  let waiting = [];
  let lives = 0;
  let opened = 0;
  let isEnding = false;
  let client;

  const seed = () => Math.floor(random() * 2 ** 31);
  const look = () => {
    waiting = waiting.filter(({ holds, resolve }) => !holds() || resolve());
  };
  const until = (holds, describe) =>
    new Promise((resolve, reject) => {
      const stalled = setTimeout(() => reject(new Error(`It stands still: ${describe()}`)), STALLED_AFTER_MS);
      const done = () => {
        clearTimeout(stalled);
        resolve();
      };
      waiting.push({ holds, resolve: done });
      look();
    });
  const violate = (...violations) => report.violations.push(...violations);

  /** Gives the writers of a run their orders: all of them, or those of one process. */
  const orderWriters = (run, place) => {
    const { kinds, closer, chunks } = SLOTS[run.slot];
    for (const kind of kinds) {
      const own = kind === "s" ? "server" : "writers";
      if (own !== place || run.isClosed) continue;
      const { life } = processes[own];
      const closing = kind === closer ? { closes: true, ...(chunks === undefined ? {} : { chunks }) } : {};
      working[own].set(`${run.id} ${kind}-${life}`, { isLost: false });
      processes[own].order({ run: run.id, kind, life, ...closing });
    }
  };
  const readerOptions = (run) => ({ url: processes.server.url, client, run: run.id, onChange: look });
  const openRun = (slot) => {
    const run = { id: `r${++opened}`, slot, isClosed: false, chunks: 0, isLate: false };
    Object.assign(run, {
      acks: [],
      requests: new Set(),
      outcomes: new Map(),
      unacked: new Set(),
      readers: [],
    });
    runs.set(run.id, run);
    run.readers.push(...startFirstReaders(readerOptions(run)));
    if (fault === "forgetful")
      run.readers.push({
        transport: "sse",
        ...readSse({ ...readerOptions(run), name: "forgetful", forgets: true }),
      });
    for (const place of ["server", "writers"]) orderWriters(run, place);
    report.runs += 1;
  };
  const onAcked = (run, writer, from, to) => {
    run.acks.push({ writer, from, to });
    report.acks += to - from + 1;
    if (run.chunks === 0) run.readers.push(...startChunkReaders(readerOptions(run)));
    run.chunks += to - from + 1;
    if (run.isLate || run.chunks < LATE_AFTER_CHUNKS) return;
    run.isLate = true;
    run.readers.push(...startLateReaders(readerOptions(run)));
  };
  const onClosed = (run) => {
    if (run.isClosed) return;
    run.isClosed = true;
    if (!isEnding) openRun(run.slot);
  };
  const hear =
    (place) =>
    ([kind, id, ...rest]) => {
      const run = runs.get(id);
      const writer = `${id} ${rest[0]}`;
      if (kind === "lost") {
        const state = working[place].get(writer);
        if (state) state.isLost = true;
      } else if (kind === "acked") onAcked(run, ...rest);
      else if (kind === "request") run.requests.add(rest[0]);
      else if (kind === "outcome") run.outcomes.set(...rest);
      else {
        working[place].delete(writer);
        if (kind === "closed" && run) onClosed(run);
        if (kind === "failed") violate(`${id}: the writer ${rest[0]} gave up: ${rest[1]}`);
      }
      look();
    };

  const startServer = async () => {
    const port = processes.server?.port;
    const started = await startRunServer({
      ...{ directory, port, seed: seed(), onFact: hear("server") },
      ...(fault === "early" ? { fault } : {}),
    });
    processes.server = { ...started, life: ++lives };
  };
  const startWriters = () => {
    const started = startRunWriters({ url: processes.server.url, seed: seed(), onFact: hear("writers") });
    processes.writers = { ...started, life: ++lives };
    working.writers.clear();
  };
  const isRead = (run) => run.isClosed && run.readers.every(({ record }) => record.isEnded);

  return {
    async begin() {
      await startServer();
      client = createClient({
        ...{ url: `${processes.server.url.replace("http", "ws")}/ws`, WebSocket, token: () => "reader" },
        reconnect: { baseMs: 20, capMs: 100 },
      });
      startWriters();
      for (const slot of SLOTS.keys()) openRun(slot);
    },
    untilAcked(more) {
      const from = report.acks;
      return until(
        () => report.acks >= from + more,
        () => `nobody is answered, ${describeWorking(working)}`,
      );
    },
    /** Kills the writers alone; others take their places while the server lives. */
    async succeedWriters() {
      const { kill, ended } = processes.writers;
      kill();
      await ended;
      startWriters();
      for (const run of runs.values()) orderWriters(run, "writers");
      report.successors += 1;
      await this.untilAcked(1);
    },
    kill({ writersDie }) {
      processes.server.kill();
      if (writersDie) processes.writers.kill();
    },
    /** Resolves when all that the dead have said has been heard. */
    async dead({ writersDie }) {
      await processes.server.ended;
      working.server.clear();
      if (writersDie) await processes.writers.ended;
      else
        await until(
          () => [...working.writers.values()].every(({ isLost }) => isLost),
          () => `writers do not notice the loss, ${describeWorking(working)}`,
        );
      for (const state of working.writers.values()) state.isLost = false;
      if (writersDie) processes.writers = null;
    },
    async revive() {
      await startServer();
      const hadWriters = processes.writers !== null;
      if (!hadWriters) {
        startWriters();
        report.successors += 1;
      }
      for (const run of runs.values()) {
        orderWriters(run, "server");
        if (!hadWriters) orderWriters(run, "writers");
      }
    },
    /** Holds what is stored now, and what was told, against what was said. */
    async check(when) {
      const stored = await readStoredRuns(directory, [...runs.keys()]);
      let unacked = 0;
      const checked = runs.size;
      for (const run of [...runs.values()]) {
        const log = stored.get(run.id);
        violate(...checkRun(run, log).map((violation) => `${when}: ${violation}`));
        unacked += countUnacked(run, log);
        // It is looked at for the last time, and whoever has read it has no more to say.
        const isOver = log.entries.at(-1)?.event === "close" && isRead(run);
        if (isOver) forget(run, log);
      }
      return { unacked, runs: checked };
    },
    /** Brings all runs to their end, every reader to that, and checks it all for the last time. */
    async finish() {
      isEnding = true;
      await this.untilAcked(1);
      processes.server.order("finish");
      processes.writers.order("finish");
      await until(() => [...runs.values()].every(isRead), describeReaders);
      processes.server.kill();
      await processes.server.ended;
      await this.check("in the end");
      if (runs.size > 0) violate(`in the end: ${[...runs.keys()]} are not closed in the store`);
    },
    async stop() {
      isEnding = true;
      for (const run of runs.values()) for (const { stop } of run.readers) stop();
      client?.close();
      processes.server?.kill();
      processes.writers?.kill();
      await Promise.all([processes.server?.ended, processes.writers?.ended]);
    },
  };

  function forget(run, { entries }) {
    runs.delete(run.id);
    report.entries += entries.length;
    report.requests += run.requests.size;
    for (const { transport, record, stop } of run.readers) {
      report.events[transport] += record.seen.length;
      stop();
    }
  }

  function describeReaders() {
    const open = [...runs.values()].map(({ id, isClosed, readers }) => {
      const late = readers.filter(({ record }) => !record.isEnded);
      const names = late.map(({ record }) => `${record.name} at ${record.cursor} ${record.faults}`);
      return `${id} ${isClosed ? "closed" : "open"}: ${names}`;
    });
    return `not read to the end: ${open.join("; ")}`;
  }
}

const describeWorking = ({ server, writers }) =>
  `at work: ${JSON.stringify([...server, ...writers].map(([name, { isLost }]) => `${name}${isLost ? " lost" : ""}`))}`;

function checkRun(run, { entries, pending, stateAt }) {
  const { id: name, acks, requests, isClosed } = run;
  const outcomes = new Set(entries.filter(({ event }) => event === "outcome").map(({ token }) => token));
  return [
    ...findRunViolations({ name, entries, acks, requests, pending, isClosed }),
    ...[...run.outcomes]
      .filter(([id, status]) => !outcomes.has(`outcome ${id} ${status}`))
      .map(([id, status]) => `${name}: told ${status} of the request ${id}, and the log says otherwise`),
    ...run.readers.flatMap(({ record }) => findReaderViolations({ name, entries, reader: record, stateAt })),
  ];
}

/** Chunks that are durable although nobody was told, each counted once. */
function countUnacked(run, { entries }) {
  const acked = new Set(
    run.acks.flatMap(({ writer, from, to }) =>
      Array.from({ length: to - from + 1 }, (_, index) => `${writer}.${from + index};`),
    ),
  );
  const before = run.unacked.size;
  for (const { event, token } of entries)
    if (event === "chunk" && token !== "done" && !acked.has(token)) run.unacked.add(token);
  return run.unacked.size - before;
}
