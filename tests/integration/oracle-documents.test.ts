import { describe, expect, test } from "vitest";
import { findDocumentViolations } from "./oracle-documents/check.mjs";
import { describeDocumentReport, runDocumentOracle } from "./oracle-documents/run.mjs";
import { tokenOf } from "./oracle-documents/tokens.mjs";

const [one, two, three, four] = [1, 2, 3, 4].map((n) => tokenOf("w1.n0", n)) as [
  string,
  string,
  string,
  string,
];
const facts = {
  name: "doc:a",
  text: one + three,
  inserted: new Set([one, two, three]),
  deleted: new Set([two]),
  saved: new Set([one, two]),
  savedDeleted: new Set([two]),
};

describe("the oracle of documents", () => {
  test("finds nothing wrong with a document that has what was saved, and what was not", () => {
    expect(findDocumentViolations(facts)).toEqual([]);
  });

  const damaged = {
    "a saved token that is gone": [{ text: three }, `saved and lost: ${one}`],
    "a deletion that was saved and is undone": [
      { text: one + two + three },
      `deleted, saved, and there again: ${two}`,
    ],
    "a token that is there twice": [{ text: one + three + one }, `there twice: ${one}`],
    "a token that nobody wrote": [{ text: one + four }, `never written: ${four}`],
    "text that is torn": [{ text: `${one}x` }, `the text is torn: "${one}x"`],
  } as const;
  test.each(Object.entries(damaged))("finds %s", (_name, [damage, violation]) => {
    expect(findDocumentViolations({ ...facts, ...damage })).toEqual([`doc:a: ${violation}`]);
  });
});

test("a server killed while its documents are edited has every saved edit, on each wire [DC6] [DC7] [DC18] [B8] [YW9] [HP8]", {
  timeout: 180_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  const report = await runDocumentOracle({ kills: 20, seed });
  process.stdout.write(`oracle of documents, seed ${seed}: ${describeDocumentReport(report)}\n`);
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(20);
  expect(report.killsInFlight / report.kills).toBeGreaterThanOrEqual(0.3);
  expect(report.saves / report.kills).toBeGreaterThanOrEqual(50);
  for (const saves of Object.values(report.savesOn)) expect(saves / report.kills).toBeGreaterThanOrEqual(3);
  expect(report.snapshots).toBeGreaterThanOrEqual(report.kills);
});
