// The Hocuspocus server as its users run it: a token in band, verified (HS256), and documents in a SQLite file.
import { createHmac, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";
import { reportTo } from "../harness/child.mjs";

const { BENCH_SECRET: secret, BENCH_DIRECTORY: directory } = process.env;

function verify(token) {
  const [head, claims, signature] = token.split(".");
  const expected = createHmac("sha256", secret).update(`${head}.${claims}`).digest();
  const given = Buffer.from(signature ?? "", "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error("Not signed.");
  const { sub, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
  if (exp * 1_000 < Date.now()) throw new Error("Expired.");
  return { user: sub };
}

const server = new Server({
  port: 0,
  address: "127.0.0.1",
  quiet: true,
  extensions: [new SQLite({ database: join(directory, "hocuspocus.sqlite") })],
  onAuthenticate: async ({ token }) => verify(token),
});
await server.listen();
reportTo(process, { port: server.address.port });
