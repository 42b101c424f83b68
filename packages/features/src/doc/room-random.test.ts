import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { RandomPlay } from "./room-random.fixture.ts";

/** How many runs, and the seed of the first. */
const SEEDS = Number(process.env.SEEDS ?? 40);
const FIRST = Number(process.env.FIRST ?? 1);
const STEPS = 250;

function contentOf(document: Y.Doc) {
  return {
    text: document.getText("t").toString(),
    map: document.getMap("m").toJSON(),
    vector: Y.decodeStateVector(Y.encodeStateVector(document)),
  };
}

async function play(seed: number, users: readonly string[]): Promise<RandomPlay> {
  const game = new RandomPlay(seed, users);
  await game.begin();
  for (let step = 0; step < STEPS; step += 1) await game.step();
  await game.end();
  return game;
}

describe("a document under random failures", () => {
  const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST + index);

  test.each(seeds)(
    "[DC6 to DC9] [DC11] keeps what it acknowledges, and the log whole: seed %i",
    async (seed) => {
      const users = seed % 2 === 0 ? ["ada", "bob", "cyd", "ada"] : ["ada", "ada", "ada"];
      const game = await play(seed, users);
      expect(game.failures).toEqual([]);
      const expected = contentOf(game.durable);
      for (const { doc } of game.writers) expect(contentOf(doc)).toEqual(expected);
      expect(game.acknowledgements).toBeGreaterThan(10);
    },
  );
});
