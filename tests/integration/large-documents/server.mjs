// A server of large documents in a process of its own, which says how long its event loop stood still and what it holds.
import { yWebsocket } from "@plexline/features/doc/y-websocket";
import { doc } from "@plexline/features/server";
import {
  authenticateWith,
  createServer,
  openEmbeddedStorage,
  systemClock,
  systemRandom,
} from "@plexline/server";
import { watchStalls } from "../../../bench/harness/stalls.mjs";

const directory = process.argv[2];
const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
const snapshots = [];
const written = { bytes: 0 };
const app = createServer({
  topics: { doc: doc("doc:{name}") },
  endpoints: [yWebsocket()],
  auth: authenticateWith(({ token }) => ({ id: token ?? "somebody" })),
  resources: "auto",
  storage: watch(storage),
});
const { port } = await app.listen(0);

const watched = watchStalls();
let peak = { rss: 0, heapUsed: 0, external: 0 };
const sample = setInterval(() => {
  const { rss, heapUsed, external } = process.memoryUsage();
  peak = {
    rss: Math.max(peak.rss, rss),
    heapUsed: Math.max(peak.heapUsed, heapUsed),
    external: Math.max(peak.external, external),
  };
}, 20);

/** The storage, and what is written into it beside the log. */
function watch(inner) {
  const sizeOf = (chunks) => chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
  return new Proxy(inner, {
    get(target, name) {
      const value = target[name];
      if (name !== "writeSnapshot" && name !== "writeSegment") return value;
      return async (...args) => {
        written.bytes += sizeOf(args[2]);
        await value.apply(target, args);
        if (name === "writeSnapshot")
          snapshots.push({ atMs: Date.now(), topic: args[0], offset: args[1].offset, bytes: written.bytes });
        if (name === "writeSnapshot") written.bytes = 0;
      };
    },
  });
}

async function answer(request) {
  if (request === "begin") {
    watched.reset();
    peak = { rss: 0, heapUsed: 0, external: 0 };
    return null;
  }
  if (request === "look") return { stalls: watched.stalls, peak, snapshots };
  if (request === "memory") {
    for (let round = 0; round < 3; round += 1) {
      globalThis.gc?.();
      await new Promise(setImmediate);
    }
    return process.memoryUsage();
  }
  clearInterval(sample);
  await app.close();
  await storage.close();
  return null;
}

process.on("message", ({ id, request }) => {
  answer(request).then(
    (reply) => process.send({ id, reply }, () => request === "stop" && process.exit(0)),
    (error) => process.send({ id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
process.send({ port });
