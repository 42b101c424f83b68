import type { Random } from "@plexline/server";

/** Fewest bytes of an id that can be told apart for 2³² ids. */
const ID_BYTES_MIN = 4;

/** Randomness that a seed repeats. */
export interface SeededRandom extends Random {
  /** A whole number from 0 up to, but not including, `max`. */
  integer(max: number): number;
  /** One of the items; throws when there is none. */
  pick<T>(items: readonly T[]): T;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /**
   * A generator of its own, seeded from this one: what is drawn from either later does not change the other's
   * numbers. Ids stay unique among all of a family.
   */
  fork(): SeededRandom;
}

/**
 * Numbers and ids that repeat with the seed. Ids never collide within one generator and its forks. Not for secrets.
 *
 * @example
 * const random = createSeededRandom(7);
 * random.pick(["subscribe", "publish"]);
 */
export function createSeededRandom(seed: number): SeededRandom {
  let ids = 0;
  return createFamilyMember(seed >>> 0, () => ids++);
}

function createFamilyMember(seed: number, takeIdNumber: () => number): SeededRandom {
  const draw = createSfc32(seed);
  const integer = (max: number): number => {
    if (!(max >= 1 && max <= 2 ** 32)) throw new RangeError(`integer(${max}): max must be from 1 to 2^32.`);
    return Math.floor((draw() / 2 ** 32) * max);
  };
  return {
    next: () => draw() / 2 ** 32,
    id(bytes) {
      if (bytes < ID_BYTES_MIN)
        throw new RangeError(`id(${bytes}): fewer than ${ID_BYTES_MIN} bytes would collide.`);
      const id = Buffer.alloc(bytes);
      // `scramble` is one-to-one, so the first four bytes of two ids differ; the rest is drawn.
      id.writeUInt32BE(scramble(takeIdNumber()), 0);
      for (let index = ID_BYTES_MIN; index < bytes; index += 1) id[index] = draw() >>> 24;
      return id.toString("base64url");
    },
    integer,
    pick(items) {
      if (items.length === 0) throw new RangeError("pick: there is nothing to pick from.");
      return items[integer(items.length)]!;
    },
    chance: (p) => draw() / 2 ** 32 < p,
    fork: () => createFamilyMember(draw(), takeIdNumber),
  };
}

/**
 * sfc32, "small fast counter": Chris Doty-Humphrey's generator from PractRand (public domain), with 128 bits of state
 * of which one word counts, so that no cycle is shorter than 2³². The first rounds mix the seed in and are thrown away.
 */
function createSfc32(seed: number): () => number {
  let a = 0;
  let b = seed;
  let c = scramble(seed);
  let counter = 1;
  const draw = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round += 1) draw();
  return draw;
}

/** The 32-bit finalizer of MurmurHash3 (Austin Appleby, public domain): one-to-one, and neighbours end far apart. */
function scramble(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  return mixed >>> 0;
}
