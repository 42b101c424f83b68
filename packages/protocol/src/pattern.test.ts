import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import { parsePattern, patternMatches } from "./pattern.ts";

describe("a pattern", () => {
  test.each([
    "a",
    "*",
    ">",
    "blob.>",
    "blob.*.done",
    "run:*",
    "a..b",
    ":",
    "*.*",
    Array(16).fill("*").join("."),
  ])("may be %j", (pattern) => expect(parsePattern(pattern, "pattern")).toBe(pattern));

  test.each([
    "",
    "a*",
    "*a",
    "a.>.b",
    ">>",
    "a.b>",
    "a b",
    "{id}",
    "a\u0000",
    "x".repeat(256),
    Array(17).fill("*").join("."),
    7,
    null,
  ])("may not be %j", (pattern) =>
    expect(() => parsePattern(pattern, "capability.pattern")).toThrow(PlexlineError),
  );

  test.each([
    ["blob.*", "blob.created", true],
    ["blob.*", "blob.created.7", false],
    ["blob.*", "blob", false],
    ["blob.*", "blob:created", false],
    ["blob.>", "blob.created.7", true],
    ["blob.>", "blob", false],
    ["blob.>", "blobs.a", false],
    ["*.done", "blob.done", true],
    ["*:*", "run:7", true],
    [">", "anything:at.all", true],
    ["doc:>", "doc:a.b:c", true],
    ["doc:*", "doc:a.b", false],
    ["doc:plan", "doc:plan", true],
    ["doc:plan", "doc:plans", false],
    ["doc:plans", "doc:plan", false],
    ["a.*.c", "a..c", true],
  ])("%s and the topic %s match: %s [A3]", (pattern, topic, matches) => {
    expect(patternMatches(parsePattern(pattern, "pattern"), topic)).toBe(matches);
  });
});

/** Token by token over copies, as the rule is worded. */
function naiveMatches(pattern: string, topic: string): boolean {
  const split = (text: string) => text.split(/([.:])/);
  const [wanted, given] = [split(pattern), split(topic)];
  if (wanted.at(-1) === ">") {
    if (given.length < wanted.length) return false;
    wanted.pop();
    given.length = wanted.length;
  }
  return (
    wanted.length === given.length && wanted.every((token, index) => token === "*" || token === given[index])
  );
}

const token = fc.constantFrom("a", "b", "ab", "");
const separator = fc.constantFrom(".", ":");
const join = (tokens: string[], separators: string[]) =>
  tokens.map((text, index) => (index === 0 ? text : separators[index]! + text)).join("");
const separators = fc.array(separator, { minLength: 6, maxLength: 6 });
const topics = fc
  .tuple(fc.array(token, { minLength: 1, maxLength: 5 }), separators)
  .map(([tokens, between]) => join(tokens, between));
const patterns = fc
  .tuple(
    fc.array(fc.oneof(token, fc.constant("*")), { maxLength: 5 }),
    fc.constantFrom("a", "*", ">"),
    separators,
  )
  .map(([tokens, last, between]) => join([...tokens, last], between));

test("matching agrees with a naive oracle [A3]", () => {
  fc.assert(
    fc.property(
      patterns,
      topics,
      (pattern, topic) =>
        patternMatches(parsePattern(pattern, "pattern"), topic) === naiveMatches(pattern, topic),
    ),
    { numRuns: 4000 },
  );
});

test("a topic with some tokens replaced by * matches [A3]", () => {
  fc.assert(
    fc.property(
      fc.array(token, { minLength: 1, maxLength: 5 }),
      separators,
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      (tokens, between, wild) => {
        const topic = join(tokens, between);
        fc.pre(topic !== "");
        const pattern = join(
          tokens.map((text, index) => (wild[index] ? "*" : text)),
          between,
        );
        expect(patternMatches(parsePattern(pattern, "pattern"), topic)).toBe(true);
      },
    ),
  );
});

test("whatever is not a pattern is refused with a PlexlineError", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: fc.constantFrom("a", "*", ">", ".", ":", " ") }), fc.anything()),
      (value) => {
        try {
          expect(parsePattern(value, "pattern")).toBe(value);
        } catch (error) {
          expect(error).toBeInstanceOf(PlexlineError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
