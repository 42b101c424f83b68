import type { Commit } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { append, conflict, encoder, entry, type Start, textOf, textsOf, windowOf } from "./samples.ts";

export function commitContract(start: Start): void {
  describe("commits", () => {
    test("everything in a commit becomes durable together", async () => {
      const { storage, reopen } = await start();
      const positions = await storage.commit({
        appends: [
          { topic: "a", entries: [entry("one")] },
          { topic: "b", entries: [entry("two"), entry("three")] },
          { topic: "a", entries: [entry("four")] },
        ],
        puts: [{ key: "k", value: ([, , last]) => encoder.encode(`offset ${last?.offset}`) }],
      });
      expect(positions.map(({ offset }) => offset)).toEqual([1, 2, 2]);
      const again = await reopen();
      expect(await textsOf(again, "a")).toEqual(["one", "four"]);
      expect(await textsOf(again, "b")).toEqual(["two", "three"]);
      expect(await textOf(again, "k")).toBe("offset 2");
    });

    const refusals: [string, Commit][] = [
      ["a version that does not hold", { checks: [{ key: "k", version: 2 }] }],
      ["a key that exists and must not", { checks: [{ key: "k", version: 0 }] }],
      ["a key that must exist and does not", { checks: [{ key: "none", version: 1 }] }],
      ["a foreign epoch", { appends: [{ topic: "t", entries: [entry("no")], epoch: "other" }] }],
      ["another head", { appends: [{ topic: "t", entries: [entry("no")], expectedOffset: 0 }] }],
    ];
    test.each(refusals)("%s refuses the whole commit and uses no offset", async (_, refused) => {
      const { storage } = await start();
      await storage.commit({ ...append("t", "first"), puts: [{ key: "k", value: encoder.encode("v") }] });
      const outcome = storage.commit({
        checks: refused.checks ?? [],
        appends: [{ topic: "u", entries: [entry("no")] }, ...(refused.appends ?? [])],
        puts: [{ key: "new", value: new Uint8Array() }],
        deletes: ["k"],
      });
      await expect(outcome).rejects.toMatchObject(conflict);
      expect(await storage.heads(["t", "u"])).toMatchObject([{ head: 1 }, { head: 0 }]);
      expect(await storage.get("new")).toBeUndefined();
      expect(await textOf(storage, "k")).toBe("v");
      expect(await storage.commit(append("t", "second"))).toMatchObject([{ offset: 2 }]);
    });

    test("of commits issued together each sees those before it, and a refused one does not hurt the others", async () => {
      const { storage } = await start();
      const guarded = (expectedOffset: number, text: string) =>
        storage.commit({ appends: [{ topic: "t", entries: [entry(text)], expectedOffset }] });
      const outcomes = await Promise.allSettled([
        guarded(0, "a"),
        guarded(0, "b"),
        guarded(1, "c"),
        guarded(2, "d"),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
        "fulfilled",
      ]);
      expect(await textsOf(storage, "t")).toEqual(["a", "c", "d"]);
    });

    test("two appends of one commit to one topic see one another", async () => {
      const { storage } = await start();
      const commit: Commit = {
        appends: [
          { topic: "t", entries: [entry("a")], expectedOffset: 0 },
          { topic: "t", entries: [entry("b")], expectedOffset: 1 },
        ],
      };
      expect(await storage.commit(commit)).toMatchObject([{ offset: 1 }, { offset: 2 }]);
    });

    test("a value that cannot be computed refuses its commit with that error", async () => {
      const { storage } = await start();
      const broken: Commit = {
        ...append("t", "no"),
        puts: [
          {
            key: "k",
            value() {
              throw new RangeError("no such value");
            },
          },
        ],
      };
      const outcomes = await Promise.allSettled([storage.commit(append("t", "a")), storage.commit(broken)]);
      expect(outcomes).toMatchObject([{ status: "fulfilled" }, { reason: { name: "RangeError" } }]);
      expect(await windowOf(storage, "t")).toMatchObject({ head: 1 });
    });

    test("an append without entries answers with the head and writes nothing", async () => {
      const { storage } = await start();
      await storage.commit(append("t", "a"));
      expect(await storage.commit(append("t"))).toMatchObject([{ offset: 1 }]);
      expect(await storage.commit({})).toEqual([]);
    });

    test("a read issued together with a commit never shows a part of it", async () => {
      const { storage } = await start();
      let acked = 0;
      const writer = (async () => {
        for (let round = 1; round <= 50; round += 1) {
          await storage.commit({
            ...append("t", `${round}`),
            puts: [{ key: "k", value: encoder.encode(`${round}`) }],
          });
          acked = round;
        }
      })();
      while (acked < 50) {
        const before = acked;
        const { head } = await windowOf(storage, "t");
        expect(head).toBeGreaterThanOrEqual(before);
        const texts = await textsOf(storage, "t");
        expect(texts).toEqual(Array.from(texts, (_, index) => `${index + 1}`));
        const value = Number((await textOf(storage, "k")) ?? 0);
        expect(value).toBeGreaterThanOrEqual(texts.length);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writer;
    });
  });
}
