import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import { isTopic, parseTenant, parseTopic } from "./topic.ts";

describe("a topic", () => {
  test.each(["a", "doc:plan", "blob.created.7", "doc:notes/été-😀", "a..b", ":", "x".repeat(255)])(
    "may be %j",
    (topic) => {
      expect(isTopic(topic)).toBe(true);
      expect(parseTopic(topic, "subscribe.topic")).toBe(topic);
    },
  );

  test.each([
    "",
    "a b",
    "a\tb",
    "a\u0000",
    "a\u007f",
    "a\u0085",
    "a\u00a0b",
    "a\u2003b",
    "a\ufeff",
    "a*",
    ">",
    "{id}",
    "a}",
  ])("may not be %j", (topic) => expect(isTopic(topic)).toBe(false));

  test("counts bytes and not characters [A1]", () => {
    expect(isTopic("€".repeat(85))).toBe(true);
    expect(isTopic(`${"€".repeat(85)}a`)).toBe(false);
    expect(isTopic("x".repeat(256))).toBe(false);
  });

  test("has no lone surrogates", () => {
    expect(isTopic("a\ud800")).toBe(false);
    expect(isTopic("\udc00a")).toBe(false);
  });

  test("is refused with the name of its field", () => {
    expect(() => parseTopic(7, "publish.topic")).toThrow(
      expect.objectContaining({
        code: "TOPIC_INVALID",
        message: expect.stringMatching(/^publish\.topic must be a topic/),
      }),
    );
  });

  test("agrees with a plain restatement of the grammar", () => {
    const oracle = (text: string) =>
      !/[\s\p{Cc}*>{}]|\p{Surrogate}/u.test(text) &&
      text !== "" &&
      new TextEncoder().encode(text).length <= 255;
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 3 }).map((units) => String.fromCharCode(...units)),
      fc
        .array(fc.constantFrom("é", "€", "😀", "a"), { minLength: 60, maxLength: 260 })
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (value) => isTopic(value) === oracle(value)),
      { numRuns: 3000 },
    );
    for (let unit = 0; unit <= 0xffff; unit++) {
      const character = String.fromCharCode(unit);
      if (isTopic(character) !== oracle(character)) expect.fail(`U+${unit.toString(16)} differs`);
    }
  });
});

describe("a tenant", () => {
  test.each(["default", "firm_7", "a.b-C", "x".repeat(64)])("may be %j", (tenant) =>
    expect(parseTenant(tenant, "tenant")).toBe(tenant),
  );
  test.each(["", "a/b", "a b", "é", "a\n", "x".repeat(65), 7, null])("may not be %j", (tenant) =>
    expect(() => parseTenant(tenant, "token.tenant")).toThrow(PlexlineError),
  );
});
