import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import { compileTemplate, templatesOverlap } from "./template.ts";
import { isTopic } from "./topic.ts";

describe("a template", () => {
  test("gives the params of a topic and the topic of params", () => {
    const board = compileTemplate("board:{id}");
    expect(board.match("board:7")).toEqual({ id: "7" });
    expect(board.address({ id: "7" })).toBe("board:7");
    expect(board.names).toEqual(["id"]);
  });

  test("owns only what begins and ends as it does, with params that are not empty [A2]", () => {
    const chat = compileTemplate("room:{id}:chat");
    expect(chat.match("room:7:chat")).toEqual({ id: "7" });
    for (const topic of ["room::chat", "room:7", "room:7:chats", "xroom:7:chat", "room:"])
      expect(chat.match(topic)).toBeNull();
    expect(compileTemplate("board:{id}").match("board:")).toBeNull();
    expect(compileTemplate("lobby").match("lobby")).toEqual({});
    expect(compileTemplate("lobby").match("lobby2")).toBeNull();
  });

  test("gives a final param all the rest and a middle one what comes before the next text [A2]", () => {
    const file = compileTemplate("repo:{name}/{path}");
    expect(file.match("repo:plex/src/a:b.ts")).toEqual({ name: "plex", path: "src/a:b.ts" });
    expect(compileTemplate("{all}").match("a:b.c/d")).toEqual({ all: "a:b.c/d" });
  });

  test("refuses params that would not be read back", () => {
    const file = compileTemplate("repo:{name}/{path}");
    expect(() => file.address({ name: "a/b", path: "c" })).toThrow(/read back/);
    expect(() => file.address({ name: "", path: "c" })).toThrow(/params\.name/);
    expect(() => file.address({ name: "a" })).toThrow(/params\.path/);
    expect(() => file.address({ name: "a", path: "b", more: "c" })).toThrow(/read back/);
    expect(() => file.address({ name: "a b", path: "c" })).toThrow(/valid topic/);
    expect(() => compileTemplate("board:{constructor}").address({})).toThrow(/params\.constructor/);
    expect(() => compileTemplate("board:{id}").address({ id: "x".repeat(250) })).toThrow(/valid topic/);
  });

  test.each([
    "",
    "a:{}",
    "a:{id",
    "a:id}",
    "{a}{b}",
    "a:{id}:{id}",
    "a:{1}",
    "a:{__proto__}",
    "a b:{id}",
    "a.*",
    "blob.>",
  ])("may not be %j", (template) => expect(() => compileTemplate(template)).toThrow(PlexlineError));
});

const letters = fc.string({ unit: fc.constantFrom("a", "b", ":", "."), maxLength: 3 });
const template = fc
  .tuple(
    letters,
    fc.array(
      letters.filter((text) => text !== ""),
      { maxLength: 2 },
    ),
    letters,
    fc.boolean(),
  )
  .map(([first, middle, last, fixed]) => {
    const literals = fixed ? [first] : [first, ...middle, last];
    return literals.map((literal, index) => (index === 0 ? literal : `{p${index}}${literal}`)).join("");
  })
  .filter((text) => text !== "")
  .map(compileTemplate);
const topic = fc.string({ unit: fc.constantFrom("a", "b", ":", "."), minLength: 1, maxLength: 9 });

test("matching a topic and writing its address are inverse", () => {
  fc.assert(
    fc.property(template, topic, (compiled, text) => {
      const params = compiled.match(text);
      if (params) expect(compiled.address(params)).toBe(text);
    }),
    { numRuns: 2000 },
  );
});

test("whatever address() accepts is a topic that matches back", () => {
  fc.assert(
    fc.property(template, fc.array(topic, { minLength: 3, maxLength: 3 }), (compiled, values) => {
      const params = Object.fromEntries(compiled.names.map((name, index) => [name, values[index]!]));
      let address: string;
      try {
        address = compiled.address(params);
      } catch (error) {
        expect(error).toBeInstanceOf(PlexlineError);
        return;
      }
      expect(isTopic(address)).toBe(true);
      expect(compiled.match(address)).toEqual(params);
    }),
    { numRuns: 1000 },
  );
});

describe("two templates", () => {
  test.each([
    ["board:{id}", "board:{name}", true],
    ["board:{id}", "board:lobby", true],
    ["room:{id}", "room:{id}:chat", true],
    ["{all}", "page:{id}", true],
    ["lobby", "lobby", true],
    ["board:{id}", "page:{id}", false],
    ["room:{id}:read", "room:{id}:write", false],
    ["room:{id}:chat", "room:lobby", false],
    ["lobby", "lobby2", false],
  ])("%s and %s overlap: %s", (a, b, overlap) => {
    expect(templatesOverlap(compileTemplate(a), compileTemplate(b))).toBe(overlap);
    expect(templatesOverlap(compileTemplate(b), compileTemplate(a))).toBe(overlap);
  });

  test("that own the same topic always overlap", () => {
    fc.assert(
      fc.property(topic, cuts, cuts, (text, cutsA, cutsB) => {
        const [a, b] = [generalise(text, cutsA), generalise(text, cutsB)];
        fc.pre(a.match(text) !== null && b.match(text) !== null);
        expect(templatesOverlap(a, b)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

const cuts = fc.uniqueArray(fc.nat(9), { maxLength: 4 }).map((places) => places.sort((a, b) => a - b));

/** A template that has parameters between the first and second, the third and fourth place of a topic. */
function generalise(text: string, places: number[]) {
  const parts = [0, ...places, text.length].map((place, index, all) =>
    text.slice(place, all[index + 1] ?? text.length),
  );
  const written = parts
    .map((part, index) => (index % 2 === 1 && part !== "" ? `{p${index}}` : part))
    .join("");
  return compileTemplate(written.replaceAll("}{", "}:{"));
}
