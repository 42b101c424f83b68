import { createSeededRandom, createTestClock, createTestServer, probe } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Encoder } from "../broker/publication.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { encodeEntry } from "./entry.ts";
import { type ReadPage, RecentEntries } from "./recent-entries.ts";

const TOPIC = "board:1";
const ALL = { entriesMax: 1_000, bytesMax: 1_000_000 };
const MIB = 1024 * 1024;

/** A log in memory, a reader of it, and how often the log's entries were read. */
function start(kept = { bytes: 0 }) {
  const clock = createTestClock();
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  let entriesRead = 0;
  const log = {
    async read(from: number, limits: typeof ALL) {
      const page = await storage.read(TOPIC, from, limits);
      entriesRead += page.entries.length;
      return page;
    },
    readWindow: async () => (await storage.heads([TOPIC]))[0]!,
  };
  const recent = new RecentEntries({ topic: TOPIC, alias: 7, clock, log, kept });
  const append = async (count: number, payload: unknown = "") => {
    const data = encodeEntry({ event: "e", payload }, 1);
    const entries = Array.from({ length: count }, () => ({ data, atMs: 1 }));
    await storage.commit({ appends: [{ topic: TOPIC, entries }] });
  };
  /** How many entries the log gave for this. */
  const countOf = async (act: () => Promise<unknown>) => {
    const before = entriesRead;
    await act();
    return entriesRead - before;
  };
  return { clock, storage, recent, append, countOf, kept };
}

const offsetsOf = ({ entries }: ReadPage) => entries.map(({ offset }) => offset);
/** A page as the storage gives it, less the bytes. */
const plain = ({ epoch, head, floor, entries }: ReadPage) => ({
  epoch,
  head,
  floor,
  entries: entries.map(({ offset, bytes, push }) => ({ offset, bytes, payload: push?.payload })),
});

describe("reading for those who catch up", () => {
  test("shares what a second reader has read with those after it, decoded and encoded once", async () => {
    const { recent, append, countOf } = start();
    await append(5);
    expect(await countOf(() => recent.read(0, ALL))).toBe(5);
    expect(await countOf(() => recent.read(0, ALL))).toBe(5);
    const pages: ReadPage[] = [];
    const more = await countOf(async () => {
      for (const from of [0, 0, 2]) pages.push(await recent.read(from, ALL));
    });
    expect([more, ...pages.map(offsetsOf)]).toEqual([0, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [3, 4, 5]]);
    let encoded = 0;
    const encoder: Encoder = { isTimeless: true, encode: () => ({ data: "", bytes: ++encoded }) };
    for (const { entries } of pages) for (const { publication } of entries) publication.encodedBy(encoder);
    expect(encoded).toBe(5);
  });

  test("goes on in the log where what is kept ends, and tells the window of now", async () => {
    const { recent, append, countOf } = start();
    await append(3);
    for (let reader = 0; reader < 2; reader += 1) await recent.read(0, ALL);
    await append(2);
    let page: ReadPage | undefined;
    expect(
      await countOf(async () => {
        page = await recent.read(0, ALL);
      }),
    ).toBe(2);
    expect(page).toMatchObject({ head: 5, floor: 0 });
    expect(offsetsOf(page as ReadPage)).toEqual([1, 2, 3, 4, 5]);
  });

  test("keeps nothing of what one reader reads page by page, nor of two who follow one after the other", async () => {
    const { recent, append, kept, clock } = start();
    await append(9);
    for (let from = 0; from < 9; from += 3) await recent.read(from, { ...ALL, entriesMax: 3 });
    expect([kept.bytes, clock.pendingTimers]).toEqual([0, 0]);
    clock.advance(1_000);
    await recent.read(0, ALL);
    expect([kept.bytes, clock.pendingTimers]).toEqual([0, 0]);
  });

  test("forgets what nobody has asked for in a second", async () => {
    const { recent, append, kept, clock, countOf } = start();
    await append(3);
    for (let reader = 0; reader < 2; reader += 1) await recent.read(0, ALL);
    clock.advance(900);
    expect(await countOf(() => recent.read(0, ALL))).toBe(0);
    clock.advance(900);
    expect(kept.bytes).toBeGreaterThan(0);
    clock.advance(100);
    expect([kept.bytes, clock.pendingTimers]).toEqual([0, 0]);
    expect(await countOf(() => recent.read(0, ALL))).toBe(3);
  });

  test("another epoch, and a floor above what a reader needs, show as they do in the log", async () => {
    const { recent, append, storage } = start();
    await append(4, "old");
    for (let reader = 0; reader < 3; reader += 1) await recent.read(0, ALL);
    await storage.trim(TOPIC, 2);
    expect(await recent.read(0, ALL)).toMatchObject({ floor: 2, head: 4, entries: [] });
    expect(offsetsOf(await recent.read(2, ALL))).toEqual([3, 4]);
    for (let reader = 0; reader < 2; reader += 1) await recent.read(2, ALL);
    const { epoch } = await storage.reset(TOPIC);
    expect(await recent.read(2, ALL)).toMatchObject({ epoch, head: 0, entries: [] });
    await append(4, "new");
    for (let reader = 0; reader < 3; reader += 1) {
      const page = await recent.read(2, ALL);
      expect([page.epoch, page.entries.map(({ push }) => push?.payload)]).toEqual([epoch, ["new", "new"]]);
    }
  });

  test("keeps the newest of what is too much, for each topic and for all of them", async () => {
    const kept = { bytes: 0 };
    const long = { entriesMax: 1_000, bytesMax: 100 * MIB };
    const topics = Array.from({ length: 10 }, () => start(kept));
    for (const { recent, append, countOf } of topics) {
      await append(6, "x".repeat(MIB - 1_024));
      for (let reader = 0; reader < 2; reader += 1) await recent.read(0, long);
      expect(kept.bytes).toBeLessThanOrEqual(32 * MIB);
      expect(offsetsOf(await recent.read(0, long))).toEqual([1, 2, 3, 4, 5, 6]);
      if (topics[0]?.recent === recent) expect(await countOf(() => recent.read(4, long))).toBe(0);
    }
    expect(kept.bytes).toBeGreaterThan(28 * MIB);
    for (const { recent } of topics) recent.forget();
    expect(kept.bytes).toBe(0);
  });

  test("spares the log for all but the first two who subscribe from the start", async () => {
    const disk = createMemoryStorage({ random: createSeededRandom(1) });
    let entriesRead = 0;
    const storage: Storage = {
      ...disk,
      async read(...given) {
        const page = await disk.read(...given);
        entriesRead += page.entries.length;
        return page;
      },
    };
    const topics = { board: probe("board:{id}", { history: {} }) };
    const server = await createTestServer({ topics, storage });
    onTestFinished(() => server.close());
    const offsets = Array.from({ length: 50 }, (_, index) => index + 1);
    for (const payload of offsets) await server.app.publish(TOPIC, "e", payload);
    entriesRead = 0;
    for (let reader = 0; reader < 6; reader += 1) {
      const client = await server.connect(`user-${reader}`);
      await client.ask({ type: "subscribe", topic: TOPIC, since: "start" });
      await server.settle();
      expect(client.all("push").map(({ offset, payload }) => [offset, payload])).toEqual(
        offsets.map((offset) => [offset, offset]),
      );
    }
    expect(entriesRead).toBe(100);
  });

  test("gives, whatever happens to the log, the page that the log would have given", async () => {
    let fromKept = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = createSeededRandom(seed);
      const { recent, append, storage, clock, countOf } = start();
      for (let step = 0; step < 120; step += 1) {
        const [window] = await storage.heads([TOPIC]);
        if (random.chance(0.15)) await append(1 + random.integer(5), "x".repeat(random.integer(60)));
        else if (random.chance(0.04)) await storage.trim(TOPIC, random.integer(window!.head + 1));
        else if (random.chance(0.02)) await storage.reset(TOPIC);
        else if (random.chance(0.05)) clock.advance(random.integer(1_500));
        else {
          const from = random.integer(window!.head + 3);
          const limits = { entriesMax: 1 + random.integer(12), bytesMax: 1 + random.integer(600) };
          const expected = await storage.read(TOPIC, from, limits);
          let page: ReadPage | undefined;
          const read = await countOf(async () => {
            page = await recent.read(from, limits);
          });
          if (read < expected.entries.length) fromKept += 1;
          const entries = expected.entries.map(({ offset, data }) => ({
            offset,
            bytes: data.byteLength,
            payload: JSON.parse(Buffer.from(data).toString()).payload,
          }));
          expect(plain(page as ReadPage), `seed ${seed}, step ${step}`).toEqual({ ...expected, entries });
        }
      }
    }
    expect(fromKept).toBeGreaterThan(500);
  });
});
