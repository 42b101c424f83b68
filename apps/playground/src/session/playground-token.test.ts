import { expect, test } from "vitest";
import { parsePlaygroundToken } from "./playground-token.ts";

test("takes a token with its expiry, and nothing else of the answer", () => {
  expect(parsePlaygroundToken({ token: "t", expiresAtMs: 5, extra: true })).toEqual({
    token: "t",
    expiresAtMs: 5,
  });
});

test.each([null, "t", {}, { token: 7, expiresAtMs: 5 }, { token: "t" }])("refuses %j", (answer) => {
  expect(() => parsePlaygroundToken(answer)).toThrow("without token and expiresAtMs");
});
