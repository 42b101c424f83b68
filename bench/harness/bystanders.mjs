// Those who have nothing to do with an attack, and how long they wait for the server.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { Doc } from "yjs";
import { createClient } from "../../packages/features/dist/client.js";

/** Acknowledgements of one connection come at most every 50 ms: edits keep further apart, so that none waits for that. */
const BETWEEN_EDITS_MS = { min: 55, max: 105 };
const BETWEEN_LOOKS_MS = 15;

/** Waits in milliseconds, kept by name until they are taken. */
export function createWaits() {
  const waits = new Map();
  return {
    note(name, ms) {
      const list = waits.get(name) ?? [];
      waits.set(name, list);
      list.push(ms);
    },
    take() {
      const taken = new Map(waits);
      waits.clear();
      return taken;
    },
  };
}

/** Somebody who edits a document again and again, and notes the time from each edit to its acknowledgement. */
export async function startEditing({ port, user, address, clientId, waits, name }) {
  const doc = new Doc();
  if (clientId !== undefined) doc.clientID = clientId;
  const client = createClient({ url: `ws://127.0.0.1:${port}/ws`, WebSocket, token: () => user });
  const losses = [];
  client.on("status", ({ state, error }) => state !== "connected" && losses.push(error?.code ?? state));
  const page = client.doc(`doc:${address}`, { doc, broadcast: false });
  await page.whenSynced();
  losses.length = 0;
  const text = doc.getText("content");
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) {
      await sleep(BETWEEN_EDITS_MS.min + Math.random() * (BETWEEN_EDITS_MS.max - BETWEEN_EDITS_MS.min));
      const startMs = performance.now();
      text.insert(text.length, "a word ");
      await page.whenSaved();
      waits.note(name, performance.now() - startMs);
    }
  })();
  return {
    losses,
    text,
    async stop() {
      isStopped = true;
      await done;
      client.close();
    },
  };
}

/** Asks `/healthz` again and again over one connection. */
export function startLooking({ port, waits, name }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const look = () =>
    new Promise((resolve, reject) => {
      request({ port, host: "127.0.0.1", path: "/healthz", agent }, (response) => {
        response.resume();
        response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error("unhealthy"))));
      })
        .on("error", reject)
        .end();
    });
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) {
      const startMs = performance.now();
      await look();
      waits.note(name, performance.now() - startMs);
      await sleep(BETWEEN_LOOKS_MS);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await done;
      agent.destroy();
    },
  };
}
