import * as Y from "yjs";
import { combined } from "../../../packages/features/src/doc/dialects/combined/endpoint.ts";
import { draft } from "../../../packages/features/src/doc/dialects/draft/endpoint.ts";
import { fabric } from "../../../packages/features/src/doc/dialects/fabric/endpoint.ts";
import { hocuspocus } from "../../../packages/features/src/doc/dialects/hocuspocus/endpoint.ts";
import type { FrameFate } from "../../../packages/testing/src/frame-faults.ts";
import type { SeededRandom } from "../../../packages/testing/src/random.ts";
import { differencesOf, replayLog } from "../documents/comparison.ts";
import { editAtRandom } from "../documents/edits.ts";
import type { RunResult } from "../documents/run.ts";
import { createDocumentWorld, type DocumentWorld } from "../documents/world.ts";
import { createCombinedMember } from "./combined-member.ts";
import { createDraftMember } from "./draft-member.ts";
import { createFabricMember } from "./fabric-member.ts";
import { createHocuspocusMember, createHocuspocusSocket } from "./hocuspocus-member.ts";
import type { DialectMember } from "./member.ts";
import { presenceDifferencesOf } from "./presence.ts";
import { createNativeDialectMember, createYWebsocketDialectMember } from "./published-members.ts";
import { immediateWorker } from "./worker.ts";

// What a dialect cannot hold by its nature, and what is therefore not asked of it:
// - Drafts have no presence, and the combined socket tells cursors instead of states.
// - A client without state vectors that sends its whole document can lose what it typed offline: where that is one struct
//   with what the server has, the server does not cut it (DC11). Those here send what the newest state lacks, as their pages say.
// - Hocuspocus' provider counts statuses: one that has frames repeated does not know what is saved, and is not asked. And it
//   may take something for unsaved for too long, until it syncs again (HP11).
// That nothing is unsaved is held against structs alone: deletions of one client cannot be told from those of another.

const STEPS = 120;
/** A restart in each run whose seed this divides. */
const RESTARTED_EVERY = 4;
/** Steps after which is looked whether what is said to be saved is on disk. */
const CLAIMS_EVERY = 4;
/** After this time of quiet nothing that still heals is taken for something that does not. */
const HEALING_MAX_MS = 60_000;
const HEALING_STEP_MS = 1_000;
/** Removals of awareness wait for 5 seconds; with room to spare. */
const LEAVE_MS = 8_000;
/** All dialects edit the first; the second shares a connection of Hocuspocus with it. */
const DOCUMENTS = ["1", "2"];

/**
 * Edits one document from clients of every dialect through lost connections, repeated frames, failing disks and restarts,
 * heals everything, lets everybody connect anew, and compares all copies with each other and with the log; then once more
 * after everybody has made one edit. The same seed does the same again.
 */
export async function runDialects(seed: number): Promise<RunResult> {
  const world = createDocumentWorld(seed, {
    endpoints: () => [hocuspocus(), draft(), fabric(), combined()],
    worker: immediateWorker,
  });
  const trace: string[] = [];
  const faults = { areOn: true };
  await world.start();
  const members = createMembers(world, faults);
  try {
    const claims: string[] = [];
    for (const member of members) member.connect();
    const restartAt = seed % RESTARTED_EVERY === 0 ? 30 + world.random.integer(60) : -1;
    for (let step = 0; step < STEPS; step += 1) {
      if (step === restartAt) await restart(world, trace);
      else await doSomething(world, members, trace);
      if (step % CLAIMS_EVERY === 0) claims.push(...falseClaims(world, members));
    }
    faults.areOn = false;
    await heal(world, members);
    const differences = [...claims, ...(await differencesAfterHealing(world, members))];
    return { seed, differences, entries: DOCUMENTS.flatMap((id) => entriesOf(world, id)).length, trace };
  } finally {
    for (const member of members) member.destroy();
    await world.stop();
  }
}

function createMembers(world: DocumentWorld, faults: { readonly areOn: boolean }): DialectMember[] {
  const own = world.random.fork();
  const broken = fateOf(own, faults, { drop: 0.02, duplicate: 0.03, hold: 0.04 });
  // Only y-websocket's clients repair what no WebSocket does; the others lose frames with their connections.
  const repeat = fateOf(own, faults, { drop: 0, duplicate: 0.03, hold: 0 });
  let clientId = 100;
  const as = (name: string, user: string, document = "1") => {
    clientId += 1;
    return { world, name, user, document, clientId, fate: repeat };
  };
  const shared = createHocuspocusSocket(world, "4.8.0");
  return [
    createNativeDialectMember(as("native", "ada")),
    createYWebsocketDialectMember({ ...as("y-websocket", "ada"), fate: broken }),
    createHocuspocusMember(createHocuspocusSocket(world, "4.8.0", repeat), as("hocuspocus", "bob")),
    createHocuspocusMember(shared, as("hocuspocus, shared", "cyd")),
    createHocuspocusMember(shared, as("hocuspocus, shared, 2", "cyd", "2")),
    createHocuspocusMember(createHocuspocusSocket(world, "3.4.4"), as("hocuspocus-3", "dan")),
    createDraftMember(as("draft", "bob"), "numbers"),
    createDraftMember(as("draft-base64", "eve"), "base64"),
    createDraftMember(as("draft-2", "eve", "2"), "numbers"),
    createFabricMember(as("fabric", "fay"), "base64"),
    createFabricMember(as("fabric-object", "ada"), "object"),
    createFabricMember(as("fabric-2", "gus", "2"), "numbers"),
    createCombinedMember({ ...as("combined", "hal"), form: "object", hasStateVectors: true }),
    createCombinedMember({ ...as("combined-plain", "ida"), form: "numbers", hasStateVectors: false }),
  ];
}

function fateOf(
  own: SeededRandom,
  faults: { readonly areOn: boolean },
  { drop, duplicate, hold }: Readonly<Record<"drop" | "duplicate" | "hold", number>>,
): () => FrameFate {
  return () => {
    if (!faults.areOn) return "deliver";
    const draw = own.next();
    if (draw < drop) return "drop";
    if (draw < drop + duplicate) return "duplicate";
    return draw < drop + duplicate + hold ? "hold" : "deliver";
  };
}

async function doSomething(
  world: DocumentWorld,
  members: readonly DialectMember[],
  trace: string[],
): Promise<void> {
  const { random, clock, network, disk } = world;
  const member = random.pick(members);
  const draw = random.next();
  const note = (what: string) => void trace.push(`${clock.monotonicMs()} ${what}`);
  if (draw < 0.55) {
    note(`${member.name} edits`);
    editAtRandom(member.doc, random);
  } else if (draw < 0.63) {
    note(`${member.name} moves its cursor`);
    member.presence?.show(random.integer(100));
  } else if (draw < 0.7) {
    note(`${member.name} disconnects`);
    member.disconnect();
  } else if (draw < 0.86) {
    const away = members.filter(({ isSynced }) => !isSynced);
    const returning = away.length === 0 ? member : random.pick(away);
    note(`${returning.name} connects`);
    returning.connect();
  } else if (draw < 0.91 && network.links.size > 0) {
    note("a link is cut");
    random
      .pick([...network.links])
      .cut({ clientAfterMs: random.integer(200), serverAfterMs: random.integer(3_000) });
  } else if (draw < 0.94 && network.links.size > 0) {
    note("a link stalls, or goes on");
    random.pick([...network.links]).stall(random.chance(0.5));
  } else if (draw < 0.97) {
    disk.behaviour.flushesFail = random.chance(0.3);
    note(`the disk ${disk.behaviour.flushesFail ? "fails" : "works"}`);
  } else {
    disk.behaviour.slowFlushMs = random.chance(0.4) ? 300 : null;
    note(`the disk is ${disk.behaviour.slowFlushMs === null ? "itself" : "slow"}`);
  }
  await clock.run(random.integer(random.chance(0.05) ? 2_000 : 30));
}

async function restart(world: DocumentWorld, trace: string[]): Promise<void> {
  const isCrash = world.random.chance(0.7);
  trace.push(`${world.clock.monotonicMs()} the server ${isCrash ? "crashes" : "restarts"}`);
  if (isCrash) world.crash(world.random.chance(0.5));
  else await world.stop();
  await world.clock.run(world.random.integer(1_000));
  await world.start();
}

/** Ends all that goes wrong, and lets everybody connect anew, as if their back-off were over. */
async function heal(world: DocumentWorld, members: readonly DialectMember[]): Promise<void> {
  const { behaviour } = world.disk;
  behaviour.flushesFail = false;
  behaviour.slowFlushMs = null;
  for (const link of world.network.links) link.stall(false);
  await world.clock.run(5_000);
  for (const member of members) member.disconnect();
  await world.clock.run(100);
  for (const member of members) member.connect();
  await world.clock.run(5_000);
  // An update that only deletes, made while the first sync begins (Yjs makes some by itself, of formats that others have made
  // redundant), may have been written before it, and has no status: that an edit is unsaved is true too long [HP11].
  for (const { unsaved, syncAgain } of members) if (unsaved) syncAgain?.();
}

async function differencesAfterHealing(
  world: DocumentWorld,
  members: readonly DialectMember[],
): Promise<string[]> {
  const afterReconnect = await documentDifferencesInTheEnd(world, members);
  // Everybody has been sent the document; what everybody now does has to reach all others as it happens.
  for (const { doc, presence } of members) {
    editAtRandom(doc, world.random);
    presence?.show(world.random.integer(100));
  }
  const afterEdits = await documentDifferencesInTheEnd(world, members);
  // As clients do every 15 seconds of real time. Those of y-protocols take a state that they saw before they reconnected
  // for an old one, and Hocuspocus' does not answer a removal of its own state before it.
  for (const { presence } of members) presence?.renew();
  await world.clock.run(LEAVE_MS);
  const presence = DOCUMENTS.flatMap((id) => presenceDifferencesOf(membersOf(members, id)));
  return [...afterReconnect, ...afterEdits, ...presence];
}

async function documentDifferencesInTheEnd(
  world: DocumentWorld,
  members: readonly DialectMember[],
): Promise<string[]> {
  let differences: string[] = [];
  for (let ms = 0; ms < HEALING_MAX_MS; ms += HEALING_STEP_MS) {
    await world.clock.run(HEALING_STEP_MS);
    differences = documentDifferences(world, members);
    if (differences.length === 0) break;
  }
  return differences;
}

function documentDifferences(world: DocumentWorld, members: readonly DialectMember[]): string[] {
  const differences = DOCUMENTS.flatMap((id) => {
    const logged = replayLog(world.disk, storedTopicOf(id));
    const found = differencesOf([...membersOf(members, id), { name: "the log", doc: logged }]);
    logged.destroy();
    return found;
  });
  for (const { name, isSynced, unsaved } of members) {
    if (!isSynced) differences.push(`${name} is not synced`);
    if (unsaved) differences.push(`${name} has ${unsaved} edits unsaved`);
  }
  return differences;
}

/** Clients that say that nothing of theirs is unsaved, although the log is without an edit of theirs. */
function falseClaims(world: DocumentWorld, members: readonly DialectMember[]): string[] {
  return DOCUMENTS.flatMap((id) => {
    const logged = replayLog(world.disk, storedTopicOf(id));
    const saved = Y.decodeStateVector(Y.encodeStateVector(logged));
    logged.destroy();
    return membersOf(members, id).flatMap(({ name, doc, unsaved }) => {
      const written = Y.decodeStateVector(Y.encodeStateVector(doc)).get(doc.clientID) ?? 0;
      if (unsaved !== 0 || written <= (saved.get(doc.clientID) ?? 0)) return [];
      return [
        `${name} says at ${world.clock.monotonicMs()} that nothing is unsaved, and the log lacks an edit`,
      ];
    });
  });
}

function membersOf(members: readonly DialectMember[], id: string): DialectMember[] {
  return members.filter(({ document }) => document === id);
}

function entriesOf({ disk }: DocumentWorld, id: string): readonly unknown[] {
  return disk.archive.get(storedTopicOf(id)) ?? [];
}

function storedTopicOf(id: string): string {
  return `default/doc:${id}`;
}
