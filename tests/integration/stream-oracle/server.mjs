// A server of runs with its storage on disk, for whoever kills it: node server.mjs DIRECTORY PORT SEED [FAULT]
// Anybody's token is the id of a user. The first JSON line on standard output says where it listens. Lines on standard input
// are orders as those of writer.mjs, for producers in the server's own process; facts about them come as there.
// FAULT `early` acknowledges commits before they are durable.
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { run } from "@plexline/features/server";
import { agent } from "@plexline/features/stream/agent";
import { durableStreams } from "@plexline/features/stream/durable";
import { streamsApi } from "@plexline/features/stream/http";
import { agentSession, agentStream } from "@plexline/features/stream/session";
import {
  authenticateWith,
  createServer,
  openEmbeddedStorage,
  systemClock,
  systemRandom,
} from "@plexline/server";
import { createRandom } from "../oracle/run.mjs";
import { acknowledgeEarly } from "./early-storage.mjs";
import { keepWriting, producerPen } from "./writing.mjs";

const [directory, port, seed, fault] = process.argv.slice(2);
const connects = { ratePerSecond: 1_000, burst: 1_000 };
const LEASE_MS = 5_000;

const storage = await openEmbeddedStorage({ directory, random: systemRandom, clock: systemClock });
const app = createServer({
  topics: { run: run("run:{id}", { authorize: () => "write" }) },
  endpoints: [agent(), agentSession(), agentStream(), ...durableStreams(), ...streamsApi()],
  auth: authenticateWith(({ token }) => ({ id: token })),
  resources: "auto",
  storage: fault === "early" ? acknowledgeEarly(storage) : storage,
  // Writers go as fast as the disk lets them: what would slow them down is out of the way.
  limits: { messagesPerSecondMax: 100_000, messagesBurstMax: 100_000 },
  transportLimits: { connectsPerAddress: connects, connects },
});
const listening = await app.listen(Number(port));
const tell = (fact) => writeSync(1, `${JSON.stringify(fact)}\n`);
tell({ port: listening.port });

const random = createRandom(Number(seed));
let isFinishing = false;
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order === "finish") isFinishing = true;
  else {
    const producer = app.stream("run", { id: order.run }).producer({ id: "s", leaseMs: LEASE_MS });
    void keepWriting(order, {
      pen: producerPen(producer),
      random,
      tell: (...fact) => tell(fact),
      mayGoOn: () => !isFinishing,
    });
  }
}
