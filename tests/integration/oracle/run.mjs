// Kills a server under full load, again and again, and holds what it has afterwards against what it had promised.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findViolations } from "./check.mjs";
import { startServer, startWriters } from "./processes.mjs";
import { readLog } from "./reader.mjs";
import { startSubscriber } from "./subscriber.mjs";

const TOPICS = ["log:a", "log:b"];
const CLIENTS = 3;
/** Kills that one data directory lives through; then a new one begins, because every check reads the whole log. */
const KILLS_PER_DIRECTORY = 10;
/** The kill comes this long after the writers' first ack. */
const KILL_AFTER_MS = { min: 100, max: 600 };
/** Acks that a living writer gets from the restarted server before it stops. */
const ACKS_AFTER_MIN = 50;

/**
 * Kills `kills` times. In every other kill the writers die with the server; in the others they live, reconnect and send
 * again what was not answered.
 */
export async function runOracle({ kills, seed, tell = () => {} }) {
  const random = createRandom(seed);
  const report = { kills: 0, killsInFlight: 0, acks: 0, entries: 0, survivedUnacked: 0, violations: [] };
  while (report.kills < kills) {
    const count = Math.min(KILLS_PER_DIRECTORY, kills - report.kills);
    await runDirectory({ count, random, report, tell });
    if (report.violations.length > 0) break;
  }
  return report;
}

/** The report in one line, for people. */
export function describeReport({ kills, killsInFlight, acks, entries, survivedUnacked, violations }) {
  const share = Math.round((killsInFlight / kills) * 100);
  const perKill = Math.round(acks / kills);
  return `${kills} kills, ${share} % of them on commits in flight (${survivedUnacked} publications were durable and not yet acknowledged), ${perKill} acks per kill (${acks} in all, ${entries} entries checked), ${violations.length} violations`;
}

async function runDirectory({ count, random, report, tell }) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-oracle-"));
  const run = { directory, acks: [], epochs: new Map(), server: await startServer(directory), writers: null };
  if (report.kills === 0) tell(`limits: ${JSON.stringify(run.server.limits)}`);
  const subscriber = startSubscriber(run.server.url, TOPICS);
  try {
    await subscriber.ready;
    for (let i = 0; i < count && report.violations.length === 0; i++) {
      await runKill({ run, subscriber, random, report, tell });
    }
    report.violations.push(...subscriber.gaps);
  } finally {
    subscriber.close();
    run.writers?.kill();
    run.server.kill();
    await Promise.all([run.server.ended, run.writers?.ended]);
    await rm(directory, { recursive: true, force: true });
  }
}

async function runKill({ run, subscriber, random, report, tell }) {
  const number = report.kills + 1;
  const writersDie = number % 2 === 1;
  const { url, port } = run.server;
  const writers = startWriters({ url, name: `w${number}`, clients: CLIENTS, topics: TOPICS });
  run.writers = writers;
  await writers.until(({ acks }) => acks.length > 0);
  const kill = () => {
    run.server.kill();
    if (writersDie) writers.kill();
  };
  await atMoment(KILL_AFTER_MS.min + random() * (KILL_AFTER_MS.max - KILL_AFTER_MS.min), async () => {
    // In one kill of four it waits for the next ack: then the rest of that batch is durable and its acks are on their way.
    const { length: soFar } = writers.told.acks;
    if (number % 4 === 3) await writers.until(({ acks }) => acks.length > soFar);
    kill();
  });
  await run.server.ended;
  // Whatever the dead server had sent has now arrived: it counts as said.
  if (writersDie) await writers.ended;
  else await writers.until(({ lost }) => lost.size === CLIENTS);
  await subscriber.lost();
  const acked = [...writers.told.acks];
  const seen = new Map([...subscriber.seen].map(([topic, pushes]) => [topic, [...pushes]]));

  run.server = await startServer(run.directory, port);
  const logs = await readLogs(url);
  const check = (facts) => report.violations.push(...checkLogs({ run, number, ...facts }));
  check({ logs, acks: [...run.acks, ...acked], seen });

  let unacked = 0;
  if (writersDie) {
    const keys = new Set(acked.map(({ user, topic, n }) => `${topic} ${user}.${n}`));
    for (const { topic, entries } of logs)
      for (const { user, key } of entries)
        if (user.startsWith(`w${number}.`) && !keys.has(`${topic} ${key}`)) unacked += 1;
  } else {
    await writers.until(({ acks }) => acks.length >= acked.length + ACKS_AFTER_MIN);
    writers.stop();
    await writers.ended;
    const { acks, refused, done } = writers.told;
    // A repeated publication was durable before it was sent again: the kill came between its commit and its ack.
    unacked = acks.filter(({ repeated }) => repeated).length;
    const after = await readLogs(url);
    check({ logs: after, acks: [...run.acks, ...acks], seen, done });
    for (const { user, n, code } of refused) report.violations.push(`${user}.${n} was given up: ${code}`);
  }
  run.acks.push(...writers.told.acks);
  for (const log of await readLogs(url)) {
    await subscriber.caughtUp(log);
    const pushes = subscriber.seen.get(log.topic);
    report.violations.push(...checkLogs({ run, number, logs: [log], acks: [], seen: subscriber.seen }));
    if (pushes.some(({ offset }, index) => offset !== index + 1))
      report.violations.push(
        `kill ${number}: ${log.topic}: the live subscriber did not see every entry once`,
      );
  }

  report.kills += 1;
  report.killsInFlight += unacked > 0 ? 1 : 0;
  report.survivedUnacked += unacked;
  report.acks += writers.told.acks.length;
  report.entries += logs.reduce((sum, { entries }) => sum + entries.length, 0);
  tell(
    `kill ${number}: writers ${writersDie ? "died too" : "lived"}, ${acked.length} acks before it, ${unacked} publications durable and unacknowledged`,
  );
}

function checkLogs({ run, number, logs, acks, seen, done = [] }) {
  const of = (log, facts) => facts.filter(({ topic }) => topic === log.topic);
  return logs.flatMap((log) => {
    const epoch = run.epochs.get(log.topic);
    run.epochs.set(log.topic, log.epoch);
    const facts = { log, acks: of(log, acks), seen: seen.get(log.topic), done: of(log, done) };
    return findViolations(epoch === undefined ? facts : { ...facts, epoch }).map(
      (violation) => `kill ${number}: ${violation}`,
    );
  });
}

function readLogs(url) {
  return Promise.all(TOPICS.map((topic) => readLog(url, topic)));
}

/** Strikes after a while: when it comes is what a run varies. */
export function atMoment(delayMs, strike) {
  return new Promise((resolve, reject) => {
    setTimeout(() => strike().then(resolve, reject), delayMs);
  });
}

/** A seeded random (mulberry32): the moments can be chosen again. */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
