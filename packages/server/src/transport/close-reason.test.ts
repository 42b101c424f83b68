import { expect, test } from "vitest";
import { trimCloseReason } from "./close-reason.ts";

test("a reason that fits stays", () => {
  expect(trimCloseReason("a".repeat(123))).toBe("a".repeat(123));
  expect(trimCloseReason("")).toBe("");
});

test("a longer reason ends between characters", () => {
  expect(trimCloseReason("a".repeat(124))).toBe("a".repeat(123));
  expect(trimCloseReason(`${"a".repeat(122)}é`)).toBe("a".repeat(122));
  expect(trimCloseReason(`${"a".repeat(121)}é!`)).toBe(`${"a".repeat(121)}é`);
  expect(trimCloseReason("😀".repeat(40))).toBe("😀".repeat(30));
});
