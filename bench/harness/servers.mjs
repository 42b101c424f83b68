// Every server that is measured: how it is started and what is spoken with it.
import { existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { outputOf } from "./machine.mjs";
import { scratch, start, stop } from "./scratch.mjs";
import { speakJson, speakNats, speakPlexline, speakRaw, speakSocketIo } from "./speech.mjs";
import { tokenEnvironment } from "./tokens.mjs";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const START_TIMEOUT_MS = 15_000;

const PLEXLINE = [
  { name: "plexline", title: "Plexline, no history", kind: "plain" },
  { name: "plexline-memory", title: "Plexline, memory history", kind: "memory" },
  { name: "plexline-disk", title: "Plexline, disk history", kind: "disk" },
].map(({ kind, ...entry }) => ({ ...entry, program: here("plexline.mjs"), speak: speakPlexline(kind) }));

/** All servers. `also` is another checkout whose Plexline is measured beside this one. */
export function allServers(also) {
  return [
    { name: "ws-send", title: "ws, send()", program: here("peers/ws-send.mjs"), speak: speakRaw },
    { name: "ws-json", title: "ws, send() and JSON", program: here("peers/ws-json.mjs"), speak: speakJson },
    {
      name: "ws-frames",
      title: "ws, frames built once",
      program: here("peers/ws-frames.mjs"),
      speak: speakRaw,
    },
    { name: "ws-batch", title: "ws, room batches", program: here("peers/ws-batch.mjs"), speak: speakRaw },
    { name: "socket.io", title: "socket.io", program: here("peers/socket-io.mjs"), speak: speakSocketIo },
    { name: "nats", title: "nats-server, WebSocket", program: null, speak: speakNats },
    ...PLEXLINE,
    ...(also === undefined ? [] : PLEXLINE.map((entry) => elsewhere(entry, resolve(also)))),
  ];
}

function elsewhere(entry, directory) {
  const program = join(directory, "bench/plexline.mjs");
  if (!existsSync(program)) throw new Error(`--also: there is no ${program}.`);
  return { ...entry, name: `${entry.name}@also`, title: `${entry.title} (${directory})`, program };
}

/** Why a server cannot be measured here, or null. */
export function reasonToSkip({ name }) {
  if (name === "nats" && outputOf("nats-server", ["-v"]) === null) return "nats-server is not installed";
  return null;
}

/** Starts a server on `core`; resolves once it listens. */
export async function startServer(entry, core) {
  const running = entry.program === null ? await startNats(core) : await startNode(entry, core);
  return { ...entry, ...running, stop: () => stop(running.child) };
}

async function startNode({ name, program, nodeOptions = [], environment = {} }, core) {
  const child = start(core, [process.execPath, "--expose-gc", ...nodeOptions, program], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ...tokenEnvironment, TMPDIR: scratch, NODE_ENV: "production", ...environment },
  });
  const nextMessage = () =>
    new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`${name} ended before it answered.`));
      const timer = setTimeout(() => reject(new Error(`${name} does not answer.`)), START_TIMEOUT_MS);
      child.once("exit", ended);
      child.once("message", (message) => {
        clearTimeout(timer);
        child.off("exit", ended);
        resolve(message);
      });
    });
  const { port, limits } = await nextMessage();
  const ask = async (request) => {
    const answer = nextMessage();
    child.send(request);
    return (await answer).reply;
  };
  return { child, port, limits, ask };
}

async function startNats(core) {
  const port = await freePort();
  const file = join(scratch, `nats-${port}.conf`);
  const quiet = 'ping_interval: "1h"\nmax_pending: 67108864\nmax_connections: 65536\n';
  writeFileSync(
    file,
    `listen: "127.0.0.1:-1"\n${quiet}websocket { listen: "127.0.0.1:${port}", no_tls: true, compression: false }\n`,
  );
  const child = start(core, ["nats-server", "-c", file, "-l", join(scratch, "nats.log")], {
    stdio: "ignore",
  });
  for (const endMs = performance.now() + START_TIMEOUT_MS; performance.now() < endMs; await sleep(50)) {
    if (await listens(port)) return { child, port, ask: null };
  }
  throw new Error("nats-server does not listen.");
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
