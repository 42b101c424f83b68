import { PlexlineError } from "@plexline/protocol";
import type { SeededRandom } from "../random.ts";
import { type Actor, createActor, type Seat } from "./actor.ts";
import { DOCUMENT_ACTIONS } from "./documents/actions.ts";
import { type History, SERVER } from "./history.ts";
import { sendThief } from "./thief.ts";
import { EPHEMERAL_EVENT, LOGGED_EVENT, TOPICS } from "./topics.ts";
import type { World } from "./world.ts";

/** What actions act on. */
export interface Stage {
  readonly world: World;
  readonly history: History;
  readonly random: SeededRandom;
  /** Replaced one by one when an application is closed and opened again. */
  readonly actors: Actor[];
}

/** Something that happens in a run. */
export interface Action {
  readonly name: string;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  /** Does it; what it returns is told in the trace. */
  act(stage: Stage): string;
}

/** Actions without which a run tells nothing. */
const ALWAYS: ReadonlySet<string> = new Set(["publish", "subscribe", "edit", "open document"]);

const FOR_EVER = Number.POSITIVE_INFINITY;

const ACTIONS: readonly Action[] = [
  { name: "publish", weight: 20, act: (stage) => publish(stage, {}) },
  { name: "publish once", weight: 4, act: (stage) => publish(stage, { offline: "fail" }) },
  { name: "publish unasked", weight: 3, act: (stage) => publish(stage, { ack: false }) },
  {
    name: "burst",
    weight: 3,
    act({ actors, random }) {
      const actor = random.pick(actors);
      const topic = random.pick(TOPICS);
      const count = 2 + random.integer(25);
      for (let n = 0; n < count; n += 1)
        actor.publish(topic, LOGGED_EVENT, { pad: "x".repeat(random.pick([0, 0, 700])) });
      return `${actor.settings.name} ${topic} × ${count}`;
    },
  },
  {
    name: "same key twice",
    weight: 2,
    act({ actors, random, world }) {
      const actor = random.pick(actors);
      const key = `key-${random.id(6)}`;
      const first = actor.publish("disk:1", LOGGED_EVENT, { key });
      world.clock.setTimer(
        () => void actor.publish("disk:1", LOGGED_EVENT, { key, repeats: first }),
        random.integer(40),
      );
      return `${actor.settings.name} ${key}`;
    },
  },
  { name: "server publishes", weight: 2, act: publishFromServer },
  {
    name: "ephemeral",
    weight: 3,
    act({ actors, random }) {
      const actor = random.pick(actors);
      actor.publish("disk:1", EPHEMERAL_EVENT, { offline: "drop" });
      return actor.settings.name;
    },
  },
  {
    name: "state",
    weight: 3,
    act({ actors, random }) {
      const actor = random.pick(actors);
      actor.publish("disk:1", "$state");
      return actor.settings.name;
    },
  },
  {
    name: "presence",
    weight: 8,
    act({ actors, random }) {
      const actor = random.pick(actors);
      const topic = random.pick(TOPICS);
      const state = random.chance(0.25) ? null : random.integer(1_000);
      actor.setPresence(topic, state);
      return `${actor.settings.name} ${topic} ${state}`;
    },
  },
  {
    name: "subscribe",
    weight: 8,
    act(stage) {
      const { actor, seat } = pickSeat(stage);
      actor.subscribe(seat);
      return `${actor.settings.name} ${seat.name.topic}#${seat.name.handle}`;
    },
  },
  {
    name: "unsubscribe",
    weight: 4,
    act(stage) {
      const { actor, seat } = pickSeat(stage);
      actor.unsubscribe(seat);
      return `${actor.settings.name} ${seat.name.topic}#${seat.name.handle}`;
    },
  },
  {
    name: "disconnect",
    weight: 2,
    act: (stage) => each(stage, ({ client }) => client.disconnect()),
  },
  { name: "connect", weight: 4, act: (stage) => each(stage, ({ client }) => client.connect()) },
  { name: "drop", weight: 3, act: (stage) => each(stage, ({ client }) => client.drop()) },
  { name: "reopen", weight: 2, act: reopen },
  {
    name: "cut",
    weight: 5,
    act({ world, random }) {
      const [link] = pickLink(world, random);
      const delay = () => random.pick([0, 10, 1_000, FOR_EVER]);
      const learns = { clientAfterMs: delay(), serverAfterMs: delay() };
      link?.cut(learns);
      return `client ${learns.clientAfterMs}, server ${learns.serverAfterMs}`;
    },
  },
  {
    name: "stall",
    weight: 3,
    act({ world, random }) {
      const [link] = pickLink(world, random);
      const ms = random.pick([20, 300, 2_000, 12_000]);
      link?.stall(true);
      world.clock.setTimer(() => link?.stall(false), ms);
      return `${ms} ms`;
    },
  },
  {
    name: "network down",
    weight: 1,
    act({ world, random }) {
      const ms = random.pick([100, 1_000, 8_000]);
      world.network.isDown = true;
      for (const link of [...world.network.links])
        link.cut({ clientAfterMs: 0, serverAfterMs: random.pick([0, FOR_EVER]) });
      world.clock.setTimer(() => {
        world.network.isDown = false;
      }, ms);
      return `${ms} ms`;
    },
  },
  {
    name: "crash",
    weight: 2,
    act({ world, random }) {
      const lands = random.chance(0.5);
      world.crash(lands);
      world.clock.setTimer(() => world.start(), random.pick([0, 200, 3_000]));
      return lands ? "with the flush landed" : "";
    },
  },
  {
    name: "restart",
    weight: 1,
    act({ world }) {
      world.restartGracefully();
      return "";
    },
  },
  {
    name: "slow flush",
    weight: 2,
    act({ world, random }) {
      const ms = random.pick([30, 400, 15_000]);
      const { behaviour } = world.disk;
      behaviour.slowFlushMs = ms;
      world.clock.setTimer(() => {
        behaviour.slowFlushMs = null;
      }, ms);
      return `${ms} ms`;
    },
  },
  {
    name: "failing flush",
    weight: 2,
    act: ({ world, random }) => fail(world, random, "flushesFail"),
  },
  {
    name: "failing read",
    weight: 1,
    act: ({ world, random }) => fail(world, random, "readsFail"),
  },
  {
    name: "thief",
    weight: 1,
    act(stage) {
      const victim = stage.random.pick(stage.actors);
      sendThief(stage.world, stage.history, victim);
      return victim.settings.name;
    },
  },
];

/** Makes a workload of one run: which actions it uses at all is part of the chance, so that rare mixes happen too. */
export function createWorkload(stage: Stage): { step(): void; pauseMs(): number } {
  const { random, history } = stage;
  const all = stage.world.documents.length > 0 ? [...ACTIONS, ...DOCUMENT_ACTIONS] : ACTIONS;
  const chosen = all.filter(({ name }) => ALWAYS.has(name) || random.chance(0.6));
  const tickets = chosen.flatMap((action) => Array.from({ length: action.weight }, () => action));
  const pauses = random.pick([
    [0, 1, 1, 3, 10, 30],
    [0, 1, 5, 20, 100, 1_000],
    [1, 10, 100, 1_000, 4_000, 12_000],
  ]);
  return {
    step() {
      const action = random.pick(tickets);
      history.note({ kind: "action", text: `${action.name} ${action.act(stage)}` });
    },
    pauseMs: () => (random.chance(0.005) ? 50_000 : random.pick(pauses)),
  };
}

function publish({ actors, random }: Stage, options: Parameters<Actor["publish"]>[2]): string {
  const actor = random.pick(actors);
  const topic = random.pick(TOPICS);
  const { id } = actor.publish(topic, LOGGED_EVENT, options);
  return `${actor.settings.name} ${topic} ${id}`;
}

function publishFromServer({ history, random, world }: Stage): string {
  const topic = random.pick(TOPICS);
  const publication = history.publication({ client: SERVER, topic, event: LOGGED_EVENT, isSentOnce: true });
  world.publish(topic, LOGGED_EVENT, { content: publication.content })?.then(
    ({ position }) => {
      publication.outcome = { kind: "acked", position };
      history.note({ kind: "settled", publication });
    },
    (error: unknown) => {
      publication.outcome = { kind: "refused", code: PlexlineError.from(error).code };
    },
  );
  return `${topic} ${publication.id}`;
}

function pickSeat({ actors, random }: Stage): { actor: Actor; seat: Seat } {
  const actor = random.pick(actors);
  return { actor, seat: random.pick(actor.seats) };
}

function pickLink(world: World, random: SeededRandom) {
  const links = [...world.network.links];
  return links.length === 0 ? [] : [random.pick(links)];
}

function each({ actors, random }: Stage, act: (actor: Actor) => void): string {
  const actor = random.pick(actors);
  act(actor);
  return actor.settings.name;
}

/** The page is closed and opened again: another client of the same user, which wants the same. */
function reopen({ actors, random, world, history }: Stage): string {
  const index = random.integer(actors.length);
  const old = actors[index] as Actor;
  const documents = old.documents.map((document) => ({ document, wasUnsaved: document.handle.unsaved > 0 }));
  old.client.close();
  const [base = "", life = "0"] = old.settings.name.split("+");
  const name = `${base}+${Number(life) + 1}`;
  // Browsers keep documents in a local store, or what others built on an edit that was never saved could never be saved.
  const kept = documents.filter(({ wasUnsaved }) => wasUnsaved || random.chance(0.5));
  const stored = new Map(kept.map(({ document }) => [document.name.topic, document.stored()]));
  const actor = createActor(world, history, { ...old.settings, name, stored });
  actors[index] = actor;
  old.seats.forEach((seat, at) => {
    if (seat.isWanted) actor.subscribe(actor.seats[at] as Seat);
  });
  old.documents.forEach((document, at) => {
    if (document.isWanted) actor.documents[at]?.open();
  });
  return actor.settings.name;
}

function fail(world: World, random: SeededRandom, what: "flushesFail" | "readsFail"): string {
  const ms = random.pick([5, 100, 2_000]);
  world.disk.behaviour[what] = true;
  world.clock.setTimer(() => {
    world.disk.behaviour[what] = false;
  }, ms);
  return `${ms} ms`;
}
