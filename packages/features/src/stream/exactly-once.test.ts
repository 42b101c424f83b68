import { createMemoryStorage } from "@plexline/server";
import {
  createFaultyStorage,
  createSeededRandom,
  type FaultyStorage,
  type RawClient,
  type SeededRandom,
  type TestServer,
} from "@plexline/testing";
import { expect, test } from "vitest";
import type { AppendOutput } from "./protocol.ts";
import { chunks, chunksFold, endWithTest, join, restart, start, TOPIC } from "./stream.fixture.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const ACTIONS = 60;
const PRODUCERS = 4;
/** Appends of a producer that are under way at once. */
const WINDOW = 5;

/** A producer that keeps what it has not been told is stored, and sends it again. */
class TestProducer {
  readonly id: string;
  client: RawClient;
  /** What it has to append from its first to its last sequence: one value, or several. */
  readonly made: string[][] = [];
  /** The first that it does not know to be stored. */
  acked = 0;
  #ref = 10_000;

  constructor(id: string, client: RawClient) {
    this.id = id;
    this.client = client;
  }

  /** Sends several from the first that is not known to be stored, and hears what became of some of them. */
  async push(random: SeededRandom, server: TestServer, isLost: boolean): Promise<void> {
    while (this.made.length < this.acked + 1 + random.integer(WINDOW)) this.#make(random);
    const refs = this.made
      .slice(this.acked, this.acked + WINDOW)
      .map((_, index) => this.#send(this.acked + index));
    if (isLost) {
      if (random.chance(0.5)) await server.settle();
      return;
    }
    const first = this.acked;
    for (const [index, ref] of refs.entries()) {
      const reply = await this.client.next("reply", { ref });
      if (!reply.ok) {
        expect(["STORAGE_UNAVAILABLE", "OVERLOADED"]).toContain(reply.error.code);
        continue;
      }
      const { output } = reply.result as { output: AppendOutput };
      if (output.accepted) {
        // Nothing is told to be stored that leaves a hole before it.
        expect(this.acked).toBeGreaterThanOrEqual(first + index);
        this.acked = Math.max(this.acked, (output.sequence ?? 0) + 1);
      } else expect(output.reason).toBe("gap");
    }
  }

  #make(random: SeededRandom): void {
    const sequence = this.made.length;
    this.made.push(
      Array.from({ length: 1 + random.integer(3) }, (_, part) => `${this.id}/${sequence}/${part}`),
    );
  }

  #send(sequence: number): number {
    this.#ref += 1;
    const producer = { id: this.id, generation: 0, sequence };
    const input = { values: this.made[sequence], producer };
    this.client.send({ type: "call", ref: this.#ref, topic: TOPIC, command: "append", input });
    return this.#ref;
  }
}

async function run(seed: number): Promise<{ server: TestServer; producers: TestProducer[] }> {
  const random = createSeededRandom(seed);
  const storage: FaultyStorage = createFaultyStorage(createMemoryStorage({ random: random.fork() }));
  let server = await start({ fold: chunksFold, history: { entriesMax: 100_000 }, server: { seed, storage } });
  const producers: TestProducer[] = [];
  for (let index = 0; index < PRODUCERS; index += 1)
    producers.push(new TestProducer(`p${index}`, await server.connect(`p${index}`)));
  for (let action = 0; action < ACTIONS; action += 1) {
    const kind = random.integer(20);
    if (kind === 0) {
      server = await restart(server);
      for (const producer of producers) producer.client = await server.connect(producer.id);
      continue;
    }
    if (kind < 6) storage.fail(1 + random.integer(3));
    const pushes = kind % 2 === 0 ? producers : [random.pick(producers)];
    await Promise.all(pushes.map((producer) => producer.push(random, server, random.chance(0.2))));
  }
  storage.fail(0);
  await server.settle(10);
  for (const producer of producers)
    for (let tries = 0; producer.acked < producer.made.length && tries < 100; tries += 1)
      await producer.push(random, server, false);
  return { server, producers };
}

test.each(SEEDS)(
  "[ST1, ST2, ST3, ST4, ST9, ST27] over failures, losses and restarts the log has every append once, in order: seed %i",
  async (seed) => {
    const { server, producers } = await run(seed);
    endWithTest(server);
    const reader = await join(server, "reader", { since: "start" });
    await server.settle(100);
    const all = chunks(reader) as string[];
    for (const { id, made, acked } of producers) {
      expect(acked).toBe(made.length);
      expect(all.filter((value) => value.startsWith(`${id}/`))).toEqual(made.flat());
    }
    expect(all).toHaveLength(producers.flatMap(({ made }) => made.flat()).length);
    const { output } = await reader.ask<{ output: { state: unknown } }>({
      type: "call",
      topic: TOPIC,
      command: "fold",
    });
    expect(output.state).toEqual(all);
  },
);
