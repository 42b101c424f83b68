import { PlexlineError } from "@plexline/protocol";
import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createAcknowledgements } from "./acknowledgements.ts";
import { createInFlight } from "./in-flight.ts";
import { createLane } from "./lane.ts";
import { createAskable, createRepair } from "./repair.ts";

const nothing = { clocks: [], deletions: new Map(), isShown: true };
const failed = new PlexlineError("STORAGE_UNAVAILABLE");

describe("what is in flight", () => {
  test("[DC6] settles in the order it was handed on, and what waits for it after it", () => {
    const flights = createInFlight();
    const settled: string[] = [];
    const first = flights.enter(nothing, 1, () => settled.push("first"));
    flights.afterAll(() => settled.push("known"));
    const second = flights.enter(nothing, 2, () => settled.push("second"));
    expect([flights.count, flights.bytes]).toEqual([3, 3]);
    flights.land(second);
    expect(settled).toEqual([]);
    flights.land(first);
    flights.afterAll(() => settled.push("at once"));
    expect(settled).toEqual(["first", "known", "second", "at once"]);
    expect([flights.count, flights.bytes]).toEqual([0, 0]);
  });

  test("[DC9] is lost with what was before it, once, and what was before the failure stays", () => {
    const flights = createInFlight();
    const settled: string[] = [];
    const enter = (name: string) =>
      flights.enter(nothing, 1, (error) => settled.push(`${name} ${error?.code ?? "ok"}`));
    const [first, second, third] = [enter("first"), enter("second"), enter("third")];
    expect(flights.lose(second, failed).length).toBe(2);
    expect(flights.lose(third, failed)).toEqual([]);
    flights.afterAll(() => settled.push("known"));
    expect(flights.land(third)).toBe(false);
    flights.land(first);
    expect(settled).toEqual(["second STORAGE_UNAVAILABLE", "third STORAGE_UNAVAILABLE", "first ok", "known"]);
    expect([flights.count, flights.bytes]).toEqual([0, 0]);
  });
});

describe("acknowledgements", () => {
  test("[B8] tell the number below which all are settled, and nothing after the end", () => {
    const told: number[] = [];
    const acknowledgements = createAcknowledgements((acked) => told.push(acked));
    const [one, two, three] = [1, 2, 3].map(() => acknowledgements.count());
    acknowledgements.settle(three!);
    acknowledgements.settle(one!);
    acknowledgements.settle(one!);
    acknowledgements.settle(two!);
    expect(told).toEqual([1, 3]);
    acknowledgements.settle(acknowledgements.count());
    acknowledgements.close();
    acknowledgements.settle(acknowledgements.count());
    expect(told).toEqual([1, 3, 4]);
  });
});

describe("a lane", () => {
  test("runs its tasks one after the other, also after one that failed", async () => {
    const lane = createLane();
    const done: number[] = [];
    const failing = lane.run(1, () => Promise.reject(failed));
    const next = lane.run(1, async () => void done.push(1));
    expect(lane.isFree).toBe(false);
    await expect(failing).rejects.toBe(failed);
    await next;
    await Promise.resolve();
    expect([done, lane.isFree]).toEqual([[1], true]);
  });

  test("takes one of any size, and only so much behind it", async () => {
    const lane = createLane();
    let release = () => {};
    const first = lane.run(2 ** 30, () => new Promise<void>((resolve) => (release = resolve)));
    const second = lane.run(8 * 2 ** 20, async () => {});
    await expect(lane.run(1, async () => {})).rejects.toMatchObject({ code: "OVERLOADED" });
    await Promise.resolve();
    release();
    await Promise.all([first, second]);
  });
});

describe("repair", () => {
  const open = () => {
    const clock = createTestClock();
    const asked: string[] = [];
    const writers = ["ada", "bob"].map((name) => ({ name, ...createAskable() }));
    const repair = createRepair(
      clock,
      () => writers,
      ({ name }) => void asked.push(name),
    );
    return { clock, repair, writers, ada: writers[0]!, take: () => asked.splice(0).join(" ") };
  };

  test("[DC8] asks all but the sender at once, and all when they have to wait", () => {
    const { clock, repair, ada, take } = open();
    repair.askAll(ada);
    expect(take()).toBe("bob");
    repair.askAll(ada);
    repair.askAll(ada);
    expect(take()).toBe("");
    clock.advance(1_000);
    expect(take()).toBe("ada bob");
  });

  test("[DC9] after a loss asks when something has been written, within its interval", () => {
    const { clock, repair, take } = open();
    repair.onWritten();
    expect(take()).toBe("");
    repair.onLost();
    repair.onWritten();
    expect(take()).toBe("ada bob");
    repair.onLost();
    repair.onWritten();
    expect(take()).toBe("");
    clock.advance(1_000);
    expect([take(), clock.pendingTimers]).toEqual(["ada bob", 0]);
  });

  test("[DC11] asks a member at most every 250 ms; what comes too early is put off, once", () => {
    const { clock, repair, ada, take } = open();
    for (let count = 0; count < 3; count += 1) repair.ask(ada);
    expect([take(), clock.pendingTimers]).toEqual(["ada", 1]);
    clock.advance(249);
    expect(take()).toBe("");
    clock.advance(1);
    expect([take(), clock.pendingTimers]).toEqual(["ada", 0]);
    repair.ask(ada);
    repair.askAll();
    expect(take()).toBe("ada bob");
    clock.advance(10_000);
    expect(take()).toBe("");
  });

  test("[DC11] a member whose answers bring nothing is asked with growing pauses, until one brings something", () => {
    const { clock, repair, ada, take } = open();
    const waitedMs: number[] = [];
    const wait = (isComplete: boolean, brought: boolean) => {
      repair.onAnswer(ada, brought, isComplete);
      repair.ask(ada);
      let ms = 0;
      for (; take() === ""; ms += 250) clock.advance(250);
      waitedMs.push(ms);
    };
    repair.ask(ada);
    take();
    for (let count = 0; count < 9; count += 1) wait(false, false);
    expect(waitedMs.splice(0)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    wait(false, true);
    wait(false, false);
    wait(true, false);
    expect(waitedMs).toEqual([250, 500, 250]);
  });

  test("[DC8] rounds that bring nothing become rare, until something comes", () => {
    const { clock, repair, ada, take } = open();
    const rounds: number[] = [];
    for (let second = 0; second < 40; second += 1) {
      repair.askAll();
      if (take() !== "") rounds.push(second);
      clock.advance(1_000);
      if (take() !== "") rounds.push(second + 1);
    }
    expect(rounds).toEqual([0, 1, 3, 7, 15, 31]);
    clock.advance(30_000);
    take();
    repair.onAnswer(ada, true, true);
    clock.advance(30_000);
    repair.askAll();
    clock.advance(1_000);
    expect(take()).toBe("ada bob");
    repair.askAll();
    clock.advance(1_000);
    expect(take()).toBe("ada bob");
  });

  test("asks nobody who has left meanwhile", () => {
    const { clock, repair, ada, writers, take } = open();
    repair.ask(ada);
    repair.ask(ada);
    writers.shift();
    clock.advance(1_000);
    expect([take(), clock.pendingTimers]).toEqual(["ada", 0]);
  });

  test("asks nobody after it was closed", () => {
    const { clock, repair, ada, take } = open();
    repair.onLost();
    repair.close();
    repair.ask(ada);
    repair.askAll();
    repair.onLost();
    clock.advance(60_000);
    expect([take(), clock.pendingTimers]).toEqual(["", 0]);
  });
});
