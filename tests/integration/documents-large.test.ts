import { describe, expect, test } from "vitest";
import {
  appendUpdates,
  createGenerator,
  generateLog,
  generateUpdates,
  startLargeServer,
  visit,
  whenFolded,
  withDirectory,
} from "./large-documents/measure.mjs";

// The document of scripts/soak/large-documents.mjs at a tenth of its size: 5 MB, 100,000 structs, 1,000 clients.

const STRUCTS = 100_000;
const UPDATES = 10_000;

describe("a large document", () => {
  test("[DC2, DC18] is folded while it is edited, and is the same for our client and for the stock one, before and after a restart", async () => {
    await withDirectory(async (directory) => {
      const base = await appendUpdates(
        directory,
        "large",
        generateUpdates({ structs: STRUCTS, perUpdate: 10_000 }),
      );
      expect(base.bytes).toBeGreaterThan(4_500_000);
      let server = await startLargeServer(directory);
      try {
        const writer = await visit(server.url, "wire", "large", "typing");
        const saves = await writer.type(300);
        expect(saves.length).toBeGreaterThan(0);
        await whenFolded(server, base.count);
        await writer.type(100);
        await writer.leave();
      } finally {
        await server.stop();
      }

      const after = createGenerator({ structs: UPDATES, clients: 20, seed: 5 });
      const log = await appendUpdates(directory, "large", generateLog({ updates: UPDATES, after }));
      const texts: (number | undefined)[] = [];
      server = await startLargeServer(directory);
      try {
        for (const kind of ["native", "stock"] as const) {
          const visitor = await visit(server.url, kind, "large");
          texts.push(visitor.seen.text);
          await visitor.leave();
        }
        await whenFolded(server, base.count + log.count);
      } finally {
        await server.stop();
      }

      server = await startLargeServer(directory);
      try {
        for (const kind of ["native", "stock"] as const) {
          const visitor = await visit(server.url, kind, "large");
          texts.push(visitor.seen.text);
          // The fold of before, the log after it in segments, and not ten thousand updates.
          expect(visitor.seen.heard.frames).toBeLessThan(100);
          await visitor.leave();
        }
      } finally {
        await server.stop();
      }
      expect(texts[0]).toBeGreaterThan(1_000_000);
      expect(new Set(texts).size).toBe(1);
    });
  }, 60_000);
});
