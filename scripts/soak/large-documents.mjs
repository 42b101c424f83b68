// A document of 50 MB, a million structs and 1,000 clients, and a log of 100,000 updates, on a real server with its storage
// on disk: what opening, joining and folding cost, and what others notice. Arguments: [STRUCTS] [UPDATES] [STALL_MS_MAX].
import {
  appendUpdates,
  createGenerator,
  generateLog,
  generateUpdates,
  startLargeServer,
  visit,
  whenFolded,
  withDirectory,
} from "../../tests/integration/large-documents/measure.mjs";

const STRUCTS = Number(process.argv[2] ?? "1000000");
const UPDATES = Number(process.argv[3] ?? "100000");
/** What the server's main thread may compute at most without looking at anything else: waiting for a core that others have does not count. */
const STALL_MS_MAX = Number(process.argv[4] ?? "50");
const MIB = 1024 * 1024;
const failures = [];

const percentile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const say = (what, line) => console.log(`${what.padEnd(42)} ${line}`);

/** Does something with the server, and says how long its event loop stood still and what it held meanwhile. */
async function observed(server, what, work) {
  await server.ask("begin");
  const result = await work();
  const { stalls, peak } = await server.ask("look");
  const stall = `longest stall ${ms(stalls.wallMs)}, own ${ms(stalls.ownMs)}`;
  say(`  ${what}`, `${stall}, peak RSS ${mib(peak.rss)}, heap ${mib(peak.heapUsed)}`);
  if (stalls.ownMs > STALL_MS_MAX)
    failures.push(`${what}: the event loop stood still for ${ms(stalls.ownMs)}`);
  return result;
}

function saySeen(what, { seen }) {
  const { heard } = seen;
  say(
    what,
    `all bytes after ${ms(heard.lastMs)}, synced ${ms(seen.syncedMs)}: ${mib(heard.bytes)} in ${heard.frames} frames`,
  );
}

async function joins(server, expected) {
  let text = expected;
  for (const kind of ["wire", "native", "stock"]) {
    const visitor = await observed(server, `while it is joined (${kind})`, () =>
      visit(server.url, kind, "large"),
    );
    saySeen(`join (${kind})`, visitor);
    text ??= visitor.seen.text;
    if (visitor.seen.text !== undefined && visitor.seen.text !== text)
      failures.push(`a ${kind} client has a text of ${visitor.seen.text} instead of ${text}`);
    await visitor.leave();
  }
  return text;
}

/** Opens the document and types into it and into another one until it is folded. */
async function foldWhileTyping(server, offset) {
  const fromMs = Date.now();
  const small = await visit(server.url, "wire", "small");
  const large = await observed(server, "while it is opened cold", () =>
    visit(server.url, "wire", "large", "typing"),
  );
  say("cold open", `answered after ${ms(large.seen.openedMs)}`);
  const [snapshots, typed, others] = await observed(server, "while it is folded", async () => {
    let isFolded = false;
    const folded = whenFolded(server, offset).finally(() => {
      isFolded = true;
    });
    const until = async (visitor) => {
      const latencies = [];
      do latencies.push(...(await visitor.type(500)));
      while (!isFolded);
      return latencies;
    };
    const [typed, others] = await Promise.all([until(large), until(small)]);
    return [await folded, typed, others];
  });
  const last = snapshots.at(-1);
  const written = snapshots.reduce((bytes, snapshot) => bytes + snapshot.bytes, 0);
  const when = last.atMs < fromMs ? "while it was joined" : `after ${ms(last.atMs - fromMs)}`;
  say("folded", `${when}, ${snapshots.length} times, ${mib(written)} written`);
  for (const [name, latencies] of [
    ["edit → saved, this document", typed],
    ["edit → saved, another document", others],
  ]) {
    const figures = [0.5, 0.99, 1].map((share) => ms(percentile(latencies, share))).join(" / ");
    say(`${name}, p50 / p99 / max`, `${figures} of ${latencies.length}`);
  }
  await Promise.all([large.leave(), small.leave()]);
}

async function withServer(directory, work) {
  const server = await startLargeServer(directory);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

await withDirectory(async (directory) => {
  console.log("— a large document that was never folded");
  const base = await appendUpdates(directory, "large", generateUpdates({ structs: STRUCTS }));
  say("log", `${base.count} updates, ${mib(base.bytes)}, ${STRUCTS} structs`);
  await withServer(directory, (server) => foldWhileTyping(server, base.count));
  console.log("— folded, and opened cold");
  const text = await withServer(directory, (server) => joins(server));
  console.log(`— and after ${UPDATES} updates more`);
  const log = await appendUpdates(
    directory,
    "large",
    generateLog({ updates: UPDATES, after: createGenerator({ structs: UPDATES, clients: 20, seed: 5 }) }),
  );
  say("log", `${log.count} updates, ${mib(log.bytes)}`);
  const after = await withServer(directory, async (server) => {
    const joined = await joins(server);
    await foldWhileTyping(server, base.count + log.count);
    return joined;
  });
  if (after <= text) failures.push(`the text has ${after} letters after ${text}`);
  console.log("— and opened cold again");
  await withServer(directory, (server) => joins(server));
});

for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
