import { createSeededRandom, type SeededRandom } from "@plexline/testing";
import { expect, test } from "vitest";
import { Doc, snapshot, snapshotContainsUpdate } from "yjs";
import { startWorld } from "./live.fixture.ts";

/** How many runs, and the seed of the first. */
const SEEDS = Number(process.env.SEEDS ?? 12);
const FIRST = Number(process.env.FIRST ?? 1);
const STEPS = 120;

type World = Awaited<ReturnType<typeof startWorld>>;

/** A user who types and deletes, and who notices if "saved" is said of an edit that is not in the storage. */
function createWriter(world: World, name: string, clientID: number) {
  const { plex, open } = world.client(name);
  // Yjs settles concurrent edits by client id: a seed gives the same run only with given ones.
  const { handle, text } = open({ doc: Object.assign(new Doc(), { clientID }) });
  const edits: Uint8Array[] = [];
  let lies = 0;
  handle.doc.on("update", (update, _origin, _doc, { local }) => {
    if (local) edits.push(update);
  });
  handle.on("unsaved", (unsaved) => {
    if (unsaved > 0) return;
    const durable = snapshot(world.durable());
    lies += edits.filter((edit) => !snapshotContainsUpdate(durable, edit)).length;
  });
  return {
    plex,
    handle,
    text,
    get lies() {
      return lies;
    },
    edit(random: SeededRandom): void {
      const at = random.integer(text.length + 1);
      if (random.chance(0.3) && at < text.length) text.delete(at, 1);
      else text.insert(at, String.fromCharCode(97 + random.integer(26)));
    },
  };
}

async function disturb(world: World, writer: ReturnType<typeof createWriter>, random: SeededRandom) {
  const acts: (() => unknown)[] = [
    ...Array.from({ length: 8 }, () => () => writer.edit(random)),
    () => writer.plex.drop(),
    () => writer.plex.disconnect(),
    () => writer.plex.connect(),
    () => world.cut(),
    () => world.storage.fail(1 + random.integer(3)),
    () => world.storage.hold(),
    () => world.storage.release(),
    () => world.storage.release(),
  ];
  await acts[random.integer(acts.length)]!();
  if (random.chance(0.5)) await world.settle(random.integer(200));
}

/** Also where several users hold edits that build on each other's in turns. */
function isSettled({ handle }: ReturnType<typeof createWriter>): boolean {
  return handle.synced && handle.unsaved === 0;
}

const cases = Array.from({ length: SEEDS }, (_, index) => ({
  seed: FIRST + index,
  users: (FIRST + index) % 2 === 1 ? ["ada", "ada", "ada"] : ["ada", "bob", "bob"],
}));

test.each(cases)(
  "[DC3] [DC9] [DC11] [B8] saved is never said too early; $users, seed $seed",
  async ({ seed, users }) => {
    const random = createSeededRandom(seed);
    const world = await startWorld();
    const writers = users.map((name, n) => createWriter(world, name, n + 1));
    for (let step = 0; step < STEPS; step++) {
      await disturb(world, writers[random.integer(writers.length)]!, random);
    }
    world.storage.fail(0);
    world.storage.release();
    for (const { plex } of writers) plex.connect();
    await world.until(() => writers.every(isSettled));
    expect(writers.map(({ lies }) => lies)).toEqual([0, 0, 0]);
    await world.until(() => writers.every(({ text }) => text.toString() === world.text()));
  },
);
