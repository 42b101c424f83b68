// Thousands of clients that come and go, and what the server still holds when they have gone.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@plexline/client";
import { WebSocket } from "ws";

const SERVER = fileURLToPath(new URL("../fixtures/oracle-churn-server.mjs", import.meta.url));
const CONCURRENT = 100;
export const USERS = 20;
const TOPICS = 25;
/** Unused topics stay open for 10 seconds; everything else goes sooner. */
const GONE_WITHIN_MS = 60_000;

/**
 * Connects and leaves `connections` times after a warm-up of `warmUp`, and returns what the server held before and
 * after: `base` and `end`, each once nobody was left. The warm-up is long, because compiled code and tables grow by
 * some 2 MiB in the first thousands of connections and then no more: after 10,000 and after 30,000 the heap is the same.
 * `visit(url, number, round)` is one visit; `round` is 0 for those of the warm-up and 1 for the others.
 */
export async function runChurn({ connections, warmUp = 5_000, tell = () => {}, visit = visitRoom }) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-churn-"));
  const child = fork(SERVER, [directory], { execArgv: ["--expose-gc"], stdio: "inherit" });
  const exited = once(child, "exit");
  const next = listen(child);
  let peakRooms = 0;
  child.on("message", ({ held }) => {
    peakRooms = Math.max(peakRooms, held?.rooms ?? 0);
  });
  try {
    const { port } = await next((message) => message.port !== undefined);
    const url = `ws://127.0.0.1:${port}/ws`;
    await comeAndGo(warmUp, (number) => visit(url, number, 0));
    const base = await lookWhenEmpty(child, next);
    tell(`after a warm-up of ${warmUp}: ${describeLook(base)}`);
    const startedMs = performance.now();
    await comeAndGo(connections, (number) => visit(url, number, 1));
    const seconds = (performance.now() - startedMs) / 1_000;
    tell(`${connections} connects and leaves in ${seconds.toFixed(1)} s`);
    const end = await lookWhenEmpty(child, next);
    tell(`after them: ${describeLook(end)}`);
    return { connections, base, end, peakRooms };
  } finally {
    child.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true, force: true });
  }
}

function describeLook({ held, memory }) {
  const mib = (bytes) => `${(bytes / 1_048_576).toFixed(2)} MiB`;
  return `${held.sockets} sockets, ${held.sessions} sessions, ${held.rooms} rooms, heap ${mib(memory.heapUsedBytes)}, external ${mib(memory.externalBytes)}, rss ${mib(memory.rssBytes)}`;
}

/** Waits until nobody is left. After too long the last look is returned all the same: the caller judges it. */
async function lookWhenEmpty(child, next) {
  const giveUpAtMs = performance.now() + GONE_WITHIN_MS;
  const isEmpty = (held) => Object.values(held).every((count) => count === 0);
  const { held } = await next(
    (message) => message.held && (isEmpty(message.held) || performance.now() > giveUpAtMs),
  );
  const memory = next((message) => message.memory !== undefined);
  child.send("memory");
  return { held, memory: (await memory).memory };
}

/** Waits for the next message of a child that matches. */
function listen(child) {
  let waiting = [];
  child.on("message", (message) => {
    waiting = waiting.filter(({ matches, resolve }) => !matches(message) || resolve(message));
  });
  return (matches) => new Promise((resolve) => waiting.push({ matches, resolve }));
}

async function comeAndGo(count, visit) {
  let next = 0;
  const lane = async () => {
    while (next < count) await visit(next++);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT, count) }, lane));
}

/** One visit: subscribe, show presence, publish, and leave with a goodbye or without one. */
async function visitRoom(url, number) {
  const client = createClient({ url, WebSocket, token: () => `user-${number % USERS}` });
  const topic = client.topic(`room:${number % TOPICS}`);
  topic.setPresence({ number });
  topic.subscribe();
  await topic.whenSubscribed();
  await topic.publish("visited", { number });
  // Cut as by a network failure, every other time: the session then ends by itself.
  if (number % 2 === 1) client.disconnect();
  client.close();
}
