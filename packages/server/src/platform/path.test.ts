import { describe, expect, test } from "vitest";
import { comparePaths, compilePath, matchPath } from "./path.ts";

function match(source: string, rawPath: string): Record<string, string> | null {
  const params = matchPath(compilePath(source), rawPath);
  return params === null ? null : { ...params };
}

describe("path", () => {
  test("matches literal parts exactly", () => {
    expect(match("/ws", "/ws")).toEqual({});
    expect(match("/ws", "/ws/")).toBeNull();
    expect(match("/ws", "/WS")).toBeNull();
    expect(match("/ws", "/ws/fabric")).toBeNull();
    expect(match("/ws/fabric", "/ws")).toBeNull();
    expect(match("/ws", "//ws")).toBeNull();
    expect(match("/", "/")).toEqual({});
  });

  test("gives the values of names", () => {
    expect(match("/ws/portal-view/:id", "/ws/portal-view/7")).toEqual({ id: "7" });
    expect(match("/a/:x/b/:y", "/a/1/b/2")).toEqual({ x: "1", y: "2" });
    expect(match("/ws/portal-view/:id", "/ws/portal-view/")).toBeNull();
    expect(match("/ws/portal-view/:id", "/ws/portal-view/7/8")).toBeNull();
  });

  test("gives the rest for a final *", () => {
    expect(match("/yjs/*", "/yjs/plan")).toEqual({ "*": "plan" });
    expect(match("/yjs/*", "/yjs/team/plan")).toEqual({ "*": "team/plan" });
    expect(match("/yjs/*", "/yjs")).toBeNull();
    expect(match("/yjs/*", "/yjs/")).toBeNull();
    expect(match("/:tenant/yjs/*", "/acme/yjs/a/b")).toEqual({ tenant: "acme", "*": "a/b" });
  });

  test("decodes parts after it split them", () => {
    expect(match("/a/:x", "/a/caf%C3%A9%20%2F1")).toEqual({ x: "café /1" });
    expect(match("/a/:x/:y", "/a/1%2F2")).toBeNull();
    expect(match("/caf%C3%A9", "/caf%C3%A9")).toBeNull();
    expect(match("/café", "/caf%C3%A9")).toEqual({});
  });

  test.each(["/a/%", "/a/%zz", "/a/%ff", "/a/%C3", "a/b", "", "*"])(
    "does not match the malformed path %j",
    (rawPath) => {
      expect(match("/a/:x", rawPath)).toBeNull();
      expect(match("/*", rawPath)).toBeNull();
    },
  );

  test("keeps params apart from Object.prototype", () => {
    expect(match("/:x", "/__proto__")).toEqual({ x: "__proto__" });
    expect(matchPath(compilePath("/a"), "/a")).not.toHaveProperty("toString");
  });

  test("puts literal before :name before *", () => {
    const sources = ["/*", "/ws/*", "/:a/:b", "/ws/:id", "/ws/fabric", "/:a", "/ws"];
    const sorted = sources.map(compilePath).sort(comparePaths);
    expect(sorted.map((path) => path.source)).toEqual([
      "/ws/fabric",
      "/ws/:id",
      "/ws/*",
      "/ws",
      "/:a/:b",
      "/:a",
      "/*",
    ]);
  });

  test("keeps the order of registration for paths of one shape", () => {
    const paths = ["/ws/:first", "/ws/:second"].map(compilePath);
    expect([...paths].sort(comparePaths)).toEqual(paths);
  });

  test.each(["ws", "", "/a/*/b", "/a*", "/:", "/:1a", "/:a/:a", "/:a-b"])(
    "refuses to compile %j",
    (source) => {
      expect(() => compilePath(source)).toThrow(TypeError);
    },
  );
});
