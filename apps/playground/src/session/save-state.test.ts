import { expect, test } from "vitest";
import { saveStateOf } from "./save-state.ts";

test("everything acknowledged is saved, connected or not", () => {
  expect(saveStateOf({ sending: 0, failed: 0 }, true)).toEqual({ state: "saved" });
  expect(saveStateOf({ sending: 0, failed: 0 }, false)).toEqual({ state: "saved" });
});

test("what is in flight is saving while connected and offline while not", () => {
  expect(saveStateOf({ sending: 2, failed: 0 }, true)).toEqual({ state: "saving", count: 2 });
  expect(saveStateOf({ sending: 2, failed: 1 }, false)).toEqual({ state: "offline", count: 2 });
});

test("a refused message is told for as long as it stands there", () => {
  expect(saveStateOf({ sending: 0, failed: 1 }, true)).toEqual({ state: "unsaved", count: 1 });
});
