// Opens the store in DIRECTORY, reads all of it and prints what is there as JSON: per topic its head, and whether its
// value tells the same. Usage: node reader.mjs DIRECTORY
import { systemClock as clock } from "../../packages/server/dist/platform/clock.js";
import { systemRandom as random } from "../../packages/server/dist/platform/random.js";
import { openEmbeddedStorage } from "../../packages/server/dist/storage/embedded.js";

const storage = await openEmbeddedStorage({ directory: process.argv[2], random, clock });
const found = {};
for (const { key: topic, value } of await storage.list("topic:")) {
  const { head, floor, entries } = await storage.read(topic, 0, { entriesMax: 1, bytesMax: 1 });
  const rest = await storage.read(topic, floor, { entriesMax: 1e6, bytesMax: 1e9 });
  const whole =
    rest.entries.length === head - floor && rest.entries.every(({ data }) => isFilledWith(topic, data));
  found[topic] = {
    head,
    floor,
    sound: whole && entries.length <= 1 && Buffer.from(value).toString() === String(head),
  };
}
// A store that came through must take commits again.
await storage.commit({ appends: [{ topic: "afterwards", entries: [{ data: Buffer.from("x"), atMs: 0 }] }] });
await storage.close();
process.stdout.write(JSON.stringify(found));

function isFilledWith(topic, data) {
  return Buffer.compare(Buffer.from(data), Buffer.alloc(data.length, topic)) === 0;
}
