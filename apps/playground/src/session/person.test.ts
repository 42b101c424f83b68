import { describe, expect, test } from "vitest";
import { hueOf } from "./hue.ts";
import { parsePerson, personOfUser } from "./person.ts";

describe("parsePerson", () => {
  test("takes name and colour from the member's state", () => {
    const person = parsePerson({ id: "s1", user: "ada-1b2c3d", state: { name: " Ada ", color: "plum" } });
    expect(person).toEqual({ id: "s1", user: "ada-1b2c3d", name: "Ada", hue: "plum" });
  });

  test.each([null, "Ada", [], { name: 7, color: "url(x)" }])("survives a strange state: %j", (state) => {
    expect(parsePerson({ id: "s1", user: "ada-1b2c3d", state })).toEqual({
      id: "s1",
      user: "ada-1b2c3d",
      name: "Ada",
      hue: hueOf("ada-1b2c3d"),
    });
  });
});

describe("personOfUser", () => {
  test("gives the same colour to the same id, and the name that the id holds", () => {
    expect(personOfUser("grace-00ff11")).toEqual(personOfUser("grace-00ff11"));
    expect(personOfUser("grace-00ff11").name).toBe("Grace");
    expect(personOfUser("service:billing").name).toBe("service:billing");
  });
});
