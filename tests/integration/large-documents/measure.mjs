// A large document on a real server: what opening, joining and folding it cost, and what others notice of that.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEmbeddedStorage, systemClock, systemRandom } from "@plexline/server";
import { encodeBinaryEntry } from "../../../packages/server/dist/router/binary-entry.js";
import { createGenerator, generateLog, generateUpdates } from "./generate.mjs";

const SERVER = fileURLToPath(new URL("server.mjs", import.meta.url));
const VISITOR = fileURLToPath(new URL("visitor.mjs", import.meta.url));
const SENDER = { principal: { id: "generator", kind: "user" }, sessionId: null };
const ENTRIES_PER_COMMIT = 1_000;

/** Appends updates to the log of a document whose server does not run. Returns what they were. */
export async function appendUpdates(directory, name, updates) {
  const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
  const entries = [];
  let [count, bytes] = [0, 0];
  const commit = async () => {
    await storage.commit({ appends: [{ topic: `default/doc:${name}`, entries: entries.splice(0) }] });
  };
  for (const payload of updates) {
    entries.push({ data: encodeBinaryEntry({ kind: 0, payload, sender: SENDER }), atMs: Date.now() });
    count += 1;
    bytes += payload.length;
    if (entries.length === ENTRIES_PER_COMMIT || payload.length > 100_000) await commit();
  }
  if (entries.length > 0) await commit();
  await storage.close();
  return { count, bytes };
}

/** Appends an update to each of so many documents. */
export async function createDocuments(directory, count, update) {
  const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
  const entry = { data: encodeBinaryEntry({ kind: 0, payload: update, sender: SENDER }), atMs: Date.now() };
  for (let from = 0; from < count; from += ENTRIES_PER_COMMIT)
    await storage.commit({
      appends: Array.from({ length: Math.min(ENTRIES_PER_COMMIT, count - from) }, (_, index) => ({
        topic: `default/doc:cold-${from + index}`,
        entries: [entry],
      })),
    });
  await storage.close();
}

export async function startLargeServer(directory) {
  const child = fork(SERVER, [directory], { execArgv: ["--expose-gc"] });
  const { port } = await answerOf(child);
  let last = 0;
  const ask = async (request) => {
    const id = ++last;
    child.send({ id, request });
    for (;;) {
      const answer = await answerOf(child);
      if (answer.id !== id) continue;
      if (answer.error) throw new Error(answer.error);
      return answer.reply;
    }
  };
  return {
    url: `http://127.0.0.1:${port}`,
    ask,
    async stop() {
      const ended = once(child, "exit");
      await ask("stop");
      await ended;
    },
  };
}

/** The next message of a process; rejects when it ends instead. */
async function answerOf(child) {
  const ended = new AbortController();
  const exit = once(child, "exit", { signal: ended.signal }).then(([code]) => {
    throw new Error(`The process ended with code ${code}.`);
  });
  try {
    return (await Promise.race([once(child, "message"), exit]))[0];
  } finally {
    ended.abort();
    exit.catch(() => {});
  }
}

/** Somebody comes to a document; resolves when they have it. */
export async function visit(url, kind, name, how = "") {
  const child = fork(VISITOR, [url, kind, name, how], { execArgv: ["--max-old-space-size=4096"] });
  // Other people's machines are not the server's: what a client computes must not take a core from it.
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const seen = await answerOf(child);
  return {
    seen,
    async type(forMs) {
      child.send({ type: "type", forMs });
      return (await answerOf(child)).latencies;
    },
    async leave() {
      const ended = once(child, "exit");
      child.send({ type: "leave" });
      await ended;
    },
  };
}

export async function withDirectory(work) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-large-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Until the server has folded a document up to its last entry, or as far as it wants to. */
export async function whenFolded(server, offset, deadlineMs = 300_000) {
  for (const endMs = Date.now() + deadlineMs; Date.now() < endMs; ) {
    const { snapshots } = await server.ask("look");
    const last = snapshots.filter(({ topic }) => topic === "default/doc:large").at(-1);
    if (last && last.offset >= offset) return snapshots;
    await new Promise((resolve) => setTimeout(() => resolve(), 100));
  }
  throw new Error("The document was not folded in time.");
}

export { createGenerator, generateLog, generateUpdates };
