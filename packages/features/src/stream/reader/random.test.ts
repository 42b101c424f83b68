import { expect, test } from "vitest";
import { RUN_TRANSPORTS } from "../policy/transport-policy.ts";
import { RunWorld } from "./run-world.fixture.ts";

const STEPS = 300;
const READERS = 3;
/** Virtual time in which everything has to be through once the faults are over, in milliseconds. */
const CALM_MS = 120_000;

/** Something goes wrong, or somebody changes their mind. */
function disturb(world: RunWorld, readers: readonly ReturnType<RunWorld["reader"]>[]): void {
  const { random } = world;
  const pickSome = () => RUN_TRANSPORTS.filter(() => random.integer(2) === 0);
  switch (random.integer(24)) {
    case 0:
      world.cut();
      break;
    case 1:
      world.isDown = !world.isDown;
      if (world.isDown) world.cut();
      break;
    case 2:
      for (const transport of RUN_TRANSPORTS) world.blocked.delete(transport);
      for (const transport of pickSome()) world.blocked.add(transport);
      break;
    case 3:
      for (const transport of RUN_TRANSPORTS) world.mute.delete(transport);
      for (const transport of pickSome()) world.mute.add(transport);
      break;
    case 4: {
      const allowed = pickSome();
      const change = { preferred: random.pick(RUN_TRANSPORTS), percent: random.integer(101) };
      world.setPolicy({ ...change, ...(allowed.length > 0 ? { allowed } : {}) }, random.integer(5_000));
      break;
    }
    case 5:
    case 6:
      random
        .pick(readers)
        .reader.switchTo(random.pick(RUN_TRANSPORTS))
        .catch(() => {
          // It may well not work.
        });
      break;
    default:
  }
}

async function simulate(seed: number): Promise<void> {
  const world = new RunWorld(seed);
  const { random } = world;
  const readers = Array.from({ length: READERS }, (_, index) =>
    // Each begins where the run begins, so that what it has to be told is known.
    world.reader({ user: `u${index}`, cursor: world.cursorOf(0), restMs: 5_000 + random.integer(20_000) }),
  );
  let legs = 0;
  for (let step = 0; step < STEPS; step += 1) {
    for (let count = random.integer(4); count > 0; count -= 1) world.partial(step * 10 + count);
    disturb(world, readers);
    await world.settle(random.pick([1, 10, 100, 1_000, 7_000]));
    legs = Math.max(legs, world.lines.size);
  }
  world.isDown = false;
  world.blocked.clear();
  world.mute.clear();
  world.setPolicy({ allowed: RUN_TRANSPORTS });
  world.cut();
  const last = world.partial("last");
  await world.settle(CALM_MS);
  const told = `seed ${seed}`;
  for (const { reader, told: events, gaps } of readers) {
    expect(reader.cursor, `${told}: it has got to the end`).toBe(last);
    const cursors = events.map(({ cursor }) => cursor);
    const all = cursors.map((_, index) => world.cursorOf(index + 1));
    expect(cursors, `${told}: each event once and in order`).toEqual(all);
    expect(gaps, `${told}: nothing was missed`).toEqual([]);
    expect(reader.status.state, told).toBe("live");
    reader.close();
  }
  // A poll that is not waited for any more ends with its time.
  await world.settle(30_000);
  expect(world.lines.size, `${told}: nothing stays open`).toBe(0);
  expect(legs, `${told}: at most two connections of each`).toBeLessThanOrEqual(2 * READERS);
}

const { RUN_SEED } = process.env;
const seeds = RUN_SEED === undefined ? [1, 2, 3, 4, 5, 6, 7, 8] : [Number(RUN_SEED)];

test.each(seeds)(
  "through faults, policies and handovers each event is told once and in order: seed %i",
  async (seed) => {
    await simulate(seed);
  },
);
