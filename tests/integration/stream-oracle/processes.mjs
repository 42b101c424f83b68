// The processes that a run of the oracle kills: a server with its own producers, and the writers that are not in it.
import { fileURLToPath } from "node:url";
import { start } from "../oracle/processes.mjs";

const SERVER = fileURLToPath(new URL("server.mjs", import.meta.url));
const WRITER = fileURLToPath(new URL("writer.mjs", import.meta.url));

/** A process that takes orders, one JSON line each. */
function orderable({ child, ended, kill }) {
  return { child, ended, kill, order: (order) => child.stdin.write(`${JSON.stringify(order)}\n`) };
}

/** Starts the server on `directory`; resolves when it listens. Facts about its own producers go to `onFact`. */
export async function startRunServer({ directory, port = 0, seed, fault = "", onFact }) {
  let tell;
  const ready = new Promise((resolve) => {
    tell = resolve;
  });
  const args = [directory, String(port), String(seed), fault];
  const server = start(SERVER, args, (line) => (Array.isArray(line) ? onFact(line) : tell(line)));
  const told = await Promise.race([ready, server.ended]);
  if (told?.port === undefined)
    throw new Error(`The server did not start: exit code ${server.child.exitCode}.`);
  return { ...orderable(server), port: told.port, url: `http://127.0.0.1:${told.port}` };
}

/** Starts a process of writers, which waits for orders. */
export function startRunWriters({ url, seed, onFact }) {
  return orderable(start(WRITER, [url, String(seed)], onFact));
}
