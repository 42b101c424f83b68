import type { Position } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { append, conflict, decoder, encoder, type Start } from "./samples.ts";

export function snapshotContract(start: Start): void {
  describe("snapshots", () => {
    test("a snapshot is read back chunk by chunk, and replaced as a whole", async () => {
      const { storage, reopen } = await start();
      const [position] = await storage.commit(append("t", "1", "2"));
      expect(await storage.readSnapshot("t")).toBeUndefined();
      const large = [
        new Uint8Array(256 * 1024).fill(1),
        new Uint8Array(256 * 1024).fill(2),
        encoder.encode("end"),
      ];
      await storage.writeSnapshot("t", position!, large);
      const read = await (await reopen()).readSnapshot("t");
      expect(read).toMatchObject({ position, bytes: 512 * 1024 + 3 });
      expect(read?.chunks.map((chunk) => [chunk.length, chunk[0]])).toEqual([
        [262_144, 1],
        [262_144, 2],
        [3, 101],
      ]);
    });

    test("a snapshot of the same position replaces the one before; an older one is refused", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1", "2"));
      await storage.writeSnapshot("t", position!, [encoder.encode("a"), encoder.encode("b")]);
      await storage.writeSnapshot("t", position!, [encoder.encode("c")]);
      const older: Position = { ...position!, offset: 1 };
      await expect(storage.writeSnapshot("t", older, [])).rejects.toMatchObject(conflict);
      const read = await storage.readSnapshot("t");
      expect(read?.chunks.map((chunk) => decoder.decode(chunk))).toEqual(["c"]);
    });

    test("a snapshot of a foreign epoch or ahead of the log is refused", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1"));
      await expect(storage.writeSnapshot("t", { ...position!, epoch: "x" }, [])).rejects.toMatchObject(
        conflict,
      );
      await expect(storage.writeSnapshot("t", { ...position!, offset: 2 }, [])).rejects.toMatchObject(
        conflict,
      );
      await storage.reset("t");
      await expect(storage.writeSnapshot("t", position!, [])).rejects.toMatchObject(conflict);
    });

    test("a chunk of more than 256 KiB is refused", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1"));
      const outcome = storage.writeSnapshot("t", position!, [new Uint8Array(256 * 1024 + 1)]);
      await expect(outcome).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    });
  });
}
