import { createMemoryStorage, decodeBinaryEntry, type Storage } from "@plexline/server";
import {
  createFaultyStorage,
  createSeededRandom,
  createTestClock,
  createTestServer,
  type TestServer,
} from "@plexline/testing";
import { afterEach } from "vitest";
import { applyUpdate, Doc } from "yjs";
import { createClient } from "../../client.ts";
import type { DocOptions } from "../client.ts";
import { doc } from "../server.ts";
import { scanUpdate } from "../update/scan.ts";
import { fold } from "../worker/fold.ts";

const ROUNDS_MAX = 20_000;

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

/** A server with a document, whose storage and network a test disturbs, and clients of the SDK. `eve` reads only. */
export async function startWorld() {
  const clock = createTestClock();
  const log = watchLog(createMemoryStorage({ random: createSeededRandom(7) }));
  const storage = createFaultyStorage(log.storage);
  const page = doc("page:{id}", {
    authorize: ({ principal }) => (principal.id === "eve" ? "read" : "write"),
    // On this thread: the virtual clock would run away from another one.
    worker: {
      scan: async (update, limits) => scanUpdate(update, limits),
      fold: async (job) => fold(job),
    },
  });
  const topics = { page };
  let server: TestServer = await createTestServer({ topics, clock, storage });
  closings.push(() => server.close());

  const world = {
    clock,
    storage,
    /** What is durable in the document right now. */
    text: () => log.durable().getText("t").toString(),
    durable: () => log.durable(),
    settle: (ms = 0) => server.settle(ms),
    async until(fact: () => boolean): Promise<void> {
      for (let rounds = 0; !fact(); rounds++) {
        if (rounds === ROUNDS_MAX) throw new Error(`Waited in vain for ${String(fact)}.`);
        await server.settle(10);
      }
    },
    /** Cuts every connection as a failing network would; the server learns of it later. */
    cut(): void {
      for (const link of [...server.network.links]) link.cut({ clientAfterMs: 0, serverAfterMs: 200 });
    },
    stop: () => server.close(),
    async restart(): Promise<void> {
      server = await server.restart();
    },
    /** The document's log begins anew; the server must not be running. */
    reset: () => storage.reset(log.key()),
    client(user: string) {
      const plex = createClient<{ readonly topics: typeof topics }>({
        url: "ws://server.test/ws",
        clock,
        random: createSeededRandom(user.length),
        token: () => server.issue(user),
        WebSocket: class {
          constructor(url: string, protocols: string[]) {
            // biome-ignore lint/correctness/noConstructorReturn: a WebSocket class is what clients expect to call.
            return new server.network.WebSocket(url, protocols);
          }
        } as unknown as TestServer["network"]["WebSocket"],
      });
      closings.push(async () => plex.close());
      return {
        plex,
        open(options?: DocOptions) {
          const handle = plex.doc("page", { id: "9" }, options);
          return { handle, text: handle.doc.getText("t") };
        },
      };
    },
  };
  return world;
}

/** Notes what becomes durable in the one document there is, at the moment at which it does. */
function watchLog(inner: Storage) {
  let key = "";
  let durable = new Doc();
  const storage: Storage = Object.assign(Object.create(inner) as Storage, {
    async commit(commit: Parameters<Storage["commit"]>[0]) {
      const positions = await inner.commit(commit);
      for (const { topic, entries } of commit.appends ?? []) {
        key = topic;
        for (const entry of entries)
          applyUpdate(durable, decodeBinaryEntry({ ...entry, offset: 1 }).entry.payload);
      }
      return positions;
    },
    reset(topic: string, epoch?: string) {
      durable = new Doc();
      return inner.reset(topic, epoch);
    },
  });
  // Methods of the inner one run on it, not on what inherits from it.
  for (const name of [
    "read",
    "heads",
    "get",
    "list",
    "trim",
    "writeSnapshot",
    "readSnapshot",
    "writeSegment",
    "readSegment",
    "close",
  ] as const) {
    Object.assign(storage, { [name]: (inner[name] as (...given: unknown[]) => unknown).bind(inner) });
  }
  Object.defineProperty(storage, "incarnation", { get: () => inner.incarnation });
  return { storage, key: () => key, durable: () => durable };
}
