// The clients of bench/documents.mjs, in a process of their own. It does what it is told over IPC, one order at a time, and
// keeps connections until it is told to close them.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { takeOrders } from "../harness/orders.mjs";
import { createContent } from "./content.mjs";
import { lastTyped, typedUpdate } from "./typing.mjs";
import { WIRES } from "./wires.mjs";

const JOIN_TIMEOUT_MS = 120_000;
const TICK_MS = 5;
const DRAIN_MS = 2_000;
/** Updates of one client that are not said to be saved yet while a document is written. */
const UNSAVED_MAX = 50;

let content;
let clients = [];

const within = (promise, what) =>
  Promise.race([
    promise,
    sleep(JOIN_TIMEOUT_MS, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`${what} took too long.`)),
    ),
  ]);

/** Everybody comes at once; `places` name their documents and tokens. */
async function join({ wire, port, places }) {
  const startMs = performance.now();
  const comers = places.map((place) => WIRES[wire]({ port, ...place }));
  clients.push(...comers);
  const bytes = await within(Promise.all(comers.map(({ joined }) => joined)), "Joining");
  return { ms: performance.now() - startMs, bytesMin: Math.min(...bytes), bytesMax: Math.max(...bytes) };
}

/** Closes all connections but the first `keep`. */
async function leave({ keep = 0 }) {
  const leaving = clients.splice(keep);
  const closed = leaving.map(({ socket }) => once(socket, "close"));
  for (const { socket } of leaving) socket.close();
  await within(Promise.all(closed), "Leaving");
}

/** Writes the document into each place, as one who has it and comes online, then types. */
async function seed({ wire, port, places }) {
  content ??= createContent();
  const write = async (place) => {
    const client = WIRES[wire]({ port, ...place });
    await client.joined;
    let saved = 0;
    let wake = () => {};
    client.onSaved = (isSaved) => {
      if (!isSaved) throw new Error("An update was refused.");
      saved += 1;
      wake();
    };
    for (let sent = 0; saved < content.length; ) {
      if (sent < content.length && sent - saved < UNSAVED_MAX) {
        client.send(content[sent]);
        sent += 1;
      } else
        await new Promise((resolve) => {
          wake = resolve;
        });
    }
    client.socket.close();
    await once(client.socket, "close");
  };
  await within(Promise.all(places.map(write)), "Seeding");
}

function quantile(sorted, share) {
  return sorted.length === 0
    ? Number.NaN
    : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** One room: its first client types, its second one reads. Times are of letters by their clocks. */
function createRoom([writer, reader], client) {
  const sentAtMs = [];
  let seen = 0;
  let saved = 0;
  const room = {
    waits: [],
    savedAfter: [],
    get sent() {
      return sentAtMs.length;
    },
    get missing() {
      return sentAtMs.length - seen;
    },
    type() {
      sentAtMs.push(performance.now());
      writer.send(typedUpdate(client, sentAtMs.length - 1));
    },
  };
  reader.onUpdate = (update) => {
    const nowMs = performance.now();
    for (const last = lastTyped(update); seen <= last; seen += 1) room.waits.push(nowMs - sentAtMs[seen]);
  };
  writer.onSaved = () => {
    room.savedAfter.push(performance.now() - sentAtMs[saved]);
    saved += 1;
  };
  return room;
}

let rooms = [];

/** Types in every room, `perSecond` letters in each; rooms are those that joined, two and two. */
async function type({ perSecond, seconds }) {
  if (rooms.length === 0)
    rooms = Array.from({ length: clients.length / 2 }, (_, index) =>
      createRoom(clients.slice(2 * index, 2 * index + 2), 2_000_000_000 + index),
    );
  for (const room of rooms) [room.waits, room.savedAfter] = [[], []];
  const before = rooms.reduce((sum, { sent }) => sum + sent, 0);
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let typed = 0;
  // One after the other at an even pace: nobody's letters come together with another's.
  for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startMs) / 1_000) * perSecond * rooms.length);
    for (; typed < due; typed += 1) rooms[typed % rooms.length].type();
    await sleep(TICK_MS);
  }
  const isDone = () => rooms.every(({ missing }) => missing === 0);
  for (const until = performance.now() + DRAIN_MS; performance.now() < until && !isDone(); )
    await sleep(TICK_MS);
  const waits = rooms.flatMap((room) => room.waits).sort((a, b) => a - b);
  const savedAfter = rooms.flatMap((room) => room.savedAfter).sort((a, b) => a - b);
  return {
    updates: rooms.reduce((sum, { sent }) => sum + sent, 0) - before,
    missing: rooms.reduce((sum, { missing }) => sum + missing, 0),
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
    savedP50Ms: quantile(savedAfter, 0.5),
    savedP99Ms: quantile(savedAfter, 0.99),
  };
}

function reset() {
  for (const { socket } of clients) socket.terminate();
  clients = [];
  rooms = [];
}

takeOrders({ join, leave, seed, type, reset });
