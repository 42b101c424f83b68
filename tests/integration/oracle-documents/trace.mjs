// Sends an editing trace through a server, keystroke by keystroke, while others read along, and compares what everybody has.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@plexline/features/client";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { createRandom } from "../oracle/run.mjs";
import { editingTrace } from "./editing-trace.mjs";
import { startDocumentServer } from "./processes.mjs";
import { readStoredDocuments } from "./stored.mjs";
import { RAISED } from "./trace.config.mjs";

/** Lets the event loop turn once. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const CONFIG = new URL("trace.config.mjs", import.meta.url).pathname;
/** Keystrokes of which nobody has said yet that they are saved: beyond it the writer waits. */
const UNSAVED_MAX = 2_000;
/** Keystrokes between two turns of the event loop. */
const PER_TURN = 20;
const CLIENT_ID = 1_000;

/**
 * Runs a trace of so many insertions and deletions. `differences` tells who has another document than a local replay; all
 * the rest are figures.
 */
export async function runTrace({ inserts, deletes, seed, tell = () => {} }) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-trace-"));
  const trace = [...editingTrace({ inserts, deletes, random: createRandom(seed) })];
  tell(
    `${inserts} insertions and ${deletes} deletions (synthetic, seed ${seed}); raised: ${JSON.stringify(RAISED)}`,
  );
  let server = await startDocumentServer(directory, 0, CONFIG);
  const closing = [];
  try {
    const people = await meet(server.url, closing);
    const startMs = performance.now();
    await type(people.writer, trace);
    await people.writer.whenSaved();
    const seconds = (performance.now() - startMs) / 1_000;
    tell(`saved after ${seconds.toFixed(1)} s: ${Math.round(trace.length / seconds)} updates/s`);
    const local = replay(trace);
    await everybodyHas(local, people);
    tell(`read along by everybody after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    const differences = compare(local, { ...people.docs });
    for (const close of closing.splice(0)) close();

    server.child.kill("SIGTERM");
    await server.ended;
    const [stored] = await readStoredDocuments(directory, ["trace"]);
    tell(
      `log: ${stored.entries.length} entries, ${stored.logBytes} bytes; snapshot at ${stored.snapshot?.offset}: ${stored.snapshot?.bytes} bytes`,
    );
    server = await startDocumentServer(directory, 0, CONFIG);
    const { joinMs, doc } = await enter(server.url, closing);
    tell(`a fresh client joins the restarted server in ${joinMs.toFixed(0)} ms`);
    differences.push(
      ...compare(local, {
        "a fresh client": doc,
        "the log": stored.log,
        "the snapshot and its tail": stored.folded,
      }),
    );
    const { entries, logBytes, snapshot } = stored;
    return {
      differences,
      seconds,
      updates: trace.length,
      entries: entries.length,
      logBytes,
      snapshot,
      joinMs,
    };
  } finally {
    for (const close of closing) close();
    server.kill();
    await server.ended;
    await rm(directory, { recursive: true, force: true });
  }
}

function openPage(url, user, closing) {
  const doc = new Y.Doc();
  const client = createClient({ url: `${url.replace("http", "ws")}/ws`, WebSocket, token: () => user });
  closing.push(() => client.close());
  return client.doc("doc:trace", { doc, broadcast: false });
}

/** Somebody who writes, somebody on each wire who reads along. */
async function meet(url, closing) {
  const writer = openPage(url, "writer", closing);
  writer.doc.clientID = CLIENT_ID;
  const reader = openPage(url, "reader", closing);
  const ydoc = new Y.Doc();
  const provider = new WebsocketProvider(`${url.replace("http", "ws")}/yjs`, "trace", ydoc, {
    WebSocketPolyfill: WebSocket,
    params: { token: "stock" },
    disableBc: true,
  });
  closing.push(() => provider.destroy());
  await Promise.all([writer.whenSynced(), reader.whenSynced(), once(provider, "sync")]);
  return {
    writer,
    docs: { "the writer": writer.doc, "a reader on our client": reader.doc, "a reader on y-websocket": ydoc },
  };
}

/** Makes each keystroke an update of its own. */
async function type(page, trace) {
  const text = page.doc.getText("content");
  for (const [index, keystroke] of trace.entries()) {
    apply(text, keystroke);
    // What was typed leaves in a microtask.
    if (index % PER_TURN === 0) await turn();
    else await null;
    if (page.unsaved > UNSAVED_MAX) await page.whenSaved();
  }
}

function apply(text, [index, character]) {
  if (character === undefined) text.delete(index, 1);
  else text.insert(index, character);
}

/** The same trace in a document that never met a server. */
function replay(trace) {
  const doc = new Y.Doc();
  doc.clientID = CLIENT_ID;
  const text = doc.getText("content");
  for (const keystroke of trace) apply(text, keystroke);
  return doc;
}

/** Waits until the readers have what the writer has. */
function everybodyHas(local, { docs }) {
  const wanted = Y.snapshot(local);
  const has = (doc) => Y.equalSnapshots(Y.snapshot(doc), wanted);
  return Promise.all(
    Object.values(docs).map(async (doc) => {
      while (!has(doc)) await once(doc, "update");
    }),
  );
}

function compare(local, docs) {
  const text = local.getText("content").toString();
  const snapshot = Y.snapshot(local);
  return Object.entries(docs)
    .filter(
      ([, doc]) => doc.getText("content").toString() !== text || !Y.equalSnapshots(Y.snapshot(doc), snapshot),
    )
    .map(([name]) => `${name} and a local replay differ`);
}

async function enter(url, closing) {
  const startMs = performance.now();
  const page = openPage(url, "newcomer", closing);
  await page.whenSynced();
  return { joinMs: performance.now() - startMs, doc: page.doc };
}
