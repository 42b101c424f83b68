// Writes into runs until told to stop: node writer.mjs URL SEED
// Each line on standard input is an order, as JSON:
//   { "run", "kind", "life", "chunks"?, "closes"? }   write so many chunks into a run, as a kind of writer, and close it
//   "finish"                                          stop; who is to close its run does so
// Every line on standard output is one fact, written before the next thing happens, so that a kill takes none back: those of
// writing.mjs, and
//   ["lost", run, writer]            its connection was lost
//   ["request", run, id]             a request to the producers of a run is durable
//   ["outcome", run, id, status]     what came of it
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { createClient } from "@plexline/features/client";
import { createHttpProducer } from "@plexline/features/stream/http-client";
import { WebSocket } from "ws";
import { createRandom } from "../oracle/run.mjs";
import { durablePen, postingPen } from "./http-pens.mjs";
import { socketPen } from "./socket-pen.mjs";
import { keepWriting, producerPen } from "./writing.mjs";

const [url, seed] = process.argv.slice(2);
/** Appends of all writers of a run between two requests. */
const APPENDS_PER_REQUEST = 3;
const LEASE_MS = 5_000;

const random = createRandom(Number(seed));
const tell = (...fact) => writeSync(1, `${JSON.stringify(fact)}\n`);
let isFinishing = false;

const client = createClient({
  url: `${url.replace("http", "ws")}/ws`,
  WebSocket,
  token: () => "writer",
  reconnect: { baseMs: 20, capMs: 100 },
});
/** Those that write over our client, and how they are told that it has lost its connection. */
const natives = new Set();
client.on("status", ({ state }) => {
  if (state === "disconnected") for (const onLost of natives) onLost();
});

function nativePen({ run }, { onLost }) {
  natives.add(onLost);
  const pen = producerPen(client.producer(`run:${run}`, { id: "n", leaseMs: LEASE_MS }));
  return {
    ...pen,
    drop() {
      natives.delete(onLost);
      pen.drop();
    },
  };
}

/** The same producer over plain HTTP, as in a worker that keeps no connection. */
function httpPen({ run }, { onLost }) {
  const noticing = (...request) =>
    fetch(...request).catch((error) => {
      onLost();
      throw error;
    });
  const producer = createHttpProducer({
    ...{ url: `${url}/api/streams`, token: `http-${run}`, topic: `run:${run}` },
    ...{ id: "h", leaseMs: LEASE_MS, fetch: noticing },
  });
  return producerPen(producer);
}

const PENS = { n: nativePen, h: httpPen, d: durablePen, p: postingPen, w: socketPen };

/** Asks something of the producers of a run now and then, one after the other. */
const asking = new Map();
async function ask(run, count) {
  const handle = client.stream(`run:${run}`);
  try {
    const sent = await (count % 2 === 0 ? handle.steer(count) : handle.cancel(`for the ${count}th time`));
    tell("request", run, sent.id);
    tell("outcome", run, sent.id, (await sent.outcome).status);
  } catch (error) {
    // Runs that are closed take no more requests.
    if (error.code !== "STREAM_CLOSED") tell("failed", run, "asker", String(error.code ?? error));
  }
}
function onAck(run) {
  const state = asking.get(run) ?? { appends: 0, requests: 0, isBusy: false };
  asking.set(run, state);
  state.appends += 1;
  if (state.isBusy || state.appends % APPENDS_PER_REQUEST !== 0) return;
  state.isBusy = true;
  state.requests += 1;
  void ask(run, state.requests).then(() => {
    state.isBusy = false;
  });
}

function write(order) {
  const { run, kind, life } = order;
  const onLost = () => tell("lost", run, `${kind}-${life}`);
  const pen = PENS[kind]({ url, ...order }, { random, onLost });
  return keepWriting(order, { pen, random, tell, mayGoOn: () => !isFinishing, onAck });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order === "finish") isFinishing = true;
  else void write(order);
}
