import type { FrameFate } from "../../../packages/testing/src/frame-faults.ts";
import { differencesOf, presenceDifferencesOf, replayLog } from "./comparison.ts";
import { editAtRandom } from "./edits.ts";
import { createProviderMember, type Member } from "./member.ts";
import { createNativeMember } from "./native-member.ts";
import { createDocumentWorld, type DocumentWorld, STORED_TOPIC } from "./world.ts";

const STEPS = 200;
/** A restart in each run whose seed this divides. */
const RESTARTED_EVERY = 4;
/** After this time of quiet nothing that still heals is taken for something that does not. */
const HEALING_MAX_MS = 60_000;
const HEALING_STEP_MS = 1_000;
/** Removals of awareness wait for 5 seconds; with room to spare. */
const LEAVE_MS = 8_000;

export interface RunResult {
  readonly seed: number;
  /** What differed in the end; nothing if all was the same. */
  readonly differences: readonly string[];
  /** Entries of the log. */
  readonly entries: number;
  /** What was done, in its order. */
  readonly trace: readonly string[];
}

/**
 * Edits one document from three y-websocket providers and two clients of ours through losses of every kind, heals
 * everything, lets everybody connect anew, and compares all copies with each other and with the log. The same seed does
 * the same again.
 */
export async function runDocuments(seed: number): Promise<RunResult> {
  const world = createDocumentWorld(seed);
  const trace: string[] = [];
  const faults = { isOn: true };
  const fate = createFate(world, faults);
  await world.start();
  const members = [
    createProviderMember(world, { name: "y1", user: "ada", clientId: 101 }, fate),
    createProviderMember(world, { name: "y2", user: "ada", clientId: 102 }, fate),
    createProviderMember(world, { name: "y3", user: "bob", clientId: 103 }, fate),
    createNativeMember(world, { name: "n1", user: "bob", clientId: 104 }),
    createNativeMember(world, { name: "n2", user: "cyd", clientId: 105 }),
  ];
  try {
    for (const member of members) member.connect();
    const restartAt = seed % RESTARTED_EVERY === 0 ? 50 + world.random.integer(100) : -1;
    for (let step = 0; step < STEPS; step += 1) {
      if (step === restartAt) await restart(world, trace);
      else await doSomething(world, members, trace);
    }
    faults.isOn = false;
    await heal(world, members);
    const differences = await differencesAfterHealing(world, members);
    return { seed, differences, entries: world.disk.archive.get(STORED_TOPIC)?.length ?? 0, trace };
  } finally {
    for (const member of members) member.destroy();
    await world.stop();
  }
}

/** Says what a failing seed did, for whoever replays it. */
export function describeRun({ seed, differences, trace }: RunResult): string {
  return `seed ${seed}:\n${differences.join("\n")}\n${trace.join("\n")}`;
}

function createFate({ random }: DocumentWorld, faults: { isOn: boolean }): () => FrameFate {
  const own = random.fork();
  return () => {
    if (!faults.isOn) return "deliver";
    const draw = own.next();
    if (draw < 0.02) return "drop";
    if (draw < 0.05) return "duplicate";
    return draw < 0.09 ? "hold" : "deliver";
  };
}

async function doSomething(world: DocumentWorld, members: Member[], trace: string[]): Promise<void> {
  const { random, clock, network, disk } = world;
  const member = random.pick(members);
  const draw = random.next();
  const note = (what: string) => void trace.push(`${clock.monotonicMs()} ${what}`);
  if (draw < 0.62) {
    note(`${member.name} edits`);
    editAtRandom(member.doc, random);
  } else if (draw < 0.72) {
    note(`${member.name} moves its cursor`);
    member.awareness.setLocalStateField("cursor", random.integer(100));
  } else if (draw < 0.77) {
    note(`${member.name} disconnects`);
    member.disconnect();
  } else if (draw < 0.88) {
    note(`${member.name} connects`);
    member.connect();
  } else if (draw < 0.91 && network.links.size > 0) {
    note("a link is cut");
    random
      .pick([...network.links])
      .cut({ clientAfterMs: random.integer(200), serverAfterMs: random.integer(3_000) });
  } else if (draw < 0.94 && network.links.size > 0) {
    note("a link stalls, or goes on");
    random.pick([...network.links]).stall(random.chance(0.5));
  } else if (draw < 0.96) {
    disk.behaviour.flushesFail = random.chance(0.3);
    note(`the disk ${disk.behaviour.flushesFail ? "fails" : "works"}`);
  } else if (draw < 0.98) {
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
async function heal(world: DocumentWorld, members: readonly Member[]): Promise<void> {
  const { behaviour } = world.disk;
  behaviour.flushesFail = false;
  behaviour.slowFlushMs = null;
  for (const link of world.network.links) link.stall(false);
  await world.clock.run(5_000);
  for (const member of members) member.disconnect();
  await world.clock.run(100);
  for (const member of members) member.connect();
  await world.clock.run(5_000);
}

async function differencesAfterHealing(world: DocumentWorld, members: readonly Member[]): Promise<string[]> {
  let documents = await documentDifferences(world, members);
  for (let ms = 0; documents.length > 0 && ms < HEALING_MAX_MS; ms += HEALING_STEP_MS) {
    await world.clock.run(HEALING_STEP_MS);
    documents = await documentDifferences(world, members);
  }
  // Each client shows itself again, which it does every 15 seconds of real time: y-protocols takes a state that it has
  // seen before it reconnected for an old one.
  for (const { awareness } of members) awareness.setLocalState(awareness.getLocalState());
  await world.clock.run(LEAVE_MS);
  return [...documents, ...presenceDifferencesOf(members)];
}

async function documentDifferences(world: DocumentWorld, members: readonly Member[]): Promise<string[]> {
  // What other threads have to say arrives between two turns of the event loop.
  await new Promise<void>((resolve) => setImmediate(resolve));
  const logged = replayLog(world.disk);
  const differences = differencesOf([...members, { name: "the log", doc: logged }]);
  logged.destroy();
  for (const { name, isSynced, unsaved } of members) {
    if (!isSynced) differences.push(`${name} is not synced`);
    if (unsaved > 0) differences.push(`${name} has ${unsaved} edits unsaved`);
  }
  return differences;
}
