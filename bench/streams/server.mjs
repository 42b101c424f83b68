// The Plexline server of bench/streams.mjs: streams on the native wire and on that of Durable Streams, users by HS256 token,
// the producer by the key of a service.

import { durableStreams } from "../../packages/features/dist/stream/dialects/durable/endpoint.js";
import { stream } from "../../packages/features/dist/stream/server.js";
import {
  createServer,
  firstOf,
  jwt,
  servicePrincipal,
  staticTokens,
} from "../../packages/server/dist/index.js";
import { reportTo } from "../harness/child.mjs";

/** Every limiter stays on; these are only high enough not to be what is measured. */
const limits = { serviceMessagesPerSecondMax: 100_000 };
const connects = { ratePerSecond: 100_000, burst: 100_000 };
const transportLimits = { connectsPerAddress: connects, connects };
const {
  BENCH_SECRET: secret,
  BENCH_SERVICE_TOKEN: serviceToken,
  BENCH_DIRECTORY: directory,
  BENCH_STORE: store,
} = process.env;

const app = createServer({
  topics: {
    stream: stream("stream:{path}", {
      ...(store === "memory" ? { history: { durability: "memory" } } : {}),
      authorize: ({ principal }) => (principal.kind === "service" ? "write" : "read"),
    }),
  },
  endpoints: [...durableStreams()],
  auth: firstOf([
    staticTokens([{ token: serviceToken, principal: servicePrincipal("bench", "default") }]),
    jwt({ secret }),
  ]),
  resources: "auto",
  directory,
  limits,
  transportLimits,
});
const { port } = await app.listen(0);
reportTo(process, { port, limits: { ...limits, connectsPerAddress: connects, connects } });
