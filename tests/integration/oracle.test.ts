import { describe, expect, test } from "vitest";
import { findViolations, type OracleEntry } from "./oracle/check.mjs";
import { describeReport, runOracle } from "./oracle/run.mjs";

const entry = (offset: number, n = offset): OracleEntry => ({ offset, user: "ada", n, key: `ada.${n}` });
const ack = (offset: number, n = offset) => ({ user: "ada", n, epoch: "e", offset });
const logOf = (...entries: OracleEntry[]) => ({ topic: "log:a", epoch: "e", head: entries.length, entries });
const good = { log: logOf(entry(1), entry(2), entry(3)), epoch: "e", acks: [ack(1), ack(3)] };
const facts = { ...good, seen: [{ offset: 2, key: "ada.2" }], done: [{ user: "ada", n: 3 }] };

describe("the oracle", () => {
  test("finds nothing wrong with a log that has everything once", () => {
    expect(findViolations(facts)).toEqual([]);
  });

  const damaged = {
    "an acknowledged publication that is gone": [{ acks: [ack(4)] }, "acknowledged and lost: ada.4 at 4"],
    "an acknowledged publication at another offset": [
      { acks: [ack(2, 1)] },
      "acknowledged and lost: ada.1 at 2",
    ],
    "an acknowledgement of another epoch": [
      { acks: [{ ...ack(1), epoch: "old" }] },
      "acknowledged and lost: ada.1 at 1",
    ],
    "another epoch after the restart": [{ epoch: "old" }, "the epoch has changed"],
    "a hole": [{ log: logOf(entry(1), entry(3), entry(4)) }, "offset 3 where 2 should be"],
    "a publication that is there twice": [
      { log: logOf(entry(1), entry(2), entry(3, 2)) },
      "ada.2 is there again at 3",
    ],
    "a writer's publications in another order": [
      { log: logOf(entry(1, 2), entry(2, 1), entry(3)) },
      "ada.1 is out of order",
    ],
    "a push that was seen and is gone": [
      { seen: [{ offset: 4, key: "ada.4" }] },
      "seen by a subscriber and lost: ada.4 at 4",
    ],
    "a publication that was answered and is not there": [
      { done: [{ user: "ada", n: 4 }] },
      "ada published 4, of which 3 are there",
    ],
  } as const;
  test.each(Object.entries(damaged))("finds %s", (_name, [damage, violation]) => {
    expect(findViolations({ ...facts, ...damage })).toContain(`log:a: ${violation}`);
  });
});

test("a server killed under full load has every acknowledged publication once and in order [D8] [D9] [K1] [K2] [R3]", {
  timeout: 180_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  const report = await runOracle({ kills: 20, seed });
  process.stdout.write(`oracle, seed ${seed}: ${describeReport(report)}\n`);
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(20);
  expect(report.killsInFlight / report.kills).toBeGreaterThanOrEqual(0.3);
  expect(report.acks / report.kills).toBeGreaterThanOrEqual(50);
});
