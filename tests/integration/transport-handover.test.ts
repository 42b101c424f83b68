import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@plexline/features/server";
import {
  createRunReader,
  type RunReaderEvent,
  type RunTransport,
  type TransportPolicy,
} from "@plexline/features/stream/reader";
import { agentSession, agentStream, transportPolicy } from "@plexline/features/stream/session";
import { adminPrincipal, createServer, servicePrincipal, staticTokens } from "@plexline/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./server-fixture.ts";

const ADMIN = "a-key-of-an-administrator-for-tests";
const READER = "a-key-of-a-service-for-tests";
const CHUNK_EVERY_MS = 10;
const HANDOVERS = 50;

/** A server with a policy about transports, on a store of its own or one that was used before. */
async function startServer({ directory, port = 0 }: { readonly directory: string; readonly port?: number }) {
  const { topic, endpoint, readers } = transportPolicy({ graceMs: 500 });
  const app = createServer({
    topics: { run: run("run:{id}", { coalesceMs: 0 }), policy: topic },
    endpoints: [agentSession({ readers }), agentStream({ readers }), endpoint],
    auth: staticTokens([
      { token: ADMIN, principal: adminPrincipal() },
      { token: READER, principal: servicePrincipal("reader", "default") },
    ]),
    resources: "auto",
    directory,
  });
  const listening = await app.listen(port);
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await app.close({ graceMs: 200 });
    isClosed = true;
  };
  onTestFinished(close);
  return { app, port: listening.port, url: `http://127.0.0.1:${listening.port}`, close };
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "plexline-handover-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Puts out numbered chunks at a steady rate until it is stopped; `stop` resolves with how many. */
function produce(append: (content: string) => Promise<unknown>) {
  let count = 0;
  let failure: unknown;
  const timer = setInterval(() => {
    append(String(count)).catch((error: unknown) => {
      failure ??= error;
    });
    count += 1;
  }, CHUNK_EVERY_MS);
  onTestFinished(() => clearInterval(timer));
  return {
    stop() {
      clearInterval(timer);
      if (failure !== undefined) throw failure;
      return count;
    },
  };
}

function read(url: string) {
  const reader = createRunReader({
    url,
    sessionId: "7",
    token: READER,
    WebSocket: WebSocket as never,
    spreadMs: 100,
    // What is tried while the server is away rests, too.
    restMs: 500,
  });
  onTestFinished(() => reader.close());
  const told: RunReaderEvent[] = [];
  const changes: string[] = [];
  reader.on("transport", ({ to, reason }) => changes.push(`${to} ${reason}`));
  reader.on("event", (event) => told.push(event));
  const contents = () =>
    told.filter(({ type }) => type === "agent:partial").map(({ content }) => String(content));
  return { reader, told, changes, contents };
}

async function setPolicy(url: string, change: Partial<TransportPolicy>): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
  const { policy } = (await (await fetch(`${url}/api/stream/policy`, { headers })).json()) as {
    policy: TransportPolicy;
  };
  const body = JSON.stringify({ ...policy, ...change });
  const response = await fetch(`${url}/api/stream/policy`, { method: "PUT", headers, body });
  expect(response.status).toBe(200);
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test("[TP8] fifty handovers in both directions, the kill switch among them, lose and repeat nothing of a run", async () => {
  const { app, url } = await startServer({ directory: await temporaryDirectory() });
  const handle = app.stream("run", { id: "7" });
  const { reader, told, changes, contents } = read(url);
  await eventually(() => expect(told[0]?.type).toBe("agent:snapshot"));
  const producer = produce((content) => handle.append({ type: "partial", content }));
  const ways: readonly RunTransport[] = ["sse", "websocket", "long-poll", "websocket", "sse", "long-poll"];
  for (let count = 0; count < HANDOVERS; count += 1) {
    const to = ways[count % ways.length] as RunTransport;
    if (count === HANDOVERS / 2) {
      // In the middle of a handover everything but SSE is switched off.
      const done = reader.switchTo("websocket").catch((error: { code: string }) => error.code);
      await setPolicy(url, { allowed: ["sse"] });
      await done;
      await eventually(() => expect(reader.transport).toBe("sse"));
      await setPolicy(url, { allowed: ["websocket", "sse", "long-poll"] });
      await eventually(() => expect(reader.policy.allowed).toHaveLength(3));
    }
    await reader.switchTo(to);
    expect(reader.transport).toBe(to);
    const before = contents().length;
    await eventually(() => expect(contents().length).toBeGreaterThan(before));
  }
  const sent = producer.stop();
  await handle.done({ answer: 42 });
  await eventually(() => expect(reader.status.state).toBe("closed"));
  expect(contents()).toEqual(numbers(sent));
  expect(changes.length).toBeGreaterThanOrEqual(HANDOVERS);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/plexline_run_handovers_total\{from="sse",to="websocket",reason="manual"\} [1-9]/);
  await eventually(async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const transport of ["websocket", "sse", "long-poll"])
      expect(text).toContain(`plexline_run_readers{transport="${transport}"} 0`);
  });
});

test("[TP8] a server that goes away and comes back, with another policy, loses and repeats nothing", async () => {
  const directory = await temporaryDirectory();
  const first = await startServer({ directory });
  const { reader, told, contents } = read(first.url);
  await eventually(() => expect(told[0]?.type).toBe("agent:snapshot"));
  expect(reader.transport).toBe("websocket");
  const one = first.app.stream("run", { id: "7" });
  for (const content of numbers(20)) await one.append({ type: "partial", content });
  await setPolicy(first.url, { percent: 0 });
  await first.close();
  const second = await startServer({ directory, port: first.port });
  const two = second.app.stream("run", { id: "7" });
  for (const content of numbers(40).slice(20)) await two.append({ type: "partial", content });
  await eventually(() => expect(contents()).toEqual(numbers(40)));
  await eventually(() => expect(reader.transport).toBe("sse"));
  // What a client sends arrives over whichever way there is.
  const ack = await reader.append({ type: "partial", content: "mine" });
  await eventually(() => expect(told.find(({ cursor }) => cursor === ack.cursor)?.content).toBe("mine"));
});
