import { expect, test } from "vitest";
import type { Clock } from "../platform/clock.ts";
import { Turns } from "./turns.ts";

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
  return {
    clock,
    work(ms: number) {
      nowMs += ms;
    },
    get isBusy() {
      return deferred.length > 0;
    },
    /** Runs what was deferred, and what follows from it by itself. */
    async turn() {
      const now = deferred;
      deferred = [];
      for (const callback of now) callback();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("steps follow each other without a wait while the turn has time", () => {
  const { clock, work } = createLoop();
  const turns = new Turns(clock);
  for (let step = 0; step < 4; step += 1) {
    expect(turns.next()).toBeUndefined();
    work(1);
  }
  expect(turns.next()).toBeInstanceOf(Promise);
});

test("those who wait go on one in each later turn, in their order, and each has the time of a turn", async () => {
  const loop = createLoop();
  const turns = new Turns(loop.clock);
  const steps: string[] = [];
  const run = async (name: string) => {
    for (let step = 1; step <= 3; step += 1) {
      await turns.next();
      loop.work(2);
      steps.push(`${name}${step}`);
    }
  };
  turns.next();
  loop.work(10);
  const runs = Promise.all([run("a"), run("b")]);
  const inTurns: string[][] = [];
  while (loop.isBusy) {
    await loop.turn();
    inTurns.push(steps.splice(0));
  }
  await runs;
  expect(inTurns.filter((turn) => turn.length > 0)).toEqual([["a1", "a2"], ["b1", "b2"], ["a3"], ["b3"]]);
});

test("a turn is over when the loop goes on, however little of its time was used", async () => {
  const loop = createLoop();
  const turns = new Turns(loop.clock);
  turns.next();
  loop.work(3);
  await loop.turn();
  expect(turns.next()).toBeUndefined();
  loop.work(3);
  expect(turns.next()).toBeUndefined();
  expect(loop.isBusy).toBe(true);
  await loop.turn();
  expect(loop.isBusy).toBe(false);
});

test("what is handed over takes of the turn's time what it takes to be written", () => {
  const { clock } = createLoop();
  const turns = new Turns(clock);
  turns.next();
  for (let step = 0; step < 4; step += 1) {
    expect(turns.next()).toBeUndefined();
    turns.count(1024 * 1024);
  }
  expect(turns.next()).toBeInstanceOf(Promise);
});
