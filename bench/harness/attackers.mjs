// Attackers from one address who send everything hostile to one document, on both wires, as fast as the server reads:
// node attackers.mjs PORT CORPUS CONNECTIONS. Whoever has used up the burst of a connection comes back on another one.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

const [port, corpusFile, connections] = process.argv.slice(2);
const corpus = await import(corpusFile);
const { clockPoisoning, gapFlood, HOSTILE_UPDATES, idReuse, sized, uint } = corpus;
/** Kinds of documents on our own wire; the y-websocket wire has the same under other numbers. */
const [UPDATE, ASK, ANSWER, AWARENESS] = [0, 1, 2, 3];
const STOCK = { [UPDATE]: [0, 2], [ASK]: [0, 0], [ANSWER]: [0, 1], [AWARENESS]: [1] };
/** Those that edit the document: attackers use their ids too. The benchmark gives them. */
const VICTIM = 7;
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;
/** The burst of a connection; after it the server reads slowly. */
const MESSAGES_PER_CONNECTION = 240;
const USERS = 8;

const stateVector = (clients) =>
  Uint8Array.from([
    ...uint(clients),
    ...Array.from({ length: clients }, (_, index) => [...uint(index), 1]).flat(),
  ]);
const awareness = (client, state) =>
  Uint8Array.from([1, ...uint(client), ...uint(2 ** 30), ...sized(JSON.stringify(state))]);
const id = () => 2 ** 31 + Math.floor(Math.random() * 2 ** 30);

/** What a connection sends, in an order of its own. The answer to the server's first question may be long. */
function messages() {
  const list = [
    ...HOSTILE_UPDATES.map(({ bytes }) => [UPDATE, bytes]),
    ...HOSTILE_UPDATES.map(({ bytes }) => [ANSWER, bytes]),
    ...gapFlood(40, id()).map((bytes) => [UPDATE, bytes]),
    [UPDATE, clockPoisoning(VICTIM, 100, 2 ** 20)],
    ...idReuse(VICTIM).map((bytes) => [UPDATE, bytes]),
    [ASK, stateVector(100_000)],
    [ASK, Uint8Array.of(9, 1)],
    ...Array.from({ length: 20 }, (_, index) => [AWARENESS, awareness(id(), { index })]),
    [AWARENESS, awareness(VICTIM, null)],
    [AWARENESS, awareness(id(), "x".repeat(60_000))],
  ];
  const short = list.filter(([, bytes]) => bytes.length <= 1_048_576);
  const long = list.filter(([kind, bytes]) => kind === ANSWER && bytes.length > 1_048_576);
  return [...long, ...short.sort(() => Math.random() - 0.5)].slice(0, MESSAGES_PER_CONNECTION);
}

let sent = 0;
const told = new Map();
const tellsCode = (code) => told.set(code, (told.get(code) ?? 0) + 1);

async function open(url, protocols) {
  const socket = new WebSocket(url, protocols);
  socket.on("error", () => undefined);
  socket.on("close", (code) => tellsCode(String(code)));
  await Promise.race([once(socket, "open"), once(socket, "close")]);
  return socket.readyState === WebSocket.OPEN ? socket : undefined;
}

async function flood(socket, encode) {
  for (const [kind, bytes] of messages()) {
    while (socket.bufferedAmount > BUFFERED_BYTES_MAX && socket.readyState === WebSocket.OPEN) await sleep(5);
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(encode(kind, bytes));
    sent += 1;
    if (sent % 16 === 0) await sleep(0);
  }
  // Until all of it has been read: the server answers a ping in its place.
  socket.ping();
  await Promise.race([once(socket, "pong"), once(socket, "close"), sleep(2_000)]);
}

async function attackNative(user) {
  const socket = await open(`ws://127.0.0.1:${port}/ws`, ["plexline.v1"]);
  if (!socket) return;
  const say = (message) => socket.send(JSON.stringify(message));
  const subscribed = new Promise((resolve) => {
    socket.on("close", () => resolve());
    socket.on("message", (data, isBinary) => {
      if (isBinary) return;
      const message = JSON.parse(data.toString());
      if (message.type === "welcome") say({ type: "subscribe", ref: 1, topic: "doc:attacked" });
      else if (message.type === "reply" && message.ok) resolve(message.result.alias);
      else if (message.error) tellsCode(message.error.code);
    });
  });
  say({ type: "hello", token: user });
  const alias = await subscribed;
  if (alias === undefined) return;
  await flood(socket, (kind, bytes) => Buffer.concat([Uint8Array.from([...uint(alias), kind]), bytes]));
  socket.terminate();
}

async function attackStock(user) {
  const socket = await open(`ws://127.0.0.1:${port}/yjs/attacked?token=${user}`);
  if (!socket) return;
  socket.on("message", (data) => data[0] === 2 && tellsCode("permission denied"));
  await flood(socket, (kind, bytes) =>
    Buffer.concat([Uint8Array.from([...STOCK[kind], ...uint(bytes.length)]), bytes]),
  );
  socket.terminate();
}

async function keepAttacking(number) {
  for (;;) {
    await (number % 2 === 0 ? attackNative : attackStock)(`mallory-${number % USERS}`);
    await sleep(10);
  }
}

process.on("disconnect", () => process.exit(0));
process.on("message", () => process.send({ sent, told: Object.fromEntries(told) }, () => process.exit(0)));
process.send({ ready: true });
await Promise.all(Array.from({ length: Number(connections) }, (_, number) => keepAttacking(number)));
