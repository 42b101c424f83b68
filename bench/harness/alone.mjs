// Two benchmarks on one machine would measure each other: the second waits for the first.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A name in Linux's abstract namespace: it belongs to one process and is free again when that one ends. */
const NAME = "\0plexline-bench";
const RETRY_MS = 500;

/** Resolves once no other benchmark runs; none starts before this process has ended. */
export async function beAlone(print) {
  for (let waited = false; !(await take()); waited = true) {
    if (!waited) print("Another benchmark is running here: waiting for its end.");
    await sleep(RETRY_MS);
  }
}

function take() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen(NAME, () => {
      server.unref();
      resolve(true);
    });
  });
}
