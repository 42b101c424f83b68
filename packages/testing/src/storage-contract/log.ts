import { describe, expect, test } from "vitest";
import { ALL, append, type Start, textsOf, windowOf } from "./samples.ts";

export function logContract(start: Start): void {
  describe("logs", () => {
    test("a topic that was never written has an empty window with a stable epoch", async () => {
      const { storage, reopen } = await start();
      const window = await windowOf(storage, "doc:a");
      expect(window).toEqual({ epoch: expect.stringMatching(/./), head: 0, floor: 0 });
      await storage.commit(append("doc:a", "one"));
      expect(await windowOf(storage, "doc:a")).toEqual({ ...window, head: 1 });
      expect(await windowOf(await reopen(), "doc:a")).toEqual({ ...window, head: 1 });
    });

    test("offsets rise by one from 1, across commits and entries, and the position is that of the last entry", async () => {
      const { storage } = await start();
      const { epoch } = await windowOf(storage, "doc:a");
      expect(await storage.commit(append("doc:a", "1"))).toEqual([{ epoch, offset: 1 }]);
      expect(await storage.commit(append("doc:a", "2", "3"))).toEqual([{ epoch, offset: 3 }]);
      const page = await storage.read("doc:a", 0, ALL);
      expect(page.entries.map(({ offset }) => offset)).toEqual([1, 2, 3]);
      expect(page).toMatchObject({ epoch, head: 3, floor: 0 });
    });

    test("an entry keeps its bytes and its time", async () => {
      const { storage, reopen } = await start();
      const data = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251);
      const atMs = 1_760_000_000_123;
      await storage.commit({
        appends: [
          {
            topic: "t",
            entries: [
              { data, atMs },
              { data: new Uint8Array(), atMs: 0 },
            ],
          },
        ],
      });
      const { entries } = await (await reopen()).read("t", 0, ALL);
      expect(entries.map((found) => [found.offset, found.atMs, found.data.length])).toEqual([
        [1, atMs, 70_000],
        [2, 0, 0],
      ]);
      expect(Buffer.compare(entries[0]!.data, data)).toBe(0);
    });

    test("commits issued together give their topics offsets in the order of the calls", async () => {
      const { storage } = await start();
      const resolved: number[] = [];
      const commits = Array.from({ length: 300 }, async (_, index) => {
        const [position] = await storage.commit(append("t", String(index)));
        resolved.push(position!.offset);
      });
      await Promise.all(commits);
      expect(resolved).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
      expect(await textsOf(storage, "t")).toEqual(Array.from({ length: 300 }, (_, index) => String(index)));
    });

    test("topics whose names begin alike, or hold any characters, are separate", async () => {
      const { storage } = await start();
      const topics = ["a", "a:b", "a\u0000", "ä", "\u{1F600}", "x".repeat(255)];
      await Promise.all(topics.map((topic) => storage.commit(append(topic, `in ${topic}`))));
      for (const topic of topics) expect(await textsOf(storage, topic)).toEqual([`in ${topic}`]);
      expect((await storage.heads(topics)).map(({ head }) => head)).toEqual(topics.map(() => 1));
    });

    test("a read returns what follows an offset, up to the limits, and always one entry if there is one", async () => {
      const { storage } = await start();
      await storage.commit(append("t", "aaaa", "bbbb", "cccc", "dddd"));
      expect(await textsOf(storage, "t", 2)).toEqual(["cccc", "dddd"]);
      expect(await textsOf(storage, "t", 1, { entriesMax: 2, bytesMax: 100 })).toEqual(["bbbb", "cccc"]);
      expect(await textsOf(storage, "t", 0, { entriesMax: 9, bytesMax: 11 })).toEqual(["aaaa", "bbbb"]);
      expect(await textsOf(storage, "t", 0, { entriesMax: 9, bytesMax: 12 })).toEqual([
        "aaaa",
        "bbbb",
        "cccc",
      ]);
      expect(await textsOf(storage, "t", 3, { entriesMax: 9, bytesMax: 1 })).toEqual(["dddd"]);
      expect(await textsOf(storage, "t", 4)).toEqual([]);
      expect(await textsOf(storage, "t", 5)).toEqual([]);
    });

    test("a topic of more than 255 bytes is refused", async () => {
      const { storage } = await start();
      await expect(storage.commit(append("ä".repeat(128), "x"))).rejects.toMatchObject({
        code: "TOPIC_INVALID",
      });
    });
  });
}
