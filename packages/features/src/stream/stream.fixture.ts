import type { PushMessage } from "@plexline/protocol";
import { createMemoryBus } from "@plexline/server";
import {
  createTestClock,
  createTestServer,
  type RawClient,
  type TestServer,
  type TestServerOptions,
} from "@plexline/testing";
import { onTestFinished } from "vitest";
import type { StreamOptions } from "./options.ts";
import type { AppendInput, AppendOutput, StreamInfo } from "./protocol.ts";
import { stream } from "./server.ts";

/** The stream of these tests. */
export const TOPIC = "stream:1";

/** Chunks of a stream, by their payloads. */
export const chunksFold = {
  name: "chunks",
  initial: (): readonly unknown[] => [],
  apply: (state: readonly unknown[], { event, payload }: { event: string; payload: unknown }) =>
    event === "chunk" ? [...state, payload] : state,
};

type Options<State> = StreamOptions<"stream:{id}", State> & { readonly server?: Partial<TestServerOptions> };

const topicsOf = <State>(options: StreamOptions<"stream:{id}", State>) => ({
  // Everybody writes, unless a test says otherwise.
  stream: stream("stream:{id}", { defaultRole: "controller", ...options }),
});

/** Starts a server of streams that ends with the test. */
export async function start<State>({ server, ...options }: Options<State> = {}): Promise<TestServer> {
  const started = await createTestServer({ topics: topicsOf(options), ...server });
  endWithTest(started);
  return started;
}

/** Two nodes that share a storage, a clock and a broker. */
export async function startTwo<State>({ server, ...options }: Options<State> = {}) {
  const [clock, bus] = [createTestClock(), createMemoryBus()];
  const shared = { topics: topicsOf(options), clock, ...server };
  const a = await createTestServer({ ...shared, broker: bus.connect(), seed: 1 });
  const b = await createTestServer({ ...shared, broker: bus.connect(), seed: 2, storage: a.storage });
  endWithTest(a, b);
  return [a, b] as const;
}

/** Starts another server in the place of one, on the same storage. */
export async function restart(server: TestServer): Promise<TestServer> {
  const next = await server.restart();
  endWithTest(next);
  return next;
}

export function endWithTest(...servers: readonly TestServer[]): void {
  onTestFinished(async () => {
    for (const server of servers) await server.close();
  });
}

/** Connects somebody who follows the stream. */
export async function join(
  server: TestServer,
  user: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<RawClient> {
  const client = await server.connect(user);
  await client.ask({ type: "subscribe", topic: TOPIC, ...body });
  return client;
}

/** The output of a command. */
export async function call<Output = Record<string, unknown>>(
  client: RawClient,
  command: string,
  input?: unknown,
): Promise<Output> {
  const result = await client.ask<{ output: Output }>({ type: "call", topic: TOPIC, command, input });
  return result.output;
}

/** The code that a command is answered with, `ok` if it succeeds. */
export async function codeOf(client: RawClient, command: string, input?: unknown): Promise<string> {
  const reply = await client.request({ type: "call", topic: TOPIC, command, input });
  return reply.ok ? "ok" : reply.error.code;
}

/** Appends values, as a producer if told so: its id, generation and sequence. */
export function append(
  client: RawClient,
  values: readonly unknown[],
  producer?: readonly [id: string, generation: number, sequence: number],
  more: Partial<AppendInput> = {},
): Promise<AppendOutput> {
  const whose = producer && { id: producer[0], generation: producer[1], sequence: producer[2] };
  return call(client, "append", { values, ...(whose ? { producer: whose } : {}), ...more });
}

export const infoOf = (client: RawClient) => call<StreamInfo>(client, "info");

/** What a client was pushed: event and payload. */
export const told = (client: RawClient): [string, unknown][] =>
  client.all("push").map(({ event, payload }) => [event, payload]);
export const chunks = (client: RawClient): unknown[] =>
  client
    .all("push")
    .filter(({ event }) => event === "chunk")
    .map(({ payload }) => payload);
export const producerChanges = (client: RawClient) =>
  client.all("push").flatMap(({ event, payload }: PushMessage) => {
    const { producer, generation, state } = payload as Record<string, unknown>;
    return event === "producer" ? [[producer, generation, state]] : [];
  });

/** All chunks of the log, as somebody is given them who comes now. */
export async function chunksInLog(server: TestServer): Promise<unknown[]> {
  const reader = await join(server, "late", { since: "start" });
  await server.settle(50);
  return chunks(reader);
}
