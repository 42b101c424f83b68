// Kills a server whose documents are being edited, again and again, and holds what is there afterwards against what it had
// said was saved.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalSnapshots, snapshot } from "yjs";
import { atMoment, createRandom } from "../oracle/run.mjs";
import { findDocumentViolations } from "./check.mjs";
import { readFresh } from "./fresh.mjs";
import { startDocumentServer, startDocumentWriters } from "./processes.mjs";
import { readStoredDocuments } from "./stored.mjs";

const DOCUMENTS = ["a", "b"];
/** Two on each wire for each document. */
const WRITERS = 6 * DOCUMENTS.length;
/** Kills that one data directory lives through; then a new one begins, because every check reads the whole log. */
const KILLS_PER_DIRECTORY = 5;
/** The kill comes this long after somebody was first told of a save. */
const KILL_AFTER_MS = { min: 300, max: 800 };
/** Saves that living writers get from the restarted server before they stop. */
const SAVES_AFTER_MIN = 30;

/**
 * Kills `kills` times. In every other kill the writers die with the server, so that nobody sends anything again; in the
 * others they live, reconnect and bring what was not saved.
 */
export async function runDocumentOracle({ kills, seed, tell = () => {} }) {
  const random = createRandom(seed);
  const report = {
    kills: 0,
    killsInFlight: 0,
    survivedUnsaved: 0,
    savedTokens: 0,
    saves: 0,
    savesOn: { n: 0, y: 0, h: 0 },
    entries: 0,
    snapshots: 0,
    refusals: 0,
    violations: [],
  };
  while (report.kills < kills && report.violations.length === 0) {
    await runDirectory({ count: Math.min(KILLS_PER_DIRECTORY, kills - report.kills), random, report, tell });
  }
  return report;
}

/** The report in one line, for people. */
export function describeDocumentReport(report) {
  const { kills, killsInFlight, survivedUnsaved, savedTokens, saves, savesOn, entries, snapshots, refusals } =
    report;
  const share = Math.round((killsInFlight / kills) * 100);
  const perKill = (count) => Math.round(count / kills);
  return `${kills} kills, ${share} % of them on commits in flight (${survivedUnsaved} tokens were durable and not yet told saved), ${perKill(saves)} saves of ${perKill(savedTokens)} tokens per kill (${perKill(savesOn.n)} natively, ${perKill(savesOn.y)} on y-websocket, ${perKill(savesOn.h)} on Hocuspocus), ${entries} entries checked, ${snapshots} snapshots written meanwhile, ${refusals} answers refused in part and brought again, ${report.violations.length} violations`;
}

async function runDirectory({ count, random, report, tell }) {
  const directory = await mkdtemp(join(tmpdir(), "plexline-oracle-documents-"));
  const facts = new Map(DOCUMENTS.map((address) => [address, []]));
  const run = { directory, facts, epochs: [], offsets: [], server: await startDocumentServer(directory) };
  try {
    for (let i = 0; i < count && report.violations.length === 0; i++) {
      await runKill({ run, random, report, tell });
    }
  } finally {
    run.writers?.kill();
    run.server.kill();
    await Promise.all([run.server.ended, run.writers?.ended]);
    await rm(directory, { recursive: true, force: true });
  }
}

async function runKill({ run, random, report, tell }) {
  const number = report.kills + 1;
  const writersDie = number % 2 === 1;
  const seed = Math.floor(random() * 2 ** 31);
  const writers = startDocumentWriters({
    url: run.server.url,
    name: `w${number}`,
    seed,
    documents: DOCUMENTS,
  });
  run.writers = writers;
  const { told } = writers;
  for (const [address, facts] of told.facts) run.facts.get(address).push(facts);
  await writers.until(({ saves }) => saves > 0);
  await atMoment(KILL_AFTER_MS.min + random() * (KILL_AFTER_MS.max - KILL_AFTER_MS.min), async () => {
    // In one kill of four it waits for the next save: then the rest of that batch is durable and its acks are on their way.
    const soFar = told.saves;
    if (number % 4 === 3) await writers.until(({ saves }) => saves > soFar);
    run.server.kill();
    if (writersDie) writers.kill();
  });
  await run.server.ended;
  // Whatever the dead server had sent has now arrived: it counts as said.
  if (writersDie) await writers.ended;
  else await writers.until(({ lost }) => lost.size === WRITERS);
  const { saves } = told;
  const before = factsOf(run);

  const stored = await readStoredDocuments(run.directory, DOCUMENTS);
  const violate = (violations) =>
    report.violations.push(...violations.map((violation) => `kill ${number}: ${violation}`));
  violate(checkStored(run, stored, before));
  const unsaved = countUnsaved(stored, before, `w${number}.`);

  run.server = await startDocumentServer(run.directory, run.server.port);
  if (writersDie) {
    const texts = await readFresh(run.server.url, DOCUMENTS);
    violate(checkTexts("read afresh", texts, before));
    violate(findDifferences("read afresh", texts, stored));
  } else {
    await writers.until((now) => now.saves >= saves + SAVES_AFTER_MIN);
    writers.stop();
    await writers.until(({ isOver }) => isOver);
    const texts = await readFresh(run.server.url, DOCUMENTS);
    violate(checkTexts("after the writers came back", texts, factsOf(run)));
    violate(DOCUMENTS.filter((address, i) => told.texts.get(address) !== texts[i]).map(differs));
  }
  note(report, { told, stored, run, unsaved });
  tell(
    `kill ${number}: writers ${writersDie ? "died too" : "lived"}, ${saves} saves before it, ${unsaved} tokens durable and not told saved, snapshots at ${stored.map((one) => `${one.snapshot?.offset ?? "none"}/${one.entries.length}`).join(" and ")}`,
  );
}

const differs = (address) => `doc:${address}: a fresh client and the writers that lived differ`;

function note(report, { told, stored, run, unsaved }) {
  report.kills += 1;
  report.killsInFlight += unsaved > 0 ? 1 : 0;
  report.survivedUnsaved += unsaved;
  report.saves += told.saves;
  for (const [kind, saves] of Object.entries(told.savesOn)) report.savesOn[kind] += saves;
  // Writers that lived may hold what others wrote and the crash took: that is theirs to bring (DC11), and all is saved in the end.
  report.refusals += told.errors.length;
  for (const { saved, savedDeleted } of told.facts.values())
    report.savedTokens += saved.size + savedDeleted.size;
  for (const [index, { entries, snapshot: folded }] of stored.entries()) {
    report.entries += entries.length;
    if (folded && folded.offset !== run.offsets[index]) report.snapshots += 1;
    run.offsets[index] = folded?.offset;
  }
}

/** What all writers of the directory did and were told, as sets by document. */
function factsOf({ facts }) {
  const union = (parts, name) => new Set(parts.flatMap((part) => [...part[name]]));
  return DOCUMENTS.map((address) => {
    const parts = facts.get(address);
    return {
      inserted: union(parts, "inserted"),
      deleted: union(parts, "deleted"),
      saved: union(parts, "saved"),
      savedDeleted: union(parts, "savedDeleted"),
    };
  });
}

function checkTexts(where, texts, facts) {
  return texts.flatMap((text, index) =>
    findDocumentViolations({ name: `doc:${DOCUMENTS[index]}, ${where}`, text, ...facts[index] }),
  );
}

function checkStored(run, stored, facts) {
  const isOther = (epoch, index) => run.epochs[index] !== undefined && run.epochs[index] !== epoch;
  const isFolded = ({ log, folded }) =>
    log.getText("content").toString() === folded.getText("content").toString() &&
    equalSnapshots(snapshot(log), snapshot(folded));
  const violations = stored.flatMap(({ epoch, ...document }, index) => [
    ...(isOther(epoch, index) ? [`doc:${DOCUMENTS[index]}: the epoch has changed`] : []),
    ...(isFolded(document)
      ? []
      : [`doc:${DOCUMENTS[index]}: the snapshot and the log after it are not what the whole log is`]),
  ]);
  run.epochs = stored.map(({ epoch }) => epoch);
  const texts = stored.map(({ text }) => text);
  return [...violations, ...checkTexts("in the store", texts, facts)];
}

function findDifferences(where, texts, stored) {
  return DOCUMENTS.filter((_, index) => texts[index] !== stored[index].text).map(
    (address) => `doc:${address}: the store and what is ${where} differ`,
  );
}

/** Tokens of a kill's writers that are durable although nobody was told. */
function countUnsaved(stored, facts, prefix) {
  return stored.reduce((count, { text }, index) => {
    const { inserted, saved } = facts[index];
    return (
      count +
      [...inserted].filter((token) => token.startsWith(prefix) && !saved.has(token) && text.includes(token))
        .length
    );
  }, 0);
}
