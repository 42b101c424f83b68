import { describe, expect, test } from "vitest";
import type { Page } from "../storage/storage.ts";
import { type RecoveryStep, recoveryStep } from "./recovery.ts";

const entry = (offset: number) => ({ offset, data: new Uint8Array(), atMs: 0 });
const page = (floor: number, head: number, offsets: number[] = [], epoch = "e"): Page => ({
  epoch,
  floor,
  head,
  entries: offsets.map(entry),
});

interface Case {
  readonly name: string;
  readonly reader: number;
  readonly page: Page;
  readonly announced: number;
  readonly expected:
    | { deliver: number[]; live: boolean }
    | { gap: "trimmed" | "reset"; at: [string, number] };
}

const cases: Case[] = [
  {
    name: "at the head it goes live",
    reader: 3,
    page: page(0, 3),
    announced: 3,
    expected: { deliver: [], live: true },
  },
  {
    name: "a page up to the head is the last one",
    reader: 1,
    page: page(0, 3, [2, 3]),
    announced: 3,
    expected: { deliver: [2, 3], live: true },
  },
  {
    name: "a page that ends before the head is followed by another",
    reader: 0,
    page: page(0, 9, [1, 2]),
    announced: 9,
    expected: { deliver: [1, 2], live: false },
  },
  {
    name: "what was announced after the read is read again, not lost",
    reader: 1,
    page: page(0, 3, [2, 3]),
    announced: 4,
    expected: { deliver: [2, 3], live: false },
  },
  {
    name: "entries that are not announced yet are handed on and not announced twice",
    reader: 1,
    page: page(0, 3, [2, 3]),
    announced: 2,
    expected: { deliver: [2, 3], live: true },
  },
  {
    name: "[R9] below the floor there is a gap to the new floor",
    reader: 2,
    page: page(5, 9),
    announced: 9,
    expected: { gap: "trimmed", at: ["e", 5] },
  },
  {
    name: "exactly at the floor nothing is missing",
    reader: 5,
    page: page(5, 6, [6]),
    announced: 6,
    expected: { deliver: [6], live: true },
  },
  {
    name: "[R10] another epoch is a reset to its head",
    reader: 2,
    page: page(0, 7, [3], "f"),
    announced: 7,
    expected: { gap: "reset", at: ["f", 7] },
  },
  {
    name: "[R10] ahead of the head the history was lost",
    reader: 9,
    page: page(0, 7),
    announced: 7,
    expected: { gap: "reset", at: ["e", 7] },
  },
];

const told = (step: RecoveryStep<{ readonly offset: number }>) =>
  step.kind === "gap"
    ? { gap: step.reason, at: [step.position.epoch, step.position.offset] }
    : { deliver: step.entries.map(({ offset }) => offset), live: step.live };

describe("a step of recovery", () => {
  test.each(cases)("$name", ({ reader, page, announced, expected }) => {
    expect(told(recoveryStep({ epoch: "e", offset: reader }, page, announced))).toEqual(expected);
  });
});
