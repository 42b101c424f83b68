import { closeAdvice as adviceOfTable, CLOSE_CODES } from "@plexline/protocol";
import { expect, test } from "vitest";
import { closeAdvice } from "./close-advice.ts";

test("the rule says what the protocol's table says, for every code", () => {
  for (const code of [
    ...Object.keys(CLOSE_CODES).map(Number),
    1005,
    1006,
    1015,
    3000,
    4000,
    4400,
    4499,
    4500,
  ]) {
    expect([code, closeAdvice(code)]).toEqual([code, adviceOfTable(code)]);
  }
});
