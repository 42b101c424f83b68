import { createTestMember } from "@plexline/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { DOC_KIND } from "./protocol.ts";
import { doc } from "./server.ts";

describe("a document's definition", () => {
  test("has a literal name and template, and keeps all of its log", () => {
    const page = doc("page:{id}");
    expectTypeOf(page.feature).toEqualTypeOf<"doc">();
    expectTypeOf(page.template).toEqualTypeOf<"page:{id}">();
    expect(page).toMatchObject({ feature: "doc", template: "page:{id}", history: { keepsAll: true } });
  });

  test("lets controllers write and everybody show their awareness", () => {
    const { roles, defaultRole } = doc("page:{id}");
    expect(defaultRole).toBe("controller");
    for (const role of ["controller", "write"]) expect(roles[role]).toContain("publish");
    for (const role of ["viewer", "read", "comment"]) expect(roles[role]).toEqual(["subscribe", "presence"]);
    expect(doc("a", { roles: { viewer: ["subscribe"], editor: ["publish"] } }).defaultRole).toBe("viewer");
  });

  test("[DC12] asks for the operation of each kind", () => {
    const { binaryOperation } = doc("page:{id}");
    const { update, syncRequest, syncResponse, awareness, part } = DOC_KIND;
    expect(
      [update, syncRequest, syncResponse, awareness, part].map((kind) => binaryOperation?.(kind)),
    ).toEqual(["publish", "subscribe", "publish", "presence", "subscribe"]);
  });

  test("gives the application's authorize the parts of the address", () => {
    const page = doc("page:{id}", { authorize: ({ params }) => (params.id === "1" ? "read" : false) });
    const { principal } = createTestMember("ada");
    const ask = (id: string) => page.authorize?.({ principal, topic: `page:${id}`, params: { id } });
    expect([ask("1"), ask("2")]).toEqual(["read", false]);
  });

  test("names a mistake", () => {
    expect(() => doc("a", { roles: { editor: ["publish"] } })).toThrow(/"viewer".*defaultRole/);
    expect(() => doc("a", { updateBytesMax: 0 })).toThrow(/updateBytesMax/);
    expect(() => doc("a", { gapAgeMaxMs: Number.NaN })).toThrow(/gapAgeMaxMs/);
    expect(() => doc("a", { updateBytesMax: 10, syncBytesMax: 9 })).toThrow(TypeError);
  });
});
