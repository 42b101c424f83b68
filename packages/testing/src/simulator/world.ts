import type { PublishResult } from "@plexline/protocol";
import { type App, authenticateWith, createServer } from "@plexline/server";
import { createNetwork, type Network } from "../network.ts";
import { createSeededRandom, type SeededRandom } from "../random.ts";
import { createSimulatorClock, type SimulatorClock } from "./clock.ts";
import { createSimulatedDisk, type SimulatedDisk, type SimulatedStorage } from "./disk.ts";
import type { DocumentAddress } from "./documents/definition.ts";
import { createDocumentLog, type DocumentLog } from "./documents/log.ts";
import type { Plant } from "./plant.ts";
import { createTopics } from "./topics.ts";

/** One run's choices that hold from its beginning to its end. */
export interface WorldSettings {
  /** Entries that logs keep. */
  readonly entriesMax: number;
  /** Longest time of a message on its way. */
  readonly delayMaxMs: number;
  readonly socketBufferBytesMax: number;
  readonly outboxBytesMax: number;
  readonly requestsInFlightMax: number;
  readonly resumeWindowMs: number;
  /** Documents that are edited. */
  readonly documents: readonly DocumentAddress[];
  /** Entries after which a document is folded. */
  readonly compactAfterEntries: number;
}

interface Incarnation {
  readonly app: App;
  readonly storage: SimulatedStorage;
  isStopping: boolean;
  end(): void;
}

/** The server with everything around it, in virtual time. */
export interface World {
  readonly clock: SimulatorClock;
  readonly random: SeededRandom;
  readonly disk: SimulatedDisk;
  readonly network: Network;
  readonly documents: readonly DocumentAddress[];
  documentLog(topic: string): DocumentLog;
  /** Whether a server takes connections. */
  readonly isUp: boolean;
  /** Publishes from the server's own code; null when there is no server. Never settles when it crashes. */
  publish(topic: string, event: string, payload: unknown): Promise<PublishResult> | null;
  /** The server vanishes in the middle of whatever it does. `lands`: a flush under way reaches the disk all the same. */
  crash(lands: boolean): void;
  /** Starts a server on the same disk, unless one runs. */
  start(): void;
  /** Stops the server as an operator would, and starts another one. */
  restartGracefully(): void;
}

/** Token of a user, for the simulated server: who it is and until when. */
export function tokenOf(user: string, expiresAtMs?: number): string {
  return expiresAtMs === undefined ? user : `${user}|${expiresAtMs}`;
}

const authenticator = authenticateWith(({ token }) => {
  const [id = "", expiresAtMs] = (token ?? "").split("|");
  return { id, ...(expiresAtMs === undefined ? {} : { expiresAtMs: Number(expiresAtMs) }) };
});

/** Creates a world whose server is about to start. */
export function createWorld(seed: number, settings: WorldSettings, plant: Plant): World {
  const clock = createSimulatorClock();
  const random = createSeededRandom(seed);
  const disk = createSimulatedDisk(random.fork());
  const delays = random.fork();
  const serverRandom = random.fork();
  const logs = new Map(settings.documents.map((topic) => [topic as string, createDocumentLog(disk, topic)]));
  let server: Incarnation | null = null;
  /** Rises with every start, so that the end of an earlier server's goodbye does not start another one. */
  let generation = 0;

  const network = createNetwork({
    clock,
    delayMs: () => delays.integer(settings.delayMaxMs),
    accept(socket, request) {
      if (server === null || server.isStopping) throw new Error("Nobody listens.");
      server.app.accept(socket, { request });
    },
  });

  const start = (): void => {
    if (server !== null) return;
    const mine = ++generation;
    const life = clock.life();
    const opened = disk.open(life.clock);
    const storage = plant.storage?.(opened) ?? opened;
    const app: App = createServer({
      topics: createTopics(settings, plant.feature ?? ((feature) => feature)),
      auth: authenticator,
      storage,
      resources: "auto",
      clock: life.clock,
      random: serverRandom,
      limits: {
        heartbeatIntervalMs: 3_000,
        heartbeatDeadlineMs: 5_000,
        resumeWindowMs: settings.resumeWindowMs,
        socketBufferBytesMax: settings.socketBufferBytesMax,
        outboxBytesMax: settings.outboxBytesMax,
        requestsInFlightMax: settings.requestsInFlightMax,
      },
    });
    void app.start().then(() => {
      if (mine === generation) server = { app, storage, isStopping: false, end: life.end };
    });
  };

  return {
    clock,
    random,
    disk,
    network,
    documents: settings.documents,
    documentLog: (topic) => logs.get(topic) ?? createDocumentLog(disk, topic),
    start,
    get isUp() {
      return server !== null && !server.isStopping;
    },
    publish: (topic, event, payload) => server?.app.publish(topic, event, payload) ?? null,
    crash(lands) {
      if (server === null) return;
      server.storage.crash(lands);
      server.end();
      server = null;
      generation += 1;
      for (const link of [...network.links])
        link.cut({ clientAfterMs: delays.integer(500), serverAfterMs: Number.POSITIVE_INFINITY });
      plant.afterCrash?.(disk);
    },
    restartGracefully() {
      const stopping = server;
      if (stopping === null || stopping.isStopping) return;
      stopping.isStopping = true;
      const mine = generation;
      void stopping.app
        .close({ graceMs: 1_000 })
        .then(() => stopping.storage.close())
        .then(() => {
          if (server !== stopping || mine !== generation) return;
          stopping.end();
          server = null;
          start();
        });
    },
  };
}
