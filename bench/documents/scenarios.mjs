// What is done to every server. Each sample is of a fresh process on documents that it had stored before.
import { setTimeout as sleep } from "node:timers/promises";
import { collectedMiB, observe, untilQuiet } from "../harness/observe.mjs";
import { placesOf } from "./clients.mjs";
import { BYTES } from "./content.mjs";

export const DOCUMENTS = 50;
const JOINERS = 100;
const ROOMS = 500;
const LETTERS_PER_SECOND = 4;
/** Hocuspocus stores a document that is typed into every 10 seconds: longer than that. */
const TYPING_S = 12;
const QUICK_TYPING_S = 4;
const TYPING_WARM_UP_S = 2;
/** After the last client has left a document, before its memory is looked at. */
const LEFT_MS = 12_000;

const documentNames = () => Array.from({ length: DOCUMENTS }, (_, index) => `large-${index}`);
export const WARM_UP = "large-warm-up";
export const seededNames = () => [WARM_UP, ...documentNames()];

/** Code that has run before, in a process that has connections; of a document that is not measured. */
async function warmUp({ clients }, { wire, port }) {
  for (let left = 2; left > 0; left -= 1) {
    await clients.order("join", { wire, port, places: placesOf(Array(10).fill(WARM_UP)) });
    await clients.order("leave");
  }
}

const named = (part, { ms, stallMs, ownStallMs, cpuMs, peakMiB }) => ({
  [`${part}Ms`]: ms,
  [`${part}StallMs`]: stallMs,
  [`${part}OwnStallMs`]: ownStallMs,
  [`${part}CpuMs`]: cpuMs,
  [`${part}PeakMiB`]: peakMiB,
});

async function joinOne(run, server, { round }) {
  const { wire, port } = server;
  const places = placesOf(Array(JOINERS).fill(`large-${round % DOCUMENTS}`));
  const join = () => run.clients.order("join", { wire, port, places });
  const cold = await observe(run, server, join);
  // One stays, so that the document is open.
  await run.clients.order("leave", { keep: 1 });
  const warm = await observe(run, server, join);
  // Hocuspocus sends some of those who come while it loads a document all of it twice.
  for (const { bytesMin } of [cold, warm])
    if (bytesMin < BYTES) throw new Error(`Somebody was sent ${bytesMin} bytes only.`);
  const isQuiet = cold.isQuiet && warm.isQuiet;
  return { ...named("cold", cold), ...named("warm", warm), isQuiet };
}

async function openMany(run, server) {
  const { wire, port } = server;
  const open = () => run.clients.order("join", { wire, port, places: placesOf(documentNames()) });
  const opened = await observe(run, server, open);
  await untilQuiet(server);
  const openMiB = ((await collectedMiB(server)) - server.idleMiB) / DOCUMENTS;
  await run.clients.order("leave");
  await sleep(LEFT_MS);
  await untilQuiet(server);
  const leftMiB = ((await collectedMiB(server)) - server.idleMiB) / DOCUMENTS;
  return { ...named("open", opened), openMiB, leftMiB, isQuiet: opened.isQuiet };
}

async function type(run, server, { round }) {
  const { wire, port } = server;
  const names = Array.from({ length: 2 * ROOMS }, (_, index) => `typing-${wire}-${round}-${index >> 1}`);
  await run.clients.order("join", { wire, port, places: placesOf(names) });
  const typing = { perSecond: LETTERS_PER_SECOND };
  await run.clients.order("type", { ...typing, seconds: TYPING_WARM_UP_S });
  const seconds = run.quick ? QUICK_TYPING_S : TYPING_S;
  const typed = await observe(run, server, () => run.clients.order("type", { ...typing, seconds }));
  if (typed.missing > 0) throw new Error(`${typed.missing} updates did not arrive.`);
  const roomMiB = ((await collectedMiB(server)) - server.idleMiB) / ROOMS;
  const { p50Ms, p99Ms, savedP50Ms, savedP99Ms, stallMs, peakMiB, isQuiet } = typed;
  const usPerUpdate = (typed.cpuMs * 1_000) / typed.updates;
  const saved = Number.isNaN(savedP50Ms ?? Number.NaN) ? {} : { savedP50Ms, savedP99Ms };
  return {
    ...{ usPerUpdate, p50Ms, p99Ms, ...saved, roomKiB: roomMiB * 1_024 },
    ...{ typeStallMs: stallMs, typePeakMiB: peakMiB, isQuiet },
  };
}

export const SCENARIOS = [
  { name: "join", title: `${JOINERS} clients join one document of 1 MB`, measure: joinOne },
  { name: "open", title: `${DOCUMENTS} documents of 1 MB are opened, by one client each`, measure: openMany },
  {
    name: "typing",
    title: `${ROOMS} rooms, one types ${LETTERS_PER_SECOND} letters a second and one reads`,
    measure: type,
  },
];

/** One sample of one server, in a process that is started for it. */
export async function measureOnce(run, entry, scenario, round) {
  const server = await run.startServer(entry);
  try {
    server.idleMiB = await collectedMiB(server);
    await warmUp(run, server);
    return await scenario.measure(run, server, { round });
  } catch (error) {
    return { failure: error.message };
  } finally {
    await run.clients.order("reset");
    await server.stop();
  }
}
