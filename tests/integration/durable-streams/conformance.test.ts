import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runConformanceTests } from "@durable-streams/server-conformance-tests";
import { run, stream } from "@plexline/features/server";
import { durableStreams } from "@plexline/features/stream/durable";
import { createServer, noAuth } from "@plexline/server";
import { afterAll, beforeAll, describe, vi } from "vitest";

// The public suite of the protocol, all of it, against a real server that stores on disk.

const LONG_POLL_MS = 4_000;
const CONNECTS = { ratePerSecond: 10_000, burst: 10_000 };

vi.setConfig({ testTimeout: 15_000, hookTimeout: 30_000 });

describe("the public suite of Durable Streams", () => {
  /** Filled in once the server listens, before the first test reads it. */
  const suite = { baseUrl: "", longPollTimeoutMs: LONG_POLL_MS, subscriptions: true };
  let stop = async (): Promise<void> => {};

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), "plexline-durable-"));
    const app = createServer({
      topics: { stream: stream("stream:{path}"), run: run("run:{id}") },
      endpoints: [...durableStreams({ longPollTimeoutMs: LONG_POLL_MS, allowLoopbackCallbacks: true })],
      auth: noAuth(),
      resources: "auto",
      allowedOrigins: ["*"],
      directory,
      transportLimits: { connects: CONNECTS, connectsPerAddress: CONNECTS },
    });
    suite.baseUrl = (await app.listen(0)).url;
    stop = async () => {
      await app.close({ graceMs: 100 });
      await rm(directory, { recursive: true, force: true });
    };
  });
  afterAll(() => stop());

  runConformanceTests(suite);
});
