import { authenticateWith } from "@plexline/server";
import { expect, test } from "vitest";
import { eventually, expectError, refusedUpgrade, startServer } from "./server-fixture.ts";

const GRACE_MS = 1_000;
/** The restarted server takes the tokens of the first. */
const options = { auth: authenticateWith(() => ({ id: "ada" })) };

test("a server that stops says so, lets nobody in, and whoever comes back has missed nothing [G1] [G2] [G8] [H5]", async () => {
  const server = await startServer(options);
  const publisher = server.client("publisher");
  const receiver = server.client("receiver");
  const received: unknown[] = [];
  const gaps: unknown[] = [];
  const delays: number[] = [];
  const reasons: unknown[] = [];
  receiver.on("goaway", ({ reconnectAfterMs }) => delays.push(reconnectAfterMs));
  receiver.on("status", (status) => {
    if (status.state === "disconnected") reasons.push(status.reason);
  });
  const topic = receiver.topic("calm:1");
  topic.on("push", ({ payload }) => received.push(payload));
  topic.on("gap", (gap) => gaps.push(gap));
  topic.subscribe();
  await topic.whenSubscribed();
  const lingering = server.raw();
  await lingering.hello("lingering");

  const numbers = Array.from({ length: 60 }, (_, index) => index);
  const publish = (number: number | undefined) => publisher.topic("calm:1").publish("said", number);
  const before = numbers.slice(0, 20).map(publish);
  const closed = server.app.close({ graceMs: GRACE_MS });
  const during = numbers.slice(20, 40).map(publish);
  await eventually(() => expect(delays).toHaveLength(1));
  expect(delays[0]).toBeLessThanOrEqual(GRACE_MS);

  const answer = await refusedUpgrade(server);
  expect(answer.status).toBe(503);
  expectError(answer.body, "SHUTTING_DOWN");

  // Who does not leave is closed, and told why.
  expect(await lingering.closed).toMatchObject({
    code: 1012,
    reason: expect.stringMatching(/^SHUTTING_DOWN: .{10,}/),
  });
  await closed;
  const reason = reasons[0] as { code: string; message: string; fix: string };
  expectError(reason, "SHUTTING_DOWN");

  const { directory, port } = server;
  const next = await startServer({ ...options, directory }, { port });
  const after = numbers.slice(40).map(publish);
  await Promise.all([...before, ...during, ...after]);
  await eventually(() => expect(received).toHaveLength(numbers.length));
  expect(received).toEqual(numbers);
  expect(gaps).toEqual([]);
  server.expectNoSecrets();
  next.expectNoSecrets();
});
