import { createTestServer, type RawClient, type TestServer } from "@plexline/testing";
import { onTestFinished } from "vitest";
import type { StepsOptions } from "./options.ts";
import type { ClientId, SinceOutput, StepsRun, SubmitOutput } from "./protocol.ts";
import { steps } from "./server.ts";

/** The document of these tests. */
export const TOPIC = "steps:1";

/** Starts a server of steps documents that ends with the test. */
export async function start(options: StepsOptions<"steps:{id}"> = {}): Promise<TestServer> {
  const server = await createTestServer({ topics: { article: steps("steps:{id}", options) } });
  endWithTest(server);
  return server;
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

/** Connects somebody who receives the document. */
export async function join(server: TestServer, user: string): Promise<RawClient> {
  const client = await server.connect(user);
  await client.ask({ type: "subscribe", topic: TOPIC });
  return client;
}

/** A step that can be told from others by its name. */
export const step = (name: string) => ({ stepType: "replace", from: 0, to: 0, name });
/** The output of a command. */
export const call = async <Output>(client: RawClient, command: string, input: unknown): Promise<Output> => {
  const result = await client.ask<{ output: Output }>({ type: "call", topic: TOPIC, command, input });
  return result.output;
};
/** The code that a command is answered with, `ok` if it succeeds. */
export const codeOf = async (client: RawClient, command: string, input: unknown) => {
  const reply = await client.request({ type: "call", topic: TOPIC, command, input });
  return reply.ok ? "ok" : reply.error.code;
};
/** A submit of steps with these names. */
export const inputOf = (version: number, names: readonly string[], clientID: ClientId = "a") => ({
  version,
  steps: names.map(step),
  clientID,
});
export const submit = (client: RawClient, version: number, names: readonly string[], clientID?: ClientId) =>
  call<SubmitOutput>(client, "submit", inputOf(version, names, clientID));
export const since = (client: RawClient, version: number, epoch?: string) =>
  call<SinceOutput>(client, "since", { version, ...(epoch === undefined ? {} : { epoch }) });
/** What a client was pushed: version, names of the steps, client ids. */
export const runs = (client: RawClient) =>
  client.all("push").map(({ payload }) => {
    const { version, steps, clientIDs } = payload as StepsRun;
    return [version, steps.map(({ name }) => name), clientIDs];
  });
export const namesOf = ({ steps }: StepsRun) => steps.map(({ name }) => name);
