import type { Position } from "@plexline/protocol";
import type { Entry } from "@plexline/server";
import { type Actor, createActor } from "./actor.ts";
import { AWARENESS_LEAVE_AFTER_MS, READER } from "./documents/definition.ts";
import type { LoggedUpdate } from "./documents/log.ts";
import type { History } from "./history.ts";
import { LEAVE_AFTER_MS, TOPICS, type TopicAddress } from "./topics.ts";
import type { World } from "./world.ts";

/** What is there when everything has healed and become quiet. */
export interface EndState {
  readonly actors: readonly Actor[];
  /** Why the world did not become quiet; null if it did. */
  readonly unrest: string | null;
  /** Where a newcomer to each topic starts. */
  readonly heads: ReadonlyMap<TopicAddress, Position | null>;
  /** Every entry of the disk topic that was ever durable. */
  readonly archived: readonly Entry[];
  /** The stored state of the disk topic, as its content number. */
  readonly storedState: number | null;
  /** The log of each document, as it became durable. */
  readonly documents: ReadonlyMap<string, readonly LoggedUpdate[]>;
  /** What is stored as their logs now. */
  readonly storedLogs: ReadonlyMap<string, readonly Entry[]>;
  /** Rejections that nobody handled. */
  readonly unhandled: readonly unknown[];
}

/** The half-open connections of both sides have been noticed by then. */
const NOTICED_MS = 12_000;
/** Back-off, tokens and queues have all had their time by then. */
const QUIET_MAX_MS = 90_000;
const STEP_MS = 1_000;

/** Ends every fault, waits until nothing is under way, and looks. */
export async function healAndLook(
  world: World,
  history: History,
  actors: readonly Actor[],
  unhandled: readonly unknown[],
): Promise<EndState> {
  heal(world, actors);
  await world.clock.run(NOTICED_MS);
  let unrest: string | null = "";
  for (let ms = 0; unrest !== null && ms < QUIET_MAX_MS; ms += STEP_MS) {
    heal(world, actors);
    await world.clock.run(STEP_MS);
    unrest = unrestOf(world, actors);
  }
  const auditor = createActor(world, history, {
    name: READER,
    user: READER,
    requestTimeoutMs: 10_000,
    tokenLifeMs: Number.POSITIVE_INFINITY,
    tokenDelayMs: 0,
    handles: 1,
    fromStart: false,
  });
  for (const seat of auditor.seats) auditor.subscribe(seat);
  for (const document of auditor.documents) document.open();
  await world.clock.run(LEAVE_AFTER_MS + 4_000);
  for (const { documents } of [...actors, auditor]) for (const document of documents) document.renew();
  await world.clock.run(AWARENESS_LEAVE_AFTER_MS + 4_000);
  // Unhandled rejections are told only when the tick's queues are empty.
  await new Promise<void>((resolve) => setImmediate(resolve));
  return {
    actors: [...actors, auditor],
    unrest: unrest ?? unrestOf(world, [...actors, auditor]),
    heads: new Map(TOPICS.map((topic) => [topic, auditor.seatsOf(topic)[0]?.topic.position ?? null])),
    archived: world.disk.archive.get("default/disk:1") ?? [],
    storedState: storedStateOf(world),
    documents: new Map(world.documents.map((topic) => [topic, world.documentLog(topic)()])),
    storedLogs: new Map(
      world.documents.map((topic) => [topic, world.disk.content.logs.get(`default/${topic}`)?.entries ?? []]),
    ),
    unhandled,
  };
}

function heal(world: World, actors: readonly Actor[]): void {
  const { behaviour } = world.disk;
  behaviour.slowFlushMs = null;
  behaviour.flushesFail = false;
  behaviour.readsFail = false;
  world.network.isDown = false;
  for (const link of world.network.links) link.stall(false);
  if (!world.isUp) world.start();
  for (const { client, documents } of actors) {
    client.connect();
    for (const document of documents) document.open();
  }
}

function unrestOf(world: World, actors: readonly Actor[]): string | null {
  if (!world.isUp) return "the server does not start";
  for (const actor of actors) {
    const { name } = actor.settings;
    if (actor.client.status.state !== "connected") return `${name} is ${actor.client.status.state}`;
    if (actor.unsettled > 0) return `${name} waits for ${actor.unsettled} publications`;
    for (const { name: seat, isWanted, topic } of actor.seats) {
      const wanted = isWanted ? "subscribed" : "unsubscribed";
      if (topic.status.state !== wanted)
        return `${name}/${seat.topic}#${seat.handle} is ${topic.status.state} and should be ${wanted}`;
    }
    for (const { name: seat, handle } of actor.documents) {
      const { status, synced, unsaved, saveError } = handle;
      if (!synced || unsaved > 0)
        return `${name}/${seat.topic} is ${status.state}, synced: ${synced}, unsaved: ${unsaved} (${saveError?.code})`;
    }
  }
  return null;
}

function storedStateOf(world: World): number | null {
  const stored = world.disk.content.values.get("topic/default/disk:1\nstate");
  if (stored === undefined) return null;
  const { payload } = JSON.parse(Buffer.from(stored.value).toString()) as { payload: { content: number } };
  return payload.content;
}
