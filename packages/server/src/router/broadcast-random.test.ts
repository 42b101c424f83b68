import {
  broadcastProbe,
  createFaultyStorage,
  createSeededRandom,
  createTestClock,
  createTestServer,
  type FaultyStorage,
  type SeededRandom,
  type TestServer,
} from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMemoryBus } from "../broker/memory.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { Follower, idsOfLog, payloadOf, TOPIC } from "./broadcast-random.fixture.ts";

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);
const STEPS = 120;
const FOLLOWERS = 4;

interface World {
  readonly random: SeededRandom;
  readonly nodes: readonly Node[];
  readonly followers: readonly Follower[];
  nextId: number;
}

interface Node {
  readonly server: TestServer;
  readonly storage: FaultyStorage;
  readonly pad: ReturnType<typeof broadcastProbe>;
}

async function createWorld(seed: number, nodeCount: number): Promise<World> {
  const random = createSeededRandom(seed);
  const clock = createTestClock();
  const bus = createMemoryBus((arrive) => void clock.setTimer(arrive, random.integer(20)));
  const disk = createMemoryStorage({
    random: random.fork(),
    scheduleFlush: (flush) => void clock.setTimer(flush, random.integer(8)),
  });
  const flushWindowMs = random.pick([0, 0, 30]);
  const nodes: Node[] = [];
  for (let index = 0; index < nodeCount; index += 1) {
    const storage = createFaultyStorage(disk);
    const pad = { ...broadcastProbe("pad:{id}"), flushWindowMs };
    const server = await createTestServer({
      topics: { pad },
      clock,
      storage,
      broker: bus.connect(),
      seed: seed + index,
      delayMs: () => random.integer(4),
    });
    nodes.push({ server, storage, pad });
  }
  const followers = Array.from(
    { length: FOLLOWERS },
    (_, index) => new Follower(nodes[index % nodeCount]!.server, `user-${index}`),
  );
  for (const follower of followers) {
    await follower.connect();
    follower.subscribe(true);
  }
  while (!followers.every((follower) => follower.isSubscribed)) await nodes[0]!.server.settle(10);
  return { random, nodes, followers, nextId: 1 };
}

/** One thing that may happen at any moment. */
async function step(world: World): Promise<void> {
  const { random, nodes, followers } = world;
  const follower = random.pick(followers);
  const node = random.pick(nodes);
  const link = () => node.server.linkOf.call(serverOf(world, follower), follower.client);
  const roll = random.integer(100);
  if (roll < 40) send(world, follower);
  else if (roll < 48) void announce(world, node);
  else if (roll < 58) await node.server.settle(random.integer(60));
  else if (roll < 64) node.storage.hold();
  else if (roll < 76) node.storage.release();
  else if (roll < 80) node.storage.fail(1 + random.integer(2));
  else if (roll < 86 && follower.isConnected) follower.subscribe(random.chance(0.3));
  else if (roll < 91 && follower.isConnected) link().stall(random.chance(0.5));
  else if (roll < 94 && follower.isConnected)
    link().cut({ clientAfterMs: random.integer(10), serverAfterMs: random.integer(10) });
  else await comeBack(follower, random.chance(0.2));
  if (random.chance(0.5)) await node.server.settle(random.integer(3));
}

function serverOf({ nodes, followers }: World, follower: Follower): TestServer {
  return nodes[followers.indexOf(follower) % nodes.length]!.server;
}

function send(world: World, follower: Follower): void {
  const id = world.nextId++;
  follower.send(id, world.random.pick([4, 4, 4, 2_000, 50_000]));
}

/** The room itself broadcasts; some of it is longer than any outbox. */
async function announce(world: World, { pad }: Node): Promise<void> {
  const id = world.nextId++;
  const bytes = world.random.pick([4, 4, 2_000, 300_000, 1_500_000]);
  const relay = world.random.pick(["at-once", "when-durable"] as const);
  await pad
    .topic(TOPIC)
    .broadcast({ kind: 0, payload: payloadOf(id, bytes) }, { relay })
    .catch(() => {});
}

async function comeBack(follower: Follower, isFresh: boolean): Promise<void> {
  if (follower.isConnected) return;
  follower.read();
  await follower.connect();
  follower.subscribe(isFresh);
}

/** Everything works again, and whoever was lost comes back. */
async function calmDown(world: World): Promise<void> {
  const { nodes, followers } = world;
  for (const { storage } of nodes) {
    storage.fail(0);
    storage.release();
  }
  for (const follower of followers)
    if (follower.isConnected) serverOf(world, follower).linkOf(follower.client).stall(false);
  const { server } = nodes[0]!;
  do {
    await server.settle(3_000);
    for (const follower of followers) {
      await comeBack(follower, false);
      follower.read();
      if (follower.wasRefused) follower.subscribe(false);
    }
    await server.settle(500);
    for (const follower of followers) follower.read();
  } while (followers.some(({ isConnected, wasRefused }) => !isConnected || wasRefused));
  // What the bus has told last is told after everything else.
  for (const { pad } of nodes)
    await Promise.all([
      pad.topic(TOPIC).broadcast({ kind: 0, payload: payloadOf(world.nextId++) }),
      server.settle(100),
    ]);
  await server.settle(500);
  for (const follower of followers) follower.read();
}

describe.each([1, 2])("broadcasts on %i node(s), with commits that wait and fail", (nodeCount) => {
  test.each(SEEDS)(
    "reach everybody, and nobody is told to have more than it was handed [B7] [B10] (seed %i)",
    async (seed) => {
      const world = await createWorld(seed, nodeCount);
      for (let index = 0; index < STEPS; index += 1) await step(world);
      await calmDown(world);
      const log = await idsOfLog(world.nodes[0]!.storage);
      expect(new Set(log).size).toBe(log.length);
      for (const follower of world.followers) {
        expect(follower.lie(log)).toBeNull();
        expect([follower.user, follower.lacks(log)]).toEqual([follower.user, []]);
        expect([follower.user, follower.offset]).toEqual([follower.user, log.length]);
      }
      for (const { server } of world.nodes) await server.close();
    },
  );
});
