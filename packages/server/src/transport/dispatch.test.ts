import { describe, expect, test } from "vitest";
import type { Endpoint } from "../feature/endpoint.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import { silentLogger } from "../telemetry/log.ts";
import { createDispatch, type UpgradeTarget } from "./dispatch.ts";

function choose(endpoints: Endpoint[], path: string, subprotocols: string[] = [], query = ""): UpgradeTarget {
  const dispatch = createDispatch({ nativePath: "/ws", endpoints, log: silentLogger });
  const base = { query: new URLSearchParams(query), subprotocols } as unknown as UpgradeRequest;
  return dispatch.choose(dispatch.candidates(path), base).target;
}

describe("dispatch", () => {
  const draft: Endpoint = { path: "/ws" };
  const yjs: Endpoint = { path: "/api/ws", match: (request) => request.query.get("type") === "yjs" };
  const combined: Endpoint = { path: "/api/ws", match: (request) => request.query.get("type") === null };

  test("the subprotocol chooses the native protocol over an endpoint of its path", () => {
    expect(choose([draft], "/ws", ["bearer.x", "plexline.v1"])).toEqual({ kind: "native" });
    expect(choose([draft], "/ws", [])).toEqual({ kind: "endpoint", endpoint: draft });
    expect(choose([draft], "/ws", ["plexline.v2"])).toEqual({ kind: "endpoint", endpoint: draft });
  });

  test("without an endpoint the native path names the subprotocol", () => {
    expect(choose([], "/ws")).toMatchObject({ kind: "none", close: { code: 1008 } });
    expect(choose([], "/ws")).toMatchObject({ close: { reason: expect.stringContaining("plexline.v1") } });
  });

  test("match chooses among endpoints of one path, in the order of registration", () => {
    expect(choose([yjs, combined], "/api/ws", [], "type=yjs")).toEqual({ kind: "endpoint", endpoint: yjs });
    expect(choose([yjs, combined], "/api/ws")).toEqual({ kind: "endpoint", endpoint: combined });
    expect(choose([yjs, combined], "/api/ws", [], "type=other")).toMatchObject({
      kind: "none",
      close: { code: 1008 },
    });
    const first: Endpoint = { path: "/api/ws" };
    expect(choose([first, yjs], "/api/ws", [], "type=yjs")).toEqual({ kind: "endpoint", endpoint: first });
  });

  test("a less specific path gets what the more specific one does not take", () => {
    const never: Endpoint = { path: "/a/b", match: () => false };
    const named: Endpoint = { path: "/a/:x" };
    const rest: Endpoint = { path: "/*" };
    expect(choose([rest, named, never], "/a/b")).toEqual({ kind: "endpoint", endpoint: named });
    expect(choose([rest, named, never], "/a/b/c")).toEqual({ kind: "endpoint", endpoint: rest });
  });

  test("a match that throws does not match", () => {
    const throwing: Endpoint = {
      path: "/a",
      match() {
        throw new Error("broken");
      },
    };
    expect(choose([throwing], "/a")).toMatchObject({ kind: "none" });
  });
});
