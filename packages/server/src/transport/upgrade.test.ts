import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import type { Clock } from "../platform/clock.ts";
import { silentLogger } from "../telemetry/log.ts";
import { createUpgradeHandler } from "./upgrade.ts";

/** A loop whose turns and time the test moves. */
function createLoop() {
  let nowMs = 0;
  let deferred: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer: () => ({ cancel() {} }),
    defer: (callback) => void deferred.push(callback),
  };
  const work = (ms: number): void => {
    nowMs += ms;
  };
  const turn = (): void => {
    const now = deferred;
    deferred = [];
    for (const callback of now) callback();
  };
  return { clock, work, turn };
}

function createFixture() {
  const loop = createLoop();
  const upgrade = createUpgradeHandler({
    nativePath: null,
    endpoints: [],
    origin: { check: () => "ok" },
    clock: loop.clock,
    log: silentLogger,
    onSocket() {},
  });
  /** Somebody who asks for what is not there: the shortest of answers. */
  const come = () => {
    const sent: string[] = [];
    const stream = new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        sent.push(String(chunk));
        done();
      },
    });
    upgrade.handle({ url: "/nowhere", headers: {} } as IncomingMessage, stream, Buffer.alloc(0));
    return { stream, isAnswered: () => sent.join("").startsWith("HTTP/1.1 404 ") };
  };
  return { ...loop, come };
}

test("who comes when the turn's time is over is answered in a later one, one of them in each", () => {
  const { come, work, turn } = createFixture();
  const first = come();
  expect(first.isAnswered()).toBe(true);
  work(5);
  const [second, third] = [come(), come()];
  expect([second.isAnswered(), third.isAnswered()]).toEqual([false, false]);
  turn();
  expect([second.isAnswered(), third.isAnswered()]).toEqual([true, false]);
  turn();
  expect(third.isAnswered()).toBe(true);
});

test("who has gone before their turn is not answered", () => {
  const { come, work, turn } = createFixture();
  come();
  work(5);
  const [reset, closed, patient] = [come(), come(), come()];
  reset.stream.emit("error", new Error("reset"));
  closed.stream.destroy();
  for (let turns = 0; turns < 3; turns += 1) turn();
  expect([reset.isAnswered(), closed.isAnswered(), patient.isAnswered()]).toEqual([false, false, true]);
  expect(reset.stream.destroyed).toBe(true);
});
