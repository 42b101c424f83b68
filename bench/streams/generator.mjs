// The clients of bench/streams.mjs, in a process of their own: a producer and any number of readers of one stream.
import { setTimeout as sleep } from "node:timers/promises";
import { takeOrders } from "../harness/orders.mjs";
import { HttpConnection, requestText } from "./http.mjs";
import { Latencies } from "./latencies.mjs";
import { openProducer, produce } from "./producers.mjs";
import { openReader } from "./readers.mjs";
import { tokenText } from "./tokens.mjs";

const READY_TIMEOUT_MS = 30_000;
const DRAIN_MS = 15_000;
const TICK_MS = 5;
/** Tokens of one append while a stream is filled. */
const FILL_BATCH = 100;

let readers = [];
let stalled = null;
/** What is going on; readers count into it. */
let run = null;

async function within(promise, ms, what) {
  const late = sleep(ms, undefined, { ref: false }).then(() =>
    Promise.reject(new Error(`${what} took too long.`)),
  );
  return Promise.race([promise, late]);
}

async function create({ port, path, producerToken: token, fill = 0 }) {
  const connection = await HttpConnection.open(port);
  await connection.request(requestText("PUT", { path, token }));
  for (let number = 0; number < fill; number += FILL_BATCH) {
    const texts = Array.from({ length: Math.min(FILL_BATCH, fill - number) }, (_, index) =>
      tokenText(number + index),
    );
    await connection.request(requestText("POST", { path, token }, { body: `[${texts.join(",")}]` }));
  }
  connection.close();
}

/** Takes one reader's token into the figures. */
function onToken(number) {
  const nowMs = performance.now();
  run.delivered += 1;
  if (run.isMeasuring && number >= run.measuredFrom) run.latencies.add(nowMs - run.sentAtMs[number]);
}

/** Readers of a stream, all of them up to date when this resolves. */
async function follow({ wire, port, path, tokens, hasStalled = false }) {
  run = { next: 0, acknowledged: 0, delivered: 0, sentAtMs: [], isMeasuring: false };
  readers = tokens.map((token, index) =>
    openReader({ wire, port, path, token }, { isStrict: index === 0, onToken }),
  );
  await within(Promise.all(readers.map(({ ready }) => ready)), READY_TIMEOUT_MS, "Following");
  if (!hasStalled) return;
  stalled = openReader({ wire, port, path, token: tokens[0] });
  await stalled.ready;
  stalled.socket.pause();
}

/** Resolves once every reader has all that was appended; with how many deliveries are missing. */
async function drain() {
  const missing = () => readers.reduce((sum, { finder }) => sum + run.next - finder.count, 0);
  for (const untilMs = performance.now() + DRAIN_MS; performance.now() < untilMs && missing() > 0; ) {
    if (readers.some(({ isOver }) => isOver)) break;
    await sleep(TICK_MS);
  }
  const failure = readers.find((reader) => reader.failure)?.failure;
  if (failure) throw new Error(failure);
  return missing();
}

/** A producer appends for some seconds; what the warm-up before does is not counted. */
async function append({ wire, port, path, producerToken: token, inFlight, warmUpS, seconds }) {
  const producer = await openProducer({ wire, port, path, token }, inFlight);
  let isOver = false;
  const acknowledgedAfter = new Latencies();
  Object.assign(run, { latencies: new Latencies(), isOver: () => isOver });
  run.onAcknowledged = (number) => {
    if (run.isMeasuring) acknowledgedAfter.add(performance.now() - run.sentAtMs[number]);
  };
  const producing = produce(producer, inFlight, run);
  producing.catch(() => undefined);
  await Promise.race([sleep(warmUpS * 1_000), producing]);
  const before = { ms: performance.now(), ...run };
  Object.assign(run, { isMeasuring: true, measuredFrom: run.next });
  await Promise.race([sleep(seconds * 1_000), producing]);
  const tookS = (performance.now() - before.ms) / 1_000;
  const appends = run.acknowledged - before.acknowledged;
  const delivered = run.delivered - before.delivered;
  isOver = true;
  await producing;
  const missing = await drain();
  run.isMeasuring = false;
  producer.close();
  return {
    appends,
    delivered,
    missing,
    appendsPerS: appends / tookS,
    deliveriesPerS: delivered / tookS,
    p50Ms: run.latencies.quantile(0.5),
    p99Ms: run.latencies.quantile(0.99),
    ackP50Ms: acknowledgedAfter.quantile(0.5),
    ackP99Ms: acknowledgedAfter.quantile(0.99),
  };
}

/** Appends so many bytes in large tokens. */
async function appendBytes({ wire, port, path, producerToken: token, bytes, tokenBytes, inFlight }) {
  const producer = await openProducer({ wire, port, path, token }, inFlight);
  const count = Math.ceil(bytes / tokenBytes);
  Object.assign(run, { bytes: tokenBytes, isOver: () => run.next >= count });
  await produce(producer, inFlight, run);
  const missing = await drain();
  producer.close();
  return { missing, stalledGot: stalled?.finder.count ?? 0, count };
}

/** One comes back and has nothing: until it has all of the run, and has been told so. */
async function comeBack({ wire, port, path, token, count }) {
  const startMs = performance.now();
  if (wire === "get") await readAll({ port, path, token, count });
  else {
    let done;
    const all = new Promise((resolve) => {
      done = resolve;
    });
    const reader = openReader(
      { wire, port, path, token },
      { onToken: (number) => number === count - 1 && done() },
    );
    await Promise.all([all, reader.ready]);
    const ms = performance.now() - startMs;
    if (reader.finder.count !== count) throw new Error(`${reader.finder.count} of ${count} tokens came.`);
    reader.socket.destroy();
    return ms;
  }
  return performance.now() - startMs;
}

/** Pages of a catch-up by GET, until the server says that this is all. */
async function readAll({ port, path, token, count }) {
  const connection = await HttpConnection.open(port);
  let offset = "-1";
  let found = 0;
  for (;;) {
    const { head, body } = await connection.request(
      requestText("GET", { path, token }, { query: `?offset=${offset}` }),
    );
    for (let at = body.indexOf("@@"); at >= 0; at = body.indexOf("@@", at + 10)) found += 1;
    if (/stream-up-to-date: true/i.test(head)) break;
    offset = /stream-next-offset: (\S+)/i.exec(head)[1];
  }
  connection.close();
  if (found !== count) throw new Error(`${found} of ${count} tokens came.`);
}

/** Readers come back, one after the other, then all at once. */
async function reconnect({ wire, port, path, tokens, count, times }) {
  const place = (index) => ({ wire, port, path, token: tokens[index % tokens.length], count });
  // Code that has run before.
  for (let index = 0; index < 10; index += 1) await comeBack(place(index));
  const alone = new Latencies();
  for (let index = 0; index < times; index += 1) alone.add(await comeBack(place(index)));
  const together = new Latencies();
  const startMs = performance.now();
  const all = await Promise.all(tokens.map((_, index) => comeBack(place(index))));
  for (const ms of all) together.add(ms);
  return {
    p50Ms: alone.quantile(0.5),
    p99Ms: alone.quantile(0.99),
    togetherP50Ms: together.quantile(0.5),
    togetherMs: performance.now() - startMs,
  };
}

function reset() {
  for (const { socket } of stalled ? [...readers, stalled] : readers) socket?.destroy();
  readers = [];
  stalled = null;
  run = null;
}

takeOrders({ create, follow, append, appendBytes, reconnect, reset });
