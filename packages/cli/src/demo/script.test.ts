import { expect, test } from "vitest";
import { createScript, textOfRun, tokensOf } from "./script.ts";

test("a seed always says the same, and another one something else", () => {
  expect(textOfRun(7, "plainly")).toBe(textOfRun(7, "plainly"));
  expect(textOfRun(8, "plainly")).not.toBe(textOfRun(7, "plainly"));
  expect(textOfRun(7, "plainly")).not.toMatch(/[{}]|undefined| {2}/);
});

test("what is said before the question does not depend on the answer, what comes after does", () => {
  const [plain, letter] = [createScript(7, "plainly"), createScript(7, "as a letter")];
  const before = ({ paragraphs, askAfter }: typeof plain) => paragraphs.slice(0, askAfter);
  expect(before(letter)).toEqual(before(plain));
  expect(letter.paragraphs).not.toEqual(plain.paragraphs);
  expect(textOfRun(7, "in verse")).toContain("Told in verse, then.");
});

test("tokens are all of the text, from wherever it is taken up", () => {
  const text = textOfRun(7, "plainly");
  for (let from = 0; from <= text.length; from += 1)
    expect(tokensOf(text.slice(from)).join("")).toBe(text.slice(from));
});
