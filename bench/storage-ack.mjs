// How long an acknowledged append takes on the embedded store: alone, at offered rates, and in saturation, beside what
// one fdatasync takes on the same disk. Usage: node bench/storage-ack.mjs [--directory DIR] [--seconds 3]
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock as clock } from "../packages/server/dist/platform/clock.js";
import { systemRandom as random } from "../packages/server/dist/platform/random.js";
import { openEmbeddedStorage } from "../packages/server/dist/storage/embedded.js";

const RATES_PER_SECOND = [100, 1_000, 5_000, 20_000];
const IN_FLIGHT = [1, 16, 256, 4_096];
const DATA = new Uint8Array(200).fill(120);
const { values } = parseArgs({
  options: { directory: { type: "string", default: tmpdir() }, seconds: { type: "string", default: "3" } },
});
const durationMs = Number(values.seconds) * 1_000;

const print = (line) => process.stdout.write(`${line}\n`);

function report(name, latencies, elapsedMs) {
  const sorted = Float64Array.from(latencies).sort();
  const at = (part) => `${(sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2)}`.padStart(9);
  const perSecond = Math.round(sorted.length / (elapsedMs / 1_000));
  print(`${name.padEnd(28)}${String(perSecond).padStart(9)}${at(0.5)}${at(0.99)}`);
}

async function fdatasyncBaseline(directory) {
  const file = await open(join(directory, "baseline"), "w");
  await file.write(new Uint8Array(1 << 20));
  await file.sync();
  const latencies = [];
  const startedAt = performance.now();
  while (performance.now() - startedAt < durationMs) {
    const before = performance.now();
    await file.write(DATA, 0, DATA.length, 0);
    await file.datasync();
    latencies.push(performance.now() - before);
  }
  report("write + fdatasync", latencies, performance.now() - startedAt);
  await file.close();
}

async function timedAppend(storage, topic, latencies) {
  const before = performance.now();
  await storage.commit({ appends: [{ topic, entries: [{ data: DATA, atMs: 0 }] }] });
  latencies.push(performance.now() - before);
}

/** Appends arrive at their times whether or not earlier ones have been acknowledged. */
async function offered(storage, perSecond) {
  const latencies = [];
  const pending = new Set();
  const startedAt = performance.now();
  let issued = 0;
  while (performance.now() - startedAt < durationMs) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    for (; issued < due; issued += 1) {
      const append = timedAppend(storage, `t:${issued % 50}`, latencies);
      pending.add(append);
      void append.then(() => pending.delete(append));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  report(`offered ${perSecond}/s`, latencies, performance.now() - startedAt);
}

async function saturated(storage, writers) {
  const latencies = [];
  const startedAt = performance.now();
  const write = async (_, index) => {
    while (performance.now() - startedAt < durationMs)
      await timedAppend(storage, `t:${index % 50}`, latencies);
  };
  await Promise.all(Array.from({ length: writers }, write));
  report(`${writers} in flight`, latencies, performance.now() - startedAt);
}

const directory = await mkdtemp(join(values.directory, "plexline-bench-"));
const storage = await openEmbeddedStorage({ directory: join(directory, "store"), random, clock });
try {
  print(
    `${"appends of 200 bytes".padEnd(28)}${"acks/s".padStart(9)}${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}`,
  );
  await fdatasyncBaseline(directory);
  for (const rate of RATES_PER_SECOND) await offered(storage, rate);
  for (const writers of IN_FLIGHT) await saturated(storage, writers);
} finally {
  await storage.close();
  await rm(directory, { recursive: true });
}
