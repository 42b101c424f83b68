import { expect, test } from "vitest";
import { allows, type Capability } from "./capability.ts";

const capabilities: Capability[] = [
  { operations: ["subscribe"], pattern: "run:*" },
  { operations: ["subscribe", "publish"], pattern: "board:7" },
];

test("an operation is allowed where one grant has both it and the topic", () => {
  expect(allows(capabilities, "subscribe", "run:42")).toBe(true);
  expect(allows(capabilities, "publish", "board:7")).toBe(true);
});

test("operations of one grant do not spill over to the topics of another", () => {
  expect(allows(capabilities, "publish", "run:42")).toBe(false);
  expect(allows(capabilities, "call", "board:7")).toBe(false);
  expect(allows(capabilities, "subscribe", "board:8")).toBe(false);
});

test("nothing is allowed without a grant", () => {
  expect(allows([], "subscribe", "run:42")).toBe(false);
  expect(allows([{ operations: [], pattern: ">" }], "subscribe", "run:42")).toBe(false);
});
