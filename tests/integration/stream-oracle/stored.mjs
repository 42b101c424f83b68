// Runs as a data directory holds them, read without the server that wrote them.
import { runFold } from "@plexline/features/stream/server";
import { openEmbeddedStorage, systemClock, systemRandom } from "@plexline/server";
import { tokenOf } from "./tokens.mjs";

const PAGE = { entriesMax: 10_000, bytesMax: 16 * 1024 * 1024 };

/** Opens a data directory whose server is dead, and reads these runs. */
export async function readStoredRuns(directory, runs) {
  const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
  try {
    return new Map(
      await Promise.all(runs.map(async (run) => [run, await readRun(storage, `default/run:${run}`)])),
    );
  } finally {
    await storage.close();
  }
}

async function readRun(storage, topic) {
  const entries = [];
  for (;;) {
    const page = await storage.read(topic, entries.at(-1)?.offset ?? 0, PAGE);
    if (page.entries.length === 0) break;
    for (const { data, offset } of page.entries) entries.push(decode(data, offset));
  }
  const stored = await storage.get(`topic/${topic}\nrequests`);
  const { pending } = stored ? JSON.parse(Buffer.from(stored.value).toString()) : { pending: [] };
  return { entries, pending: pending.map(({ id }) => id), stateAt: statesOf(entries) };
}

function decode(data, offset) {
  const { event, payload, user, atMs } = JSON.parse(Buffer.from(data).toString());
  const id = event === "outcome" ? payload.request : payload.id;
  return { offset, event, payload, user, atMs, id, token: tokenOf(event, payload) };
}

/** The fold up to an offset, as JSON gives it; asked for in any order. */
function statesOf(entries) {
  return (offset) => {
    let state = runFold.initial();
    for (const entry of entries) if (entry.offset <= offset) state = runFold.apply(state, entry);
    return JSON.parse(JSON.stringify(state));
  };
}
