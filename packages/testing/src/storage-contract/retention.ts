import { describe, expect, test } from "vitest";
import { ALL, append, encoder, type Start, textsOf, windowOf } from "./samples.ts";

export function retentionContract(start: Start): void {
  describe("trim and reset", () => {
    test("trim raises the floor and never goes beyond the head or back", async () => {
      const { storage, reopen } = await start();
      await storage.commit(append("t", "1", "2", "3", "4"));
      await storage.trim("t", 2);
      expect(await storage.read("t", 2, ALL)).toMatchObject({
        head: 4,
        floor: 2,
        entries: [{ offset: 3 }, { offset: 4 }],
      });
      expect(await textsOf(storage, "t", 1)).toEqual([]);
      await storage.trim("t", 1);
      expect(await windowOf(storage, "t")).toMatchObject({ head: 4, floor: 2 });
      await storage.trim("t", 99);
      expect(await windowOf(storage, "t")).toMatchObject({ head: 4, floor: 4 });
      const again = await reopen();
      expect(await again.commit(append("t", "5"))).toMatchObject([{ offset: 5 }]);
      expect(await textsOf(again, "t", 4)).toEqual(["5"]);
    });

    test("trim of a long log leaves the rest readable", async () => {
      const { storage } = await start();
      const texts = Array.from({ length: 2_500 }, (_, index) => `${index + 1}`);
      await storage.commit(append("t", ...texts));
      await storage.trim("t", 2_400);
      expect(await textsOf(storage, "t", 2_400)).toEqual(texts.slice(2_400));
    });

    test("a reset that means an earlier history is refused, and takes nothing of the present one", async () => {
      const { storage, reopen } = await start();
      const { epoch } = await windowOf(storage, "t");
      await storage.commit(append("t", "old"));
      const fresh = await storage.reset("t", epoch);
      expect(fresh.epoch).not.toBe(epoch);
      const [position] = await storage.commit(append("t", "new"));
      await storage.writeSnapshot("t", position!, [encoder.encode("state")]);
      await expect(storage.reset("t", epoch)).rejects.toMatchObject({ name: "ConflictError" });
      const again = await reopen();
      expect(await textsOf(again, "t")).toEqual(["new"]);
      expect(await again.readSnapshot("t")).toMatchObject({ position });
      expect(await again.reset("t", fresh.epoch)).toMatchObject({ head: 0, floor: 0 });
    });

    test("reset drops entries and snapshot, and the log starts again with an epoch it never had", async () => {
      const { storage, reopen } = await start();
      const epochs = new Set([(await windowOf(storage, "t")).epoch]);
      let current = storage;
      for (let round = 1; round <= 3; round += 1) {
        const [position] = await current.commit(append("t", "old", "old"));
        await current.writeSnapshot("t", position!, [encoder.encode("state")]);
        const window = await current.reset("t");
        expect(window).toMatchObject({ head: 0, floor: 0 });
        epochs.add(window.epoch);
        expect(epochs.size).toBe(round + 1);
        current = await reopen();
        expect(await current.readSnapshot("t")).toBeUndefined();
        expect(await current.read("t", 0, ALL)).toEqual({ ...window, entries: [] });
      }
      expect(await current.commit(append("t", "new"))).toMatchObject([{ offset: 1 }]);
      expect(await textsOf(current, "t")).toEqual(["new"]);
    });
  });
}
