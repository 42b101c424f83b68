// Commits to the store in DIRECTORY without end and says "topic offset" when a commit has been acknowledged. Each
// commit appends an entry and puts its offset under the topic's key. Usage: node writer.mjs DIRECTORY
import { writeSync } from "node:fs";
import { systemClock as clock } from "../../packages/server/dist/platform/clock.js";
import { systemRandom as random } from "../../packages/server/dist/platform/random.js";
import { openEmbeddedStorage } from "../../packages/server/dist/storage/embedded.js";

const TOPICS = 8;
const KEPT_ENTRIES = 300;
const storage = await openEmbeddedStorage({ directory: process.argv[2], random, clock });

async function writeFor(topic) {
  for (;;) {
    const size = Math.floor(random.next() * (random.next() < 0.05 ? 20_000 : 300));
    const [position] = await storage.commit({
      appends: [{ topic, entries: [{ data: Buffer.alloc(size, topic), atMs: clock.nowMs() }] }],
      puts: [{ key: topic, value: ([written]) => Buffer.from(String(written.offset)) }],
    });
    writeSync(1, `${topic} ${position.offset}\n`);
    if (position.offset % 100 === 0) await storage.trim(topic, position.offset - KEPT_ENTRIES);
  }
}

await Promise.all(Array.from({ length: TOPICS }, (_, index) => writeFor(`topic:${index}`)));
