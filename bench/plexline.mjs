// The Plexline server of the benchmark: channels without history, with memory history and with disk history, users by
// HS256 token, services by key. Started by bench/run.mjs.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { channel } from "../packages/features/dist/channel/server.js";
import { createServer, firstOf, jwt, servicePrincipal, staticTokens } from "../packages/server/dist/index.js";
import { reportTo } from "./harness/child.mjs";

/** Every limiter stays on; these are only high enough not to be what is measured. */
const limits = {
  messagesPerSecondMax: 10_000,
  messagesBurstMax: 10_000,
  serviceMessagesPerSecondMax: 100_000,
};
const connects = { ratePerSecond: 100_000, burst: 100_000 };
const transportLimits = { connectsPerAddress: connects, connects };
const { BENCH_SECRET: secret, BENCH_SERVICE_TOKEN: serviceToken } = process.env;

const app = createServer({
  topics: {
    plain: channel("plain:{id}"),
    memory: channel("memory:{id}", { history: { durability: "memory" } }),
    disk: channel("disk:{id}", { history: { durability: "disk" } }),
  },
  auth: firstOf([
    jwt({ secret }),
    staticTokens([{ token: serviceToken, principal: servicePrincipal("bench", "default") }]),
  ]),
  resources: "auto",
  // The benchmark points TMPDIR at a directory that it removes.
  directory: mkdtempSync(join(tmpdir(), "plexline-bench-")),
  limits,
  transportLimits,
});
const { port } = await app.listen(0);
reportTo(process, { port, limits: { ...limits, connectsPerAddress: connects, connects } });
