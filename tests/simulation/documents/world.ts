import { yWebsocket } from "../../../packages/features/src/doc/dialects/y-websocket/endpoint.ts";
import { doc } from "../../../packages/features/src/doc/server.ts";
import type { DocWorker } from "../../../packages/features/src/doc/worker/jobs.ts";
import {
  type App,
  authenticateWith,
  createServer,
  type Endpoint,
} from "../../../packages/server/src/index.ts";
import { createNetwork, type Network } from "../../../packages/testing/src/network.ts";
import { createSeededRandom, type SeededRandom } from "../../../packages/testing/src/random.ts";
import { createSimulatorClock, type SimulatorClock } from "../../../packages/testing/src/simulator/clock.ts";
import {
  createSimulatedDisk,
  type SimulatedDisk,
  type SimulatedStorage,
} from "../../../packages/testing/src/simulator/disk.ts";
import { isAddressed, routeTo } from "./address.ts";

/** Offered by sockets of the y-websocket path, in front of the user and the document's name. */
export const Y_WEBSOCKET = "y-websocket";
export const TOPIC = "doc:1";
/** The storage's name of it. */
export const STORED_TOPIC = `default/${TOPIC}`;

export interface DocumentWorldOptions {
  /** Endpoints besides that of y-websocket, for each life of the server. Default: none. */
  readonly endpoints?: () => readonly Endpoint[];
  /** Does the heavy work of documents. Default: threads, whose answers come in a time that no seed repeats. */
  readonly worker?: DocWorker;
}

interface Running {
  readonly app: App;
  readonly endpoints: readonly Endpoint[];
  readonly storage: SimulatedStorage;
  end(): void;
}

/** A server with documents, in virtual time, on a disk and a network that the run meddles with. */
export interface DocumentWorld {
  readonly clock: SimulatorClock;
  readonly random: SeededRandom;
  readonly disk: SimulatedDisk;
  readonly network: Network;
  readonly isUp: boolean;
  start(): Promise<void>;
  /** The server vanishes. `lands`: a flush under way reaches the disk all the same. */
  crash(lands: boolean): void;
  /** Stops it as an operator would. */
  stop(): Promise<void>;
}

const authenticator = authenticateWith(({ token }) => ({ id: token ?? "" }));

export function createDocumentWorld(seed: number, options: DocumentWorldOptions = {}): DocumentWorld {
  const clock = createSimulatorClock();
  const random = createSeededRandom(seed);
  const disk = createSimulatedDisk(random.fork());
  const [delays, flushes, serverRandom] = [random.fork(), random.fork(), random.fork()];
  const endpoint = yWebsocket();
  let running: Running | null = null;
  disk.behaviour.flushMs = () => flushes.integer(15);

  const network = createNetwork({
    clock,
    delayMs: () => delays.integer(20),
    accept(socket, request) {
      if (running === null) throw new Error("Nobody listens.");
      if (isAddressed(request)) {
        const { credentials, target } = routeTo(running.endpoints, request);
        running.app.accept(socket, credentials, target);
        return;
      }
      const [dialect, token, name = ""] = request.subprotocols;
      if (dialect !== Y_WEBSOCKET || token === undefined) {
        running.app.accept(socket, { request });
        return;
      }
      const foreign = { ...request, path: `/yjs/${name}`, subprotocols: [], params: { "*": name } };
      running.app.accept(
        socket,
        { request: foreign, token, source: "query" },
        { kind: "endpoint", endpoint },
      );
    },
  });

  async function start(): Promise<void> {
    if (running !== null) return;
    const life = clock.life();
    const storage = disk.open(life.clock);
    const endpoints = [endpoint, ...(options.endpoints?.() ?? [])];
    const { worker } = options;
    const app = createServer({
      topics: { page: doc("doc:{id}", worker === undefined ? {} : { worker }) },
      endpoints,
      auth: authenticator,
      storage,
      resources: "auto",
      clock: life.clock,
      random: serverRandom,
    }) as App;
    const started = app.start();
    await clock.run(500);
    await started;
    running = { app, endpoints, storage, end: life.end };
  }

  return {
    clock,
    random,
    disk,
    network,
    start,
    get isUp() {
      return running !== null;
    },
    crash(lands) {
      if (running === null) return;
      running.storage.crash(lands);
      running.end();
      running = null;
      for (const link of [...network.links])
        link.cut({ clientAfterMs: delays.integer(500), serverAfterMs: Number.POSITIVE_INFINITY });
    },
    async stop() {
      const stopping = running;
      if (stopping === null) return;
      running = null;
      let isClosed = false;
      const closing = stopping.app.close({ graceMs: 500 }).finally(() => {
        isClosed = true;
      });
      for (let waits = 0; !isClosed && waits < 1_000; waits += 1) {
        await clock.run(50);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await closing;
      stopping.end();
    },
  };
}
