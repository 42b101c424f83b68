import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import type { Clock } from "../platform/clock.ts";
import { createReadingTurns, type ReadingTurns } from "./reading-turns.ts";
import { createSocketReader } from "./socket-reader.ts";

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
    work: (ms: number) => {
      nowMs += ms;
    },
    /** Whether something is left to be done without anything coming in. */
    get isBusy() {
      return deferred.length > 0;
    },
    turn() {
      const now = deferred;
      deferred = [];
      for (const callback of now) callback();
    },
  };
}

/** A connection, each of whose messages takes as many milliseconds as its text says. */
function createConnection(name: string, turns: ReadingTurns, work: (ms: number) => void, told: string[]) {
  const ws = Object.assign(new EventEmitter(), {
    isPaused: false,
    pause() {
      ws.isPaused = true;
    },
    resume() {
      ws.isPaused = false;
    },
  });
  const reader = createSocketReader(ws as unknown as WebSocket, turns, (data) => {
    told.push(`${name}${data}`);
    work(Number(data));
  });
  const receive = (...messages: number[]) => {
    for (const message of messages) ws.emit("message", Buffer.from(String(message)), false);
  };
  return { ws, reader, receive };
}

function createFixture() {
  const loop = createLoop();
  const turns = createReadingTurns(loop.clock);
  const told: string[] = [];
  const connect = (name: string) => createConnection(name, turns, loop.work, told);
  return { loop, told, connect, take: () => told.splice(0) };
}

describe("a turn of the event loop", () => {
  test("takes what has time in it, at once", () => {
    const { connect, take, loop } = createFixture();
    const a = connect("a");
    a.receive(0, 0, 0, 0, 0, 0);
    expect(take()).toEqual(["a0", "a0", "a0", "a0", "a0", "a0"]);
    expect(a.ws.isPaused).toBe(false);
    loop.turn();
    expect(loop.isBusy).toBe(false);
  });

  test("ends when its time is over: the rest comes later, in order, and the socket is not read until then", () => {
    const { connect, take, loop } = createFixture();
    const a = connect("a");
    a.receive(2.1, 2.2, 2.3, 2.4, 2.5);
    expect(take()).toEqual(["a2.1", "a2.2"]);
    expect(a.ws.isPaused).toBe(true);
    loop.turn();
    expect(take()).toEqual(["a2.3", "a2.4"]);
    expect(a.ws.isPaused).toBe(true);
    a.receive(2.6);
    loop.turn();
    expect(take()).toEqual(["a2.5", "a2.6"]);
    expect(a.ws.isPaused).toBe(false);
    loop.turn();
    expect(loop.isBusy).toBe(false);
  });

  test("takes the first message of everybody, however little time others have left", () => {
    const { connect, take } = createFixture();
    const [a, b] = [connect("a"), connect("b")];
    a.receive(9, 9);
    b.receive(0, 0);
    expect(take()).toEqual(["a9", "b0"]);
  });

  test("goes on with one of those who wait, the longest waiting first", () => {
    const { connect, take, loop } = createFixture();
    const [a, b] = [connect("a"), connect("b")];
    a.receive(11, 11, 11);
    b.receive(10, 10);
    take();
    const turns = [1, 2, 3].map(() => {
      loop.turn();
      return take().join();
    });
    expect(turns).toEqual(["a11", "b10", "a11"]);
  });

  test("leaves alone what is paused meanwhile, until it is resumed", () => {
    const { connect, take, loop } = createFixture();
    const a = connect("a");
    a.receive(9, 1);
    a.reader.pause();
    loop.turn();
    expect(take()).toEqual(["a9"]);
    expect(a.ws.isPaused).toBe(true);
    a.reader.resume();
    expect(take()).toEqual(["a1"]);
    expect(a.ws.isPaused).toBe(false);
  });

  test("delivers what a peer sent before it was gone, and then says so", () => {
    const { connect, told, loop } = createFixture();
    const a = connect("a");
    a.receive(11, 10, 9);
    a.reader.finish(() => told.push("gone"));
    loop.turn();
    loop.turn();
    expect(told).toEqual(["a11", "a10", "a9", "gone"]);
  });

  test("does not wait for a peer that is gone and was paused before its turn came", () => {
    const { connect, told, loop } = createFixture();
    const a = connect("a");
    a.receive(9, 8);
    a.reader.finish(() => told.push("gone"));
    a.reader.pause();
    loop.turn();
    a.reader.resume();
    loop.turn();
    expect(told).toEqual(["a9", "gone"]);
  });

  test("throws away what was not delivered when this side stops", () => {
    const { connect, told, loop } = createFixture();
    const a = connect("a");
    a.receive(9, 8);
    a.reader.stop();
    a.reader.finish(() => told.push("gone"));
    loop.turn();
    expect(told).toEqual(["a9", "gone"]);
    expect(a.ws.isPaused).toBe(false);
  });
});
