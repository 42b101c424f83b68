import { describe, expect, test } from "vitest";
import { ALL, append, type Start, textsOf } from "./samples.ts";

export function lifeContract(start: Start): void {
  describe("opening and closing", () => {
    test("the incarnation survives reopening", async () => {
      const { storage, reopen } = await start();
      const { incarnation } = storage;
      expect(incarnation).not.toBe("");
      expect((await reopen()).incarnation).toBe(incarnation);
    });

    test("close flushes what is under way, may be repeated, and later calls reject", async () => {
      const { storage, reopen } = await start();
      const pending = storage.commit(append("t", "last"));
      await storage.close();
      await storage.close();
      expect(await pending).toMatchObject([{ offset: 1 }]);
      const unavailable = { code: "STORAGE_UNAVAILABLE" };
      await expect(storage.commit(append("t", "no"))).rejects.toMatchObject(unavailable);
      await expect(storage.read("t", 0, ALL)).rejects.toMatchObject(unavailable);
      await expect(storage.heads(["t"])).rejects.toMatchObject(unavailable);
      await expect(storage.get("k")).rejects.toMatchObject(unavailable);
      await expect(storage.list("")).rejects.toMatchObject(unavailable);
      await expect(storage.trim("t", 1)).rejects.toMatchObject(unavailable);
      await expect(storage.reset("t")).rejects.toMatchObject(unavailable);
      await expect(storage.readSnapshot("t")).rejects.toMatchObject(unavailable);
      expect(await textsOf(await reopen(), "t")).toEqual(["last"]);
    });
  });
}
