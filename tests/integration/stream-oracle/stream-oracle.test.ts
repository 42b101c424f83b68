import { describe, expect, test } from "vitest";
import { findReaderViolations, findRunViolations, type ReaderRecord, type StoredEntry } from "./check.mjs";
import { describeStreamReport, runStreamOracle } from "./run.mjs";

const chunk = (offset: number, token: string): StoredEntry => ({ offset, event: "chunk", token });
const request = (offset: number, id: string): StoredEntry => ({
  ...{ offset, event: "request", token: `request ${id}`, id },
});
const outcome = (offset: number, id: string): StoredEntry => ({
  ...{ offset, event: "outcome", token: `outcome ${id} done`, id },
});
const close = (offset: number): StoredEntry => ({ offset, event: "close", token: "close" });

const [a1, a2, b1] = [chunk(1, "n-1.1;"), chunk(2, "n-1.2;"), chunk(3, "n-2.1;")];
const entries = [a1, a2, b1, request(4, "q"), outcome(5, "q"), close(6)];
const facts = {
  name: "r",
  entries,
  acks: [{ writer: "n-1", from: 1, to: 2 }],
  requests: new Set(["q"]),
  pending: [],
  isClosed: true,
};
const open = { ...facts, isClosed: false };

describe("the oracle of streams", () => {
  test("finds nothing wrong with a run that has everything once and in order", () => {
    expect(findRunViolations(facts)).toEqual([]);
    expect(findRunViolations({ ...open, entries: [a1, a2, b1, request(4, "q")], pending: ["q"] })).toEqual(
      [],
    );
  });

  const damaged = {
    "a chunk that was acknowledged and is gone": [
      { acks: [{ writer: "n-2", from: 1, to: 2 }] },
      "acknowledged and lost: n-2.2;",
    ],
    "a chunk that is there twice": [{ entries: [a1, a2, chunk(3, "n-1.2;")] }, "there twice: n-1.2;"],
    "a writer's chunks in another order": [
      { entries: [chunk(1, "n-1.2;"), chunk(2, "n-1.1;")] },
      "out of order: n-1.2;",
    ],
    "a chunk that is missing between two others": [
      { entries: [a1, chunk(2, "n-1.3;")] },
      "out of order: n-1.3;",
    ],
    "a chunk of a producer that had been succeeded": [
      { entries: [a1, chunk(2, "n-2.1;"), chunk(3, "n-1.2;")] },
      "out of order: n-1.2;",
    ],
    "a hole": [{ entries: [a1, chunk(3, "n-1.2;")] }, "offset out of line: 3"],
    "something after the close": [{ entries: [close(1), chunk(2, "n-1.1;")] }, "after the close: n-1.1;"],
    "a close that was told and is undone": [{ entries: [a1, a2] }, "told closed, and open again"],
    "a request that was acknowledged and is gone": [
      { requests: new Set(["p"]) },
      "a request acknowledged and lost: p",
    ],
    "a request with two outcomes": [
      { entries: [request(1, "q"), outcome(2, "q"), outcome(3, "q")] },
      "a request with two outcomes: q",
    ],
    "a request that nobody will ever answer": [
      { entries: [request(1, "q")] },
      "a request neither pending nor with an outcome: q",
    ],
  } as const;
  test.each(Object.entries(damaged))("finds %s", (_name, [damage, violation]) => {
    expect(findRunViolations({ ...facts, ...damage })).toContain(`r: ${violation}`);
  });

  const cursorOf = (offset: number) => `${String(offset).padStart(16, "0")}_e`;
  const seen = entries.map(({ offset, token }) => ({ token, cursor: cursorOf(offset) }));
  const reader: ReaderRecord = {
    ...{ name: "sse", began: 0, seen, folds: [{ offset: 2, state: 2 }], faults: [] },
    ...{ isEnded: true, isChunksOnly: false },
  };
  const judge = (damage: Partial<ReaderRecord>) =>
    findReaderViolations({
      name: "r",
      entries,
      reader: { ...reader, ...damage },
      stateAt: (offset) => offset,
    });

  test("finds nothing wrong with readers who were told everything once and in order, from where they began", () => {
    expect(judge({})).toEqual([]);
    expect(judge({ isEnded: false, seen: seen.slice(0, 3) })).toEqual([]);
    expect(judge({ began: 2, seen: seen.slice(2) })).toEqual([]);
    expect(judge({ began: 6, seen: seen.slice(5) })).toEqual([]);
    expect(judge({ isChunksOnly: true, seen: seen.slice(0, 3).map(({ token }) => ({ token })) })).toEqual([]);
  });

  const misled = {
    "an event that was not told": [{ seen: seen.toSpliced(1, 1) }, "told n-2.1; at"],
    "an event that was told twice": [{ seen: seen.toSpliced(1, 0, ...seen.slice(0, 1)) }, "told n-1.1; at"],
    "an event under another's cursor": [
      { seen: seen.toSpliced(0, 1, { token: "n-1.1;", cursor: cursorOf(2) }) },
      "told n-1.1; at 0000000000000002_e",
    ],
    "an event that nobody stored": [{ seen: [...seen, { token: "n-9.9;" }] }, "told n-9.9; at ?"],
    "an end that came too early": [{ seen: seen.slice(0, 4) }, "ended before outcome q done"],
    "a fold of something else": [
      { folds: [{ offset: 2, state: 3 }] },
      "the fold at 2 is not that of the log",
    ],
    "what the reader itself found wrong": [{ faults: ["a gap"] }, "a gap"],
  } as const;
  test.each(Object.entries(misled))("finds %s", (_name, [damage, violation]) => {
    expect(judge(damage).join("\n")).toContain(`r, sse: ${violation}`);
  });
});

const FAULTS = { early: "acknowledged and lost", forgetful: "forgetful: the cursor went from" } as const;
test.each(["early", "forgetful"] as const)(
  "finds a fault that was planted within a few kills: %s",
  {
    timeout: 180_000,
  },
  async (fault) => {
    const { violations } = await runStreamOracle({ kills: 6, seed: Date.now() % 1_000_000, fault });
    expect(violations.join("\n")).toContain(FAULTS[fault]);
  },
);

test("a server killed while runs are written and read has every chunk once and in order, for every reader [ST1] [ST2] [ST3] [ST5] [ST9] [ST20] [ST23] [RN4] [RN5] [RN6] [DS11] [DS14] [DS19]", {
  timeout: 300_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  const report = await runStreamOracle({ kills: 20, seed });
  process.stdout.write(`oracle of streams, seed ${seed}: ${describeStreamReport(report)}\n`);
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(20);
  expect(report.killsInFlight / report.kills).toBeGreaterThanOrEqual(0.3);
  expect(report.acks / report.kills).toBeGreaterThanOrEqual(20);
  expect(report.requests).toBeGreaterThanOrEqual(5);
  for (const events of Object.values(report.events)) expect(events / report.kills).toBeGreaterThanOrEqual(20);
});
