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

    test("segments are written in steps, belong to the snapshots that name them, and go with the first that does not", async () => {
      const { storage, reopen } = await start();
      const [position] = await storage.commit(append("t", "1", "2"));
      const { epoch } = position!;
      const write = (name: string, from: number, ...texts: string[]) =>
        storage.writeSegment(
          "t",
          { epoch, name, from },
          texts.map((text) => encoder.encode(text)),
        );
      await write("base", 0, "a", "b");
      await write("base", 2, "c");
      await write("left", 0, "x");
      await storage.writeSnapshot(
        "t",
        { epoch, offset: 1 },
        [encoder.encode("first")],
        [{ name: "base", chunks: 3 }],
      );
      await write("tail", 0, "d");
      const segments = [
        { name: "base", chunks: 3 },
        { name: "tail", chunks: 1 },
      ];
      await storage.writeSnapshot("t", position!, [encoder.encode("second")], segments);
      const read = await reopen();
      expect(await read.readSnapshot("t")).toMatchObject({ position, segments });
      const textsIn = async (name: string, from: number, count: number) =>
        (await read.readSegment("t", name, from, count))?.map((chunk) => decoder.decode(chunk));
      expect(await textsIn("base", 0, 10)).toEqual(["a", "b", "c"]);
      expect(await textsIn("base", 1, 1)).toEqual(["b"]);
      expect(await textsIn("base", 3, 1)).toEqual([]);
      expect(await textsIn("tail", 0, 1)).toEqual(["d"]);
      expect(await textsIn("left", 0, 1)).toBeUndefined();
      await read.writeSnapshot("t", position!, [], [{ name: "tail", chunks: 1 }]);
      expect([await textsIn("base", 0, 10), await textsIn("tail", 0, 1)]).toEqual([undefined, ["d"]]);
      expect(await read.readSegment("u", "tail", 0, 1)).toBeUndefined();
    });

    test("a segment that leaves a hole, or that a snapshot names and is not there, is refused", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1"));
      const { epoch } = position!;
      const chunk = [encoder.encode("a")];
      await storage.writeSegment("t", { epoch, name: "s", from: 0 }, chunk);
      const hole = storage.writeSegment("t", { epoch, name: "s", from: 2 }, chunk);
      await expect(hole).rejects.toMatchObject(conflict);
      const foreign = storage.writeSegment("t", { epoch: "x", name: "s", from: 1 }, chunk);
      await expect(foreign).rejects.toMatchObject(conflict);
      for (const named of [
        { name: "s", chunks: 2 },
        { name: "other", chunks: 1 },
      ])
        await expect(storage.writeSnapshot("t", position!, [], [named])).rejects.toMatchObject(conflict);
      expect(await storage.readSnapshot("t")).toBeUndefined();
      // What was refused has dropped nothing.
      expect(await storage.readSegment("t", "s", 0, 1)).toHaveLength(1);
      await storage.writeSegment("t", { epoch, name: "s", from: 0 }, [encoder.encode("b")]);
      const [anew] = (await storage.readSegment("t", "s", 0, 9)) ?? [];
      expect(decoder.decode(anew)).toBe("b");
    });

    test("a reset drops the segments too", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1"));
      const place = { epoch: position!.epoch, name: "s", from: 0 };
      await storage.writeSegment("t", place, [encoder.encode("a")]);
      await storage.writeSnapshot("t", position!, [], [{ name: "s", chunks: 1 }]);
      await storage.reset("t");
      expect(await storage.readSegment("t", "s", 0, 1)).toBeUndefined();
      await expect(storage.writeSegment("t", place, [])).rejects.toMatchObject(conflict);
    });

    test("a chunk of more than 256 KiB is refused", async () => {
      const { storage } = await start();
      const [position] = await storage.commit(append("t", "1"));
      const outcome = storage.writeSnapshot("t", position!, [new Uint8Array(256 * 1024 + 1)]);
      await expect(outcome).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
      const place = { epoch: position!.epoch, name: "s", from: 0 };
      const segment = storage.writeSegment("t", place, [new Uint8Array(256 * 1024 + 1)]);
      await expect(segment).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    });
  });
}
