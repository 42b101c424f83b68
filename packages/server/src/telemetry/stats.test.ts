import { createTestClock } from "@plexline/testing";
import { expect, test } from "vitest";
import { createStats, type StatsSource } from "./stats.ts";

function fixture() {
  const totals = { in: 0, out: 0, bytes: 0 };
  const source: StatsSource = {
    connections: () => 3,
    sessions: () => 4,
    users: () => 2,
    rooms: () => 1,
    subscriptions: () => 5,
    messageQueueSize: () => 6,
    messagesInTotal: () => totals.in,
    messagesOutTotal: () => totals.out,
    bytesOutTotal: () => totals.bytes,
  };
  const clock = createTestClock();
  return { totals, clock, stats: createStats({ source, clock }) };
}

test("stats tell what the engine counts, with memory and uptime", () => {
  const { clock, stats } = fixture();
  clock.advance(1_500);
  expect(stats()).toMatchObject({
    connections: 3,
    sessions: 4,
    users: 2,
    rooms: 1,
    subscriptions: 5,
    messageQueueSize: 6,
    uptimeMs: 1_500,
  });
  expect(stats().memory.rssBytes).toBeGreaterThan(1_000_000);
});

test("rates are zero at the start, and follow the recent past afterwards", () => {
  const { clock, stats, totals } = fixture();
  expect(stats().messagesInPerSecond).toBe(0);
  Object.assign(totals, { in: 100, out: 1_000, bytes: 50_000 });
  clock.advance(10_000);
  expect(stats()).toMatchObject({
    messagesInPerSecond: 10,
    messagesOutPerSecond: 100,
    bytesOutPerSecond: 5_000,
  });
  clock.advance(10_000);
  expect(stats().messagesInPerSecond).toBe(0);
});
