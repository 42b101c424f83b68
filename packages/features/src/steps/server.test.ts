import { createTestMember } from "@plexline/testing";
import { featureContract } from "@plexline/testing/contracts";
import { describe, expect, expectTypeOf, test } from "vitest";
import { steps } from "./server.ts";

const one = { stepType: "replace", from: 1, to: 1 };
/** A submit that any document takes that has no steps, and recognises afterwards. */
const submit = {
  type: "call",
  command: "submit",
  input: { version: 0, steps: [one], clientID: 7 },
} as const;
const since = { type: "call", command: "since", input: { version: 0 } } as const;
const claim = { type: "call", command: "claim", input: { mode: "steps" } } as const;

featureContract("a steps document", () => steps("steps:{id}"), {
  topic: "steps:1",
  params: { id: "1" },
  messages: [submit, since, claim],
  logged: submit,
});

describe("a steps document's definition", () => {
  test("has a literal name and template, and a log for those who recover", () => {
    const article = steps("steps:{id}");
    expectTypeOf(article.feature).toEqualTypeOf<"steps">();
    expectTypeOf(article.template).toEqualTypeOf<"steps:{id}">();
    expect(article).toMatchObject({
      feature: "steps",
      template: "steps:{id}",
      history: { entriesMax: 1_000 },
    });
    expect(steps("a", { history: { entriesMax: 5 } }).history).toEqual({
      entriesMax: 5,
      bytesMax: 4 * 1024 * 1024,
    });
  });

  test("lets controllers write and viewers read", () => {
    const { roles, defaultRole } = steps("steps:{id}");
    expect(defaultRole).toBe("controller");
    for (const role of ["controller", "write"]) expect(roles[role]).toEqual(["subscribe", "publish", "call"]);
    for (const role of ["viewer", "read", "comment"]) expect(roles[role]).toEqual(["subscribe", "call"]);
    expect(steps("a", { roles: { viewer: ["subscribe"] } }).defaultRole).toBe("viewer");
  });

  test("gives the application's authorize the parts of the address", () => {
    const article = steps("steps:{id}", { authorize: ({ params }) => (params.id === "1" ? "read" : false) });
    const { principal } = createTestMember("ada");
    const ask = (id: string) => article.authorize?.({ principal, topic: `steps:${id}`, params: { id } });
    expect([ask("1"), ask("2")]).toEqual(["read", false]);
  });

  test("names a mistake", () => {
    expect(() => steps("a", { roles: { editor: ["publish"] } })).toThrow(/"viewer".*defaultRole/);
    expect(() => steps("a", { stepBytesMax: 0 })).toThrow(/stepBytesMax/);
    expect(() => steps("a", { depthMax: Number.NaN })).toThrow(TypeError);
  });
});
