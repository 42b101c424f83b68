// Somebody who comes to a document, in a process of their own: what they do must not hold up whoever measures.
import { createClient } from "@plexline/features/client";
import { decodeBinaryMessage, encodeBinaryMessage } from "@plexline/protocol";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { createGenerator, generateLog } from "./generate.mjs";

const [url, kind, name] = process.argv.slice(2);
const startMs = performance.now();
const heard = { bytes: 0, frames: 0, lastMs: 0, firstMs: 0 };

class Heard extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on("message", (data) => {
      heard.bytes += data.length ?? data.byteLength ?? 0;
      heard.frames += 1;
      heard.firstMs ||= performance.now() - startMs;
      heard.lastMs = performance.now() - startMs;
    });
  }
}

const WAYS = { native: comeNative, stock: comeStock, wire: comeByWire };
const here = await WAYS[kind]();
process.send({
  openedMs: here.openedMs,
  syncedMs: performance.now() - startMs,
  heard: { ...heard },
  text: here.ydoc?.getText("content").length,
});
process.on("message", async ({ type, forMs }) => {
  if (type === "leave") {
    here.leave();
    process.exit(0);
  }
  process.send({ latencies: await here.typeFor(forMs) });
});
process.on("disconnect", () => process.exit(0));

async function comeNative() {
  const client = createClient({
    url: `${url.replace("http", "ws")}/ws`,
    WebSocket: Heard,
    token: () => `native-${name}`,
  });
  const page = client.doc(`doc:${name}`, { broadcast: false });
  await page.whenSynced();
  return {
    ydoc: page.doc,
    leave: () => client.close(),
    async typeFor(forMs) {
      const latencies = [];
      const text = page.doc.getText("content");
      for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
        const fromMs = performance.now();
        text.insert(0, "x");
        await page.whenSaved();
        latencies.push(performance.now() - fromMs);
        await new Promise((resolve) => setTimeout(() => resolve(), 20));
      }
      return latencies;
    },
  };
}

/** Our wire without a Y.Doc: what the server takes, and not what a client takes to apply it. */
async function comeByWire() {
  const socket = new Heard(`${url.replace("http", "ws")}/ws`, ["plexline.v1"]);
  socket.binaryType = "arraybuffer";
  let waiting = [];
  let alias = 0;
  let acked = 0;
  let sent = 0;
  const until = (holds) =>
    new Promise((resolve) => {
      waiting.push({ holds, resolve });
    });
  const send = (message) => socket.send(JSON.stringify(message));
  const sendBinary = (kind, payload) => socket.send(encodeBinaryMessage({ alias, kind, payload }));
  let isSynced = false;
  const hear = (data) => {
    if (data instanceof ArrayBuffer) {
      const message = decodeBinaryMessage(new Uint8Array(data));
      if (message.kind === 1) {
        sent += 1;
        sendBinary(2, Uint8Array.of(0, 0));
      }
      if (message.kind === 2) isSynced = true;
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "ping") send({ type: "pong" });
    if (message.type === "error" || message.ok === false) throw new Error(data);
    if (message.type === "welcome")
      send({ type: "subscribe", ref: 1, topic: `doc:${name}`, input: { parts: true } });
    if (message.type === "reply") {
      alias = message.result.alias;
      sendBinary(1, Uint8Array.of(0));
    }
    if (message.type === "committed") acked = message.acked ?? acked;
  };
  socket.addEventListener("message", ({ data }) => {
    hear(data);
    waiting = waiting.filter(({ holds, resolve }) => !holds() || resolve());
  });
  socket.addEventListener("open", () => send({ type: "hello", token: `wire-${process.pid}` }));
  await until(() => alias > 0);
  const openedMs = performance.now() - startMs;
  const letters = generateLog({
    updates: 100_000,
    writers: 1,
    after: createGenerator({ structs: 100_000, clients: 1, seed: process.pid }),
  });
  if (name !== "small" && process.argv[5] !== "typing") await until(() => isSynced);
  return {
    openedMs,
    leave: () => socket.close(),
    async typeFor(forMs) {
      const latencies = [];
      for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
        const fromMs = performance.now();
        sent += 1;
        const number = sent;
        sendBinary(0, letters.next().value);
        await until(() => acked >= number);
        latencies.push(performance.now() - fromMs);
        await new Promise((resolve) => setTimeout(() => resolve(), 10));
      }
      return latencies;
    },
  };
}

async function comeStock() {
  const ydoc = new Doc();
  const provider = new WebsocketProvider(`${url.replace("http", "ws")}/yjs`, name, ydoc, {
    WebSocketPolyfill: Heard,
    params: { token: `stock-${name}` },
    disableBc: true,
  });
  await new Promise((resolve) => provider.once("sync", resolve));
  return { ydoc, leave: () => provider.destroy(), typeFor: async () => [] };
}
