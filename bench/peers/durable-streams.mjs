// The reference server of Durable Streams as it is published: in files if there is a directory, else in memory.
import { join } from "node:path";
import { DurableStreamTestServer } from "@durable-streams/server";
import { reportTo } from "../harness/child.mjs";

const { BENCH_DIRECTORY: directory, BENCH_STORE: store } = process.env;

/** It tells of its start and of appends that are slow, in the middle of the tables. */
console.info = () => {};

const server = new DurableStreamTestServer({
  port: 0,
  ...(store === "file" ? { dataDir: join(directory, "durable-streams") } : {}),
});
const url = await server.start();
reportTo(process, { port: Number(new URL(url).port) });
