import { expect, test } from "vitest";
import { HUES } from "../session/hue.ts";
import { parseUserState, userFieldOf } from "./user-state.ts";

test.each(HUES)("what a person in %s shows is read as the same name and hue", (hue) => {
  const user = userFieldOf({ user: "ada-1b2c3d", name: "Ada", hue });
  expect(user.color).toMatch(/^#[0-9a-f]{6}$/);
  expect(parseUserState(7, { user, cursor: null })).toEqual({ id: "7", user: "7", name: "Ada", hue });
});

test.each([null, 7, "Ada", [], {}, { user: null }, { user: "Ada" }])("%j shows no user", (state) => {
  expect(parseUserState(7, state)).toBeNull();
});

test("a name that is none, or a colour that is style, is replaced", () => {
  const person = parseUserState(7, { user: { name: 5, color: "red; position: fixed" } });
  expect(person?.name).toBe("Client 7");
  expect(HUES).toContain(person?.hue);
  expect(parseUserState(7, { user: { name: "x".repeat(900) } })?.name).toHaveLength(40);
});
