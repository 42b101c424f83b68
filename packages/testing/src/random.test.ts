import { describe, expect, test } from "vitest";
import { createSeededRandom } from "./random.ts";

const draws = (seed: number, count: number) => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe("seeded randomness", () => {
  test("repeats with its seed and differs between seeds", () => {
    expect(draws(7, 20)).toEqual(draws(7, 20));
    expect(draws(7, 20)).not.toEqual(draws(8, 20));
    expect(draws(0, 1)).not.toEqual(draws(1, 1));
  });

  test("spreads evenly over its range", () => {
    const random = createSeededRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw += 1) counts[random.integer(10)]! += 1;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  test("gives ids of the length of real ones, repeatable and without a collision in a family", () => {
    const family = () => {
      const random = createSeededRandom(3);
      const forks = [random, random.fork(), random.fork()];
      return Array.from({ length: 30_000 }, (_, index) => forks[index % 3]!.id(16));
    };
    const ids = family();
    expect(new Set(ids.map((id) => id.slice(0, 6))).size).toBe(ids.length);
    expect(ids[0]).toMatch(/^[\w-]{22}$/);
    expect(family()).toEqual(ids);
    expect(() => createSeededRandom(3).id(3)).toThrow(RangeError);
  });

  test("keeps a fork's numbers apart from what its parent draws later", () => {
    const parent = createSeededRandom(5);
    const fork = parent.fork();
    const other = createSeededRandom(5);
    const otherFork = other.fork();
    other.next();
    other.id(8);
    expect(fork.next()).toBe(otherFork.next());
    expect(fork.next()).not.toBe(parent.next());
  });

  test("picks, and takes chances as often as told", () => {
    const random = createSeededRandom(9);
    const taken = Array.from({ length: 10_000 }, () => random.chance(0.2)).filter(Boolean).length;
    expect(Math.abs(taken - 2_000)).toBeLessThan(200);
    expect(["a", "b"]).toContain(random.pick(["a", "b"]));
    expect(() => random.pick([])).toThrow(RangeError);
    expect(() => random.integer(0)).toThrow(RangeError);
  });
});
