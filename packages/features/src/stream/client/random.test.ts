import type { WebSocketConstructor } from "@plexline/client";
import { createSeededRandom, createTestServer, type TestServer } from "@plexline/testing";
import { expect, test } from "vitest";
import { createClient } from "../../client.ts";
import { stream } from "../server.ts";

const PRODUCERS = 2;
const READERS = 3;
const STEPS = 120;
const VALUES_MAX = 4;
/** Virtual time in which everything has to be through once the faults are over, in milliseconds. */
const CALM_MS = 300_000;

/** Servers of one storage, one after the other, and the way to whichever is there. */
async function createWorld(seed: number) {
  const random = createSeededRandom(seed);
  const topics = { log: stream("log:{id}", { defaultRole: "controller" }) };
  let server: TestServer = await createTestServer({
    topics,
    seed: random.integer(2 ** 31),
    delayMs: () => random.integer(30),
  });
  const WebSocket = class {
    constructor(url: string, protocols: string[]) {
      const { WebSocket: Current } = server.network;
      // biome-ignore lint/correctness/noConstructorReturn: a WebSocket class is what clients expect to call.
      return new Current(url, protocols);
    }
  } as unknown as WebSocketConstructor;
  const { clock } = server;
  return {
    random,
    get server() {
      return server;
    },
    async restart() {
      // The port of a server that stops is closed: nobody gets in any more.
      server.network.isDown = true;
      server = await server.restart();
    },
    connect: (user: string) =>
      createClient<{ topics: typeof topics }>({
        url: "ws://localhost/ws",
        token: () => server.issue(user),
        WebSocket,
        clock,
        random,
        reconnect: { capMs: 2_000 },
      }),
  };
}

/** Loses connections, the network or the server. */
async function disturb(world: Awaited<ReturnType<typeof createWorld>>): Promise<void> {
  const { random, server } = world;
  const { network } = server;
  const links = [...network.links];
  const fault = random.integer(12);
  if (fault < 5 && links.length > 0) {
    const clientAfterMs = random.integer(200);
    random.pick(links).cut({ clientAfterMs, serverAfterMs: random.integer(200) });
  } else if (fault === 5) {
    network.isDown = true;
    for (const link of links) link.cut({ clientAfterMs: 0, serverAfterMs: 0 });
    await server.settle(random.integer(3_000));
    network.isDown = false;
  } else if (fault === 6) {
    await world.restart();
  }
}

async function simulateStreams(seed: number): Promise<void> {
  const world = await createWorld(seed);
  const { random } = world;
  const params = { id: "1" };
  const producers = Array.from({ length: PRODUCERS }, (_, index) =>
    world.connect(`p${index}`).producer("log", params, { id: `p${index}`, lingerMs: random.pick([0, 5]) }),
  );
  const clients = Array.from({ length: READERS }, (_, index) => world.connect(`r${index}`));
  const seen: { readonly name: string; readonly values: string[]; isOver: boolean }[] = [];
  const follow = (client: (typeof clients)[number], since?: string) => {
    const chunksMax = random.pick([2, 5, 1_000]);
    const handle = client.stream("log", params, { buffer: { chunksMax }, ...(since ? { since } : {}) });
    const reader = { name: `reader ${seen.length}`, values: [] as string[], isOver: false };
    seen.push(reader);
    void (async () => {
      for await (const chunk of handle) {
        reader.values.push(chunk as string);
        // A slow one now and then.
        if (random.integer(6) === 0)
          await new Promise<void>(
            (resolve) => void world.server.clock.setTimer(resolve, random.integer(100)),
          );
      }
      reader.isOver = true;
    })().catch((reason: unknown) => reader.values.push(String(reason)));
  };
  for (const client of clients) follow(client);
  const acks: Promise<unknown>[] = [];
  const written = producers.map(() => [] as string[]);
  for (let step = 0; step < STEPS; step += 1) {
    const which = random.integer(PRODUCERS);
    const own = written[which]!;
    const values = Array.from(
      { length: 1 + random.integer(VALUES_MAX) },
      (_, index) => `${which}:${own.length + index}`,
    );
    own.push(...values);
    acks.push(producers[which]!.append(...values));
    if (random.integer(20) === 0) follow(random.pick(clients));
    await disturb(world);
    await world.server.settle(random.integer(60));
  }
  let isDone = false;
  void Promise.all(acks)
    .then(() => producers[0]!.close())
    .then(() => {
      isDone = true;
    });
  const isOver = () => isDone && seen.every((reader) => reader.isOver);
  for (let ms = 0; ms < CALM_MS && !isOver(); ms += 100) await world.server.settle(100);
  const told = `seed ${seed}`;
  expect(isDone, `${told}: every append is acknowledged`).toBe(true);
  for (const { name, values, isOver: hasEnded } of seen) {
    expect(hasEnded, `${told}: ${name} reaches the end`).toBe(true);
    expect(values, `${told}: all readers see one order`).toEqual(seen[0]!.values);
    for (const [which, own] of written.entries()) {
      const ofProducer = values.filter((value) => value.startsWith(`${which}:`));
      expect(ofProducer, `${told}: ${name} has each chunk of producer ${which} once and in order`).toEqual(
        own,
      );
    }
  }
  await world.server.close();
}

const { STREAM_SEED } = process.env;
const seeds = STREAM_SEED === undefined ? [1, 2, 3, 4, 5, 6] : [Number(STREAM_SEED)];

test.each(seeds)(
  "[ST2] [ST3] [RN5] through lost connections and restarts each reader gets each acknowledged chunk once: seed %i",
  async (seed) => {
    await simulateStreams(seed);
  },
);
