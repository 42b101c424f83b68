import { expect, test } from "vitest";
import { type ChurnLook, runChurn } from "./oracle/churn.mjs";

const CONNECTIONS = 10_000;
/** Noise of a heap that is collected by force; one forgotten session weighs several times as much. */
const LEFT_BYTES_PER_CONNECTION_MAX = 200;

const NOTHING: ChurnLook["held"] = {
  connections: 0,
  sessions: 0,
  users: 0,
  rooms: 0,
  subscriptions: 0,
  messageQueueSize: 0,
  sockets: 0,
};

test("memory is back at its base after 10,000 clients came, published and left, half of them without a goodbye [G3]", {
  timeout: 180_000,
}, async () => {
  const { base, end, peakRooms } = await runChurn({
    connections: CONNECTIONS,
    tell: (line) => process.stdout.write(`churn: ${line}\n`),
  });
  expect(peakRooms).toBeGreaterThan(0);
  expect(base.held).toEqual(NOTHING);
  expect(end.held).toEqual(NOTHING);
  const leftBytes = end.memory.heapUsedBytes - base.memory.heapUsedBytes;
  expect(leftBytes / CONNECTIONS).toBeLessThan(LEFT_BYTES_PER_CONNECTION_MAX);
});
