// The Plexline server of bench/documents.mjs: documents on three wires, users by HS256 token.
import { hocuspocus } from "../../packages/features/dist/doc/dialects/hocuspocus/endpoint.js";
import { yWebsocket } from "../../packages/features/dist/doc/dialects/y-websocket/endpoint.js";
import { doc } from "../../packages/features/dist/doc/server.js";
import { createServer, jwt } from "../../packages/server/dist/index.js";
import { reportTo } from "../harness/child.mjs";

/** A hundred clients come at once, from one address. Every other limit is as shipped. */
const connects = { ratePerSecond: 10_000, burst: 10_000 };
const transportLimits = { connectsPerAddress: connects, connects };
const { BENCH_SECRET: secret, BENCH_DIRECTORY: directory } = process.env;

const app = createServer({
  topics: { doc: doc("doc:{name}") },
  endpoints: [hocuspocus(), yWebsocket()],
  auth: jwt({ secret }),
  resources: "auto",
  directory,
  transportLimits,
});
const { port } = await app.listen(0);
reportTo(process, { port, limits: transportLimits });
