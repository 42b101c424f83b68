import { expect, test } from "vitest";
import { identityOf } from "./identity.ts";

test("the users of the panes differ in name and colour", () => {
  for (let round = 0; round < 50; round += 1) {
    const people = (["a", "b", "c", "d", "e"] as const).map(identityOf);
    for (const { user } of people) expect(user).toMatch(/^[a-z]+-[0-9a-f]{6}$/);
    expect(new Set(people.map(({ name }) => name)).size).toBe(5);
    expect(new Set(people.map(({ hue }) => hue)).size).toBe(5);
  }
});
