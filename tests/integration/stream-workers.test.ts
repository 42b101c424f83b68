import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient } from "@plexline/features/client";
import { createHttpStream } from "@plexline/features/stream/http-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { startCli } from "./cli-fixture.ts";
import { startLossyProxy } from "./lossy-proxy.ts";

// Producers in processes of their own, over plain HTTP, while processes are killed and answers are lost.

const SECRET = "a secret for workers that is long enough to be taken";
const WORKER = fileURLToPath(new URL("./fixtures/stream-worker.mjs", import.meta.url));
const FACT = { timeout: 40_000, interval: 10 };

function tokenOf(user: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp, role: "editor" })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

async function startServer() {
  const data = await mkdtemp(join(tmpdir(), "plexline-workers-"));
  const begin = (port: number) => startCli({ data, port, env: { JWT_SECRET: SECRET } });
  let server = await begin(0);
  const { port } = server;
  onTestFinished(async () => {
    await server.stop("SIGKILL");
    await rm(data, { recursive: true, force: true });
  });
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    /** Kills the process and starts another one on the same data. */
    async crash() {
      await server.stop("SIGKILL");
      server = await begin(port);
    },
  };
}

type Said = Readonly<Record<string, unknown>>;

function startWorker(url: string, topic: string, count = 0) {
  const child: ChildProcess = spawn(
    process.execPath,
    [WORKER, `${url}/api/streams`, tokenOf("worker"), topic, String(count)],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: Said[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => said.push(JSON.parse(line) as Said));
  const acked = () => said.flatMap(({ acked: value }) => (value === undefined ? [] : [value as number]));
  return {
    child,
    said,
    acked,
    tell: (line: string) => child.stdin!.write(`${line}\n`),
    heard: (field: string) =>
      vi.waitFor(() => {
        const found = said.find((one) => field in one);
        if (found === undefined) throw new Error(`Not in ${JSON.stringify(said.slice(-5))}.`);
        return found[field];
      }, FACT),
  };
}

/** All that a reader over the WebSocket and one over HTTP are told of a run. */
function followRun(url: string, id: string) {
  const client = createClient({
    url: `${url.replace("http", "ws")}/ws`,
    token: () => tokenOf("reader"),
    WebSocket: WebSocket as never,
    reconnect: { baseMs: 20, capMs: 200 },
  });
  onTestFinished(() => client.close());
  const handles = [
    client.stream(`run:${id}`),
    createHttpStream({ url: `${url}/api/streams`, token: tokenOf("reader"), topic: `run:${id}` }),
  ];
  return handles.map((handle) => {
    const texts: string[] = [];
    const producers: string[] = [];
    handle.on("chunk", (chunk) => {
      const { type, content } = chunk as { type: string; content?: string };
      texts.push(type === "partial" ? (content as string).trim() : type);
    });
    handle.on("producer", ({ generation, state }) => producers.push(`${generation} ${state}`));
    onTestFinished(() => handle.leave());
    return { handle, texts, producers };
  });
}

const numbered = (generation: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${generation}.${index}`);

test("[SH9] [SH11] [ST16] a killed worker is succeeded by another: readers see who writes, the reset, and each chunk once", async () => {
  const { url } = await startServer();
  const readers = followRun(url, "succeed");
  const first = startWorker(url, "run:succeed");
  await first.heard("attached");
  for (let count = 0; count < 20; count += 1) first.tell("go");
  await vi.waitFor(() => expect(first.acked().length).toBe(20), FACT);
  first.child.kill("SIGKILL");
  for (const { producers } of readers) await vi.waitFor(() => expect(producers.at(-1)).toBe("0 lost"), FACT);
  const second = startWorker(url, "run:succeed", 30);
  second.tell("all");
  await second.heard("ended");
  for (const { handle, texts, producers } of readers) {
    await vi.waitFor(() => expect(handle.status.state).toBe("closed"), FACT);
    expect(texts).toEqual([...numbered(0, 20), "reset", ...numbered(1, 30), "done"]);
    expect(producers).toEqual(["0 attached", "0 lost", "1 attached"]);
  }
});

test("[ST5] a worker that stood still and comes back behind its successor is fenced", async () => {
  const { url } = await startServer();
  const readers = followRun(url, "fence");
  const first = startWorker(url, "run:fence");
  await first.heard("attached");
  first.tell("go");
  await vi.waitFor(() => expect(first.acked()).toEqual([0]), FACT);
  first.child.kill("SIGSTOP");
  const second = startWorker(url, "run:fence", 3);
  await second.heard("attached");
  first.child.kill("SIGCONT");
  for (let count = 0; count < 5; count += 1) first.tell("go");
  expect(await first.heard("failed")).toBe("ProducerFencedError");
  second.tell("all");
  await second.heard("ended");
  for (const { handle, texts } of readers) {
    await vi.waitFor(() => expect(handle.status.state).toBe("closed"), FACT);
    expect(texts).toEqual(["0.0", "reset", ...numbered(1, 3), "done"]);
  }
});

test("[SH4] [ST3] lost requests, lost answers and a killed server: every chunk once and in order", async () => {
  const server = await startServer();
  let seen = 0;
  const proxy = await startLossyProxy(
    () => server.port,
    (method) => {
      if (method !== "POST") return "nothing";
      seen += 1;
      return (["nothing", "answer", "nothing", "half-answer", "request"] as const)[seen % 5] ?? "nothing";
    },
  );
  const readers = followRun(server.url, "lossy");
  const worker = startWorker(proxy.url, "run:lossy", 150);
  await worker.heard("attached");
  worker.tell("all");
  await vi.waitFor(() => expect(worker.acked().length).toBeGreaterThan(30), FACT);
  await server.crash();
  await worker.heard("ended");
  const [generation] = worker.said.flatMap(({ attached }) => (attached === undefined ? [] : [attached]));
  expect(worker.acked()).toEqual(Array.from({ length: 150 }, (_, index) => index));
  for (const { handle, texts } of readers) {
    await vi.waitFor(() => expect(handle.status.state).toBe("closed"), FACT);
    expect(texts.filter((text) => text !== "reset")).toEqual([
      ...numbered(generation as number, 150),
      "done",
    ]);
  }
  for (const kind of ["request", "answer", "half-answer"] as const)
    expect(proxy.lost[kind]).toBeGreaterThan(3);
});

test("[ST20] [ST22] a cancel reaches the worker with an outcome, also one from before it came", async () => {
  const { url } = await startServer();
  const [early] = followRun(url, "early") as [ReturnType<typeof followRun>[0]];
  const opener = createHttpStream({
    url: `${url}/api/streams`,
    token: tokenOf("reader"),
    topic: "run:early",
    since: "now",
  });
  // A run is there before its worker: whoever starts it creates it.
  await fetch(`${url}/api/streams/run%3Aearly/create`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokenOf("worker")}`, "content-type": "application/json" },
    body: "{}",
  });
  const before = await opener.cancel("before");
  const first = startWorker(url, "run:early");
  expect(await first.heard("cancelled")).toBe("before");
  expect(await before.outcome).toMatchObject({ status: "done", data: { stopped: true } });
  first.tell("go");
  await first.heard("ended");
  await vi.waitFor(() => expect(early.handle.status.state).toBe("closed"), FACT);

  const [during] = followRun(url, "during") as [ReturnType<typeof followRun>[0]];
  const second = startWorker(url, "run:during");
  await second.heard("attached");
  second.tell("go");
  await vi.waitFor(() => expect(during.texts).toEqual(["0.0"]), FACT);
  const cancel = await during.handle.cancel("enough");
  expect(await second.heard("cancelled")).toBe("enough");
  expect(await cancel.outcome).toMatchObject({ status: "done", data: { stopped: true } });
});
