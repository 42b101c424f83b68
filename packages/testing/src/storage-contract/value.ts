import { describe, expect, test } from "vitest";
import { conflict, decoder, encoder, type Start, textOf } from "./samples.ts";

export function valueContract(start: Start): void {
  describe("values", () => {
    test("a version starts at 1, rises with every put, and starts again after a delete", async () => {
      const { storage } = await start();
      const put = (text: string) => storage.commit({ puts: [{ key: "k", value: encoder.encode(text) }] });
      await put("a");
      expect(await storage.get("k")).toMatchObject({ key: "k", version: 1 });
      await put("b");
      await storage.commit({
        checks: [{ key: "k", version: 2 }],
        puts: [{ key: "k", value: encoder.encode("c") }],
      });
      expect(await storage.get("k")).toMatchObject({ version: 3 });
      expect(await textOf(storage, "k")).toBe("c");
      await storage.commit({ checks: [{ key: "k", version: 3 }], deletes: ["k"] });
      expect(await storage.get("k")).toBeUndefined();
      await storage.commit({
        checks: [{ key: "k", version: 0 }],
        puts: [{ key: "k", value: new Uint8Array() }],
      });
      expect(await storage.get("k")).toMatchObject({ version: 1 });
    });

    test("of two commits that check one version only the first succeeds", async () => {
      const { storage } = await start();
      const claim = (text: string) =>
        storage.commit({
          checks: [{ key: "k", version: 0 }],
          puts: [{ key: "k", value: encoder.encode(text) }],
        });
      const outcomes = await Promise.allSettled([claim("first"), claim("second")]);
      expect(outcomes).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: conflict }]);
      expect(await textOf(storage, "k")).toBe("first");
    });

    test("list goes by the bytes of the keys, from after a key, up to a limit", async () => {
      const { storage } = await start();
      const keys = ["p", "p:", "p:a", "p:a\u0000", "p:b", "p:ä", "p:\uFF5E", "p:\u{1F600}", "q"];
      await storage.commit({ puts: [...keys].reverse().map((key) => ({ key, value: encoder.encode(key) })) });
      const list = async (prefix: string, options?: { after?: string; limit?: number }) =>
        (await storage.list(prefix, options)).map(({ key, value, version }) => {
          expect([decoder.decode(value), version]).toEqual([key, 1]);
          return key;
        });
      expect(await list("p:")).toEqual(keys.slice(1, 8));
      expect(await list("p:", { after: "p:a" })).toEqual(keys.slice(3, 8));
      expect(await list("p:", { after: "p:a", limit: 2 })).toEqual(keys.slice(3, 5));
      expect(await list("p:", { after: "a" })).toEqual(keys.slice(1, 8));
      expect(await list("p:", { after: "q" })).toEqual([]);
      expect(await list("p:", { limit: 0 })).toEqual([]);
      expect(await list("")).toEqual(keys);
      expect(await list("none")).toEqual([]);
    });

    test("a key of more than 1,024 bytes is refused", async () => {
      const { storage } = await start();
      await storage.commit({ puts: [{ key: "k".repeat(1024), value: new Uint8Array() }] });
      const outcome = storage.commit({ puts: [{ key: "k".repeat(1025), value: new Uint8Array() }] });
      await expect(outcome).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    });
  });
}
