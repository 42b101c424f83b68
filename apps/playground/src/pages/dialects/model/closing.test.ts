import { expect, test } from "vitest";
import { readClose } from "./closing.ts";

test.each([
  [1006, "", true],
  [1012, "SHUTTING_DOWN: bye", true],
  [4510, "RESYNC: a part is gone", true],
  [4401, "Unauthorized", true],
  [1008, "Token expired", true],
])("%i %s is come back from", (code, reason, hadWorked) => {
  expect(readClose(code, reason, hadWorked)).toBeNull();
});

test("a token that never worked is not tried again", () => {
  expect(readClose(4401, "Unauthorized", false)).toMatchObject({ code: "4401", message: "Unauthorized." });
  expect(readClose(1008, "Invalid token", false)).toMatchObject({ message: "Invalid token." });
});

test("what is for good says so in its own words", () => {
  expect(readClose(1008, "Access denied", true)).toMatchObject({
    message: "Access denied.",
    replaced: false,
  });
  expect(readClose(4413, "MESSAGE_TOO_LARGE: too much at once", true)).toMatchObject({
    code: "MESSAGE_TOO_LARGE",
    message: "too much at once",
  });
});

test("a replaced document is known in both ways of saying it", () => {
  expect(readClose(1008, "Document replaced", true)?.replaced).toBe(true);
  expect(readClose(4409, "RESYNC: replaced", true)?.replaced).toBe(true);
});
