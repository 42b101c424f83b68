import { describe, expect, test } from "vitest";
import { parseSubjectName } from "./subject-name.ts";

describe("parseSubjectName", () => {
  test("keeps a plain name", () => {
    expect(parseSubjectName("team-7.blue", "lobby")).toBe("team-7.blue");
  });

  test("turns spaces into dashes and drops what a topic may not hold", () => {
    expect(parseSubjectName("  team  blue>*:\u0007/ ", "lobby")).toBe("team-blue");
  });

  test.each([" >* ", "..", "../.."])("falls back when nothing is left of %j", (text) => {
    expect(parseSubjectName(text, "lobby")).toBe("lobby");
  });

  test("cuts a long name to 48 characters", () => {
    expect(parseSubjectName("é".repeat(90), "lobby")).toBe("é".repeat(48));
  });
});
