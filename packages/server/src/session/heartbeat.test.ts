import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createTimingWheel } from "../platform/timing-wheel.ts";
import { Heartbeat } from "./heartbeat.ts";

const TICK_MS = 500;

function setUp() {
  const clock = createTestClock();
  const wheel = createTimingWheel({
    clock,
    tickMs: TICK_MS,
    onError: (error) => {
      throw error;
    },
  });
  const events: [string, number][] = [];
  const heartbeat = new Heartbeat(
    clock,
    wheel,
    { heartbeatIntervalMs: 30_000, heartbeatDeadlineMs: 35_000 },
    {
      onSilent: () => events.push(["silent", clock.monotonicMs()]),
      onDead: () => events.push(["dead", clock.monotonicMs()]),
    },
  );
  heartbeat.start();
  const hear = () => heartbeat.heard(clock.monotonicMs());
  return { clock, wheel, heartbeat, events, hear };
}

describe("a heartbeat", () => {
  test("[L2] [L3] asks after 30 seconds of silence and gives up after 35, to within a tick", () => {
    const { clock, events, wheel } = setUp();
    clock.advance(60_000);
    expect(events).toEqual([
      ["silent", 30_000],
      ["dead", 35_000],
    ]);
    expect(wheel.size).toBe(0);
  });

  test("[L2] a sign of life puts the question off", () => {
    const { clock, events, hear } = setUp();
    clock.advance(29_000);
    hear();
    clock.advance(29_000);
    expect(events).toEqual([]);
    clock.advance(1_000 + TICK_MS);
    expect(events).toEqual([["silent", 59_000]]);
  });

  test("[L3] an answer after the question keeps the connection, as often as it comes", () => {
    const { clock, events, hear } = setUp();
    for (let round = 0; round < 5; round += 1) {
      clock.advance(32_000);
      hear();
    }
    expect(events.map(([what]) => what)).toEqual(["silent", "silent", "silent", "silent", "silent"]);
  });

  test("asks once per silence", () => {
    const { clock, events } = setUp();
    clock.advance(34_999);
    expect(events).toEqual([["silent", 30_000]]);
  });

  test("a stopped one stays quiet", () => {
    const { clock, events, heartbeat, wheel } = setUp();
    heartbeat.stop();
    clock.advance(100_000);
    expect([events, wheel.size]).toEqual([[], 0]);
  });
});
