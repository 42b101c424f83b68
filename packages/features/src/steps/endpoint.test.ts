import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import type { Endpoint, EndpointSession } from "@plexline/server";
import { createTestServer, type RawClient } from "@plexline/testing";
import { expect, test } from "vitest";
import { endWithTest, inputOf, join, runs, submit, TOPIC } from "./document.fixture.ts";
import type { SinceOutput, StepsRun, SubmitOutput } from "./protocol.ts";
import { steps } from "./server.ts";

/** A wire of another kind: `update` submits, what is refused is answered with what is missing, `steps` are runs. */
const foreign: Endpoint = {
  path: "/foreign",
  async onConnect(ws) {
    const { snapshot } = await ws.subscribe(TOPIC, { translate });
    ws.send(JSON.stringify({ type: "connected", data: snapshot }));
  },
  async onMessage(ws, message) {
    const data: { version: number } = JSON.parse(String(message));
    const { accepted } = await call<SubmitOutput>(ws, "submit", data);
    if (!accepted) ws.send(stepsMessage(await call<SinceOutput>(ws, "since", { version: data.version })));
  },
};

const call = async <Output>(ws: EndpointSession, command: string, input: unknown): Promise<Output> =>
  (await ws.call(TOPIC, command, input)).output as Output;

const stepsMessage = ({ version, steps, clientIDs }: StepsRun): string =>
  JSON.stringify({ type: "steps", data: { version, steps, clientIDs } });

function translate(message: ServerMessage | BinaryMessage): string | null {
  const isRun = "type" in message && message.type === "push" && message.event === "steps";
  return isRun ? stepsMessage(message.payload as StepsRun) : null;
}

test("[SP1, SP2, SP3] a dialect submits, gets what others submitted, and what it lacked", async () => {
  const server = await createTestServer({ topics: { article: steps("steps:{id}") }, endpoints: [foreign] });
  endWithTest(server);
  const ada = await join(server, "ada");
  await submit(ada, 0, ["x"]);
  const bob = await server.open({ endpoint: foreign, token: server.issue("bob") });
  await server.settle(5);
  bob.send(JSON.stringify(inputOf(1, ["y"], "b")));
  await server.settle(5);
  await submit(ada, 2, ["z"]);
  bob.send(JSON.stringify(inputOf(1, ["late"], "b")));
  await server.settle(5);
  expect(told(bob)).toEqual([
    ["connected", { head: 1, mode: "steps" }],
    ["steps", 1, ["y"], ["b"]],
    ["steps", 2, ["z"], ["a"]],
    ["steps", 1, ["y", "z"], ["b", "a"]],
  ]);
  expect(runs(ada).map(([version]) => version)).toEqual([0, 1, 2]);
});

function told(client: RawClient): unknown[] {
  return client.received.map((message) => {
    const { type, data } = message as unknown as { type: string; data: StepsRun };
    if (type !== "steps") return [type, data];
    return [type, data.version, data.steps.map(({ name }) => name), data.clientIDs];
  });
}
