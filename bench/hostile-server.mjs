// The server that bench/hostile.mjs attacks: documents on both wires, every limit at its default.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { yWebsocket } from "../packages/features/dist/doc/dialects/y-websocket/endpoint.js";
import { doc } from "../packages/features/dist/doc/server.js";
import { authenticateWith, createServer } from "../packages/server/dist/index.js";
import { reportTo } from "./harness/child.mjs";

const app = createServer({
  topics: { doc: doc("doc:{name}") },
  endpoints: [yWebsocket()],
  auth: authenticateWith(({ token }) => ({ id: token })),
  resources: "auto",
  // The benchmark points TMPDIR at a directory that it removes.
  directory: mkdtempSync(join(tmpdir(), "plexline-bench-")),
});
const { port } = await app.listen(0);
reportTo(process, { port, limits: "defaults" });
