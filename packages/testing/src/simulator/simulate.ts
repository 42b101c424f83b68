import { createSeededRandom, type SeededRandom } from "../random.ts";
import { type Actor, createActor, type Seat } from "./actor.ts";
import { check, type Finding } from "./checker.ts";
import { DOCUMENTS } from "./documents/definition.ts";
import { healAndLook } from "./end.ts";
import { createHistory, type History, traceOf } from "./history.ts";
import type { Plant } from "./plant.ts";
import { createWorkload, type Stage } from "./workload.ts";
import { createWorld, type World, type WorldSettings } from "./world.ts";

export interface SimulateOptions {
  /** Actions of a run. Default: 20 to 120, by the seed. */
  readonly steps?: number;
  /** Whether documents are edited too. Default: by the seed. */
  readonly documents?: boolean;
  /** A mistake to put in. */
  readonly plant?: Plant;
  /** How many of the last happenings are told. Default: 60 of a run that breaks a rule, none of another. */
  readonly traceLines?: number;
}

export interface SimulationResult {
  readonly ok: boolean;
  readonly seed: number;
  /** The rules it broke. */
  readonly violation: readonly Finding[];
  readonly trace: readonly string[];
}

const TRACE_LINES = 60;

/**
 * One run: real clients against a real server in virtual time, with faults, by the seed. The same seed gives the same
 * run. Ends by healing everything, and judges what the clients saw.
 *
 * @example
 * const result = await simulate(4711);
 * if (!result.ok) throw new Error(reportOf(result));
 */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<SimulationResult> {
  const random = createSeededRandom(seed);
  const settings = chooseSettings(random, options.documents);
  const world = createWorld(random.integer(2 ** 32), settings, options.plant ?? {});
  const history = createHistory(world.clock);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const actors = await play(world, history, random, options.steps ?? 20 + random.integer(100));
    const end = await healAndLook(world, history, actors, unhandled);
    const violation = check({ history, end, settings });
    for (const { client } of end.actors) client.close();
    const ok = violation.length === 0;
    const { traceLines = ok ? 0 : TRACE_LINES } = options;
    return { ok, seed, violation, trace: traceOf(history, traceLines) };
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
}

/** What a run that broke a rule has to tell, its seed first. */
export function reportOf({ seed, violation, trace }: SimulationResult): string {
  const rules = violation.map(({ rule, what }) => `  ${rule}: ${what}`);
  return [`seed ${seed}`, ...rules, "the end of what happened:", ...trace].join("\n");
}

/** Runs seeds until one breaks a rule; resolves with it, or with null, and with how many were run. */
export async function findViolation(
  seeds: Iterable<number>,
  options: SimulateOptions = {},
): Promise<{ readonly found: SimulationResult | null; readonly runs: number }> {
  let runs = 0;
  for (const seed of seeds) {
    runs += 1;
    const result = await simulate(seed, options);
    if (!result.ok) return { found: result, runs };
  }
  return { found: null, runs };
}

function chooseSettings(random: SeededRandom, wantsDocuments: boolean | undefined): WorldSettings {
  const drawn = random.chance(0.5);
  const entriesMax = random.pick([10, 1_000]);
  return {
    entriesMax,
    delayMaxMs: random.pick([1, 5, 40]),
    socketBufferBytesMax: random.pick([2_048, 64 * 1024]),
    // A page of what is recovered has to fit, so only short logs go with small outboxes.
    outboxBytesMax: random.pick([entriesMax === 10 ? 12 * 1024 : 256 * 1024, 1024 * 1024]),
    requestsInFlightMax: random.pick([4, 256]),
    resumeWindowMs: random.pick([2_000, 20_000, 60_000]),
    documents: (wantsDocuments ?? drawn) ? DOCUMENTS.slice(0, random.pick([1, 1, 2])) : [],
    compactAfterEntries: random.pick([3, 12, 500]),
  };
}

async function play(world: World, history: History, random: SeededRandom, steps: number): Promise<Actor[]> {
  const { behaviour } = world.disk;
  const flushMaxMs = random.pick([1, 8, 40]);
  const readMaxMs = random.pick([1, 6, 30]);
  const times = random.fork();
  behaviour.flushMs = () => times.integer(flushMaxMs);
  behaviour.readMs = () => times.integer(readMaxMs);
  world.start();
  const actors = ["ada", "bob", "cyd"].slice(0, 2 + random.integer(2)).map((user) => makeActor(user, user));
  if (random.chance(0.4)) actors.push(makeActor("ada's phone", "ada"));
  const stage: Stage = { world, history, random, actors };
  const workload = createWorkload(stage);
  for (const actor of actors)
    for (const seat of actor.seats) if (random.chance(0.5)) actor.subscribe(seat as Seat);
  for (const actor of actors) for (const document of actor.documents) if (random.chance(0.8)) document.open();
  for (let step = 0; step < steps; step += 1) {
    workload.step();
    await world.clock.run(workload.pauseMs());
  }
  return actors;

  function makeActor(name: string, user: string): Actor {
    return createActor(world, history, {
      name,
      user,
      requestTimeoutMs: random.pick([10_000, 25_000]),
      tokenLifeMs: random.pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 20_000]),
      tokenDelayMs: random.pick([0, 0, 50]),
      handles: random.pick([1, 1, 2]),
      fromStart: random.chance(0.25),
    });
  }
}
