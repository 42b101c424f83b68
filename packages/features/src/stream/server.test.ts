import { createTestMember } from "@plexline/testing";
import { featureContract } from "@plexline/testing/contracts";
import { describe, expect, expectTypeOf, test } from "vitest";
import { run, stream } from "./server.ts";
import { chunksFold } from "./stream.fixture.ts";

const append = { type: "call", command: "append", input: { values: [1] } } as const;
const samples = {
  topic: "stream:1",
  params: { id: "1" },
  messages: [
    append,
    { type: "publish", event: "chunk", payload: { a: 1 } },
    { type: "call", command: "create", input: { metadata: { a: 1 } } },
    { type: "call", command: "attach", input: { producer: "p" } },
    { type: "call", command: "renew", input: { producer: "p", generation: 0 } },
    { type: "call", command: "cancel", input: { id: "c" } },
    { type: "call", command: "outcome", input: { request: "c", status: "done" } },
    { type: "call", command: "ask", input: { id: "a", prompt: "?" } },
    { type: "call", command: "info", input: undefined },
    { type: "call", command: "touch", input: undefined },
  ],
  logged: append,
} as const;

featureContract("a stream", () => stream("stream:{id}", { requestsMax: 100_000 }), samples);
featureContract("a stream with a fold", () => stream("stream:{id}", { fold: chunksFold }), {
  ...samples,
  input: { fold: true },
  messages: [...samples.messages, { type: "call", command: "fold", input: undefined }],
});

describe("a stream's definition", () => {
  test("has a literal name and template, a log, and a window in which chunks leave together", () => {
    const build = stream("build:{id}");
    expectTypeOf(build.feature).toEqualTypeOf<"stream">();
    expectTypeOf(build.template).toEqualTypeOf<"build:{id}">();
    expect(build).toMatchObject({
      history: { entriesMax: 100_000, bytesMax: 64 * 1024 * 1024 },
      flushWindowMs: 40,
      flushWindowPerSubscriberMs: 0.2,
    });
    expect(stream("a", { history: { entriesMax: 5 }, coalesceMs: 0 })).toMatchObject({
      history: { entriesMax: 5, bytesMax: 64 * 1024 * 1024 },
      flushWindowMs: 0,
    });
    expectTypeOf(run("run:{id}").template).toEqualTypeOf<"run:{id}">();
  });

  test("[ST31] lets controllers write and everybody else read", () => {
    const { roles, defaultRole } = stream("stream:{id}");
    expect(defaultRole).toBe("viewer");
    for (const role of ["controller", "write"]) expect(roles[role]).toEqual(["subscribe", "publish", "call"]);
    for (const role of ["viewer", "read"]) expect(roles[role]).toEqual(["subscribe", "call"]);
  });

  test("gives the application's authorize the parts of the address", () => {
    const build = stream("build:{id}", { authorize: ({ params }) => (params.id === "1" ? "read" : false) });
    const { principal } = createTestMember("ada");
    const ask = (id: string) => build.authorize?.({ principal, topic: `build:${id}`, params: { id } });
    expect([ask("1"), ask("2")]).toEqual(["read", false]);
  });

  test("names a mistake", () => {
    expect(() => stream("a", { roles: { editor: ["publish"] } })).toThrow(/"viewer".*defaultRole/);
    expect(() => stream("a", { chunkBytesMax: 0 })).toThrow(/chunkBytesMax/);
    expect(() => stream("a", { leaseMs: 999 })).toThrow(/leaseMs.*1000 to 3600000/);
    expect(() => stream("a", { kind: "xml" as "json" })).toThrow(/kind/);
    expect(() => stream("a", { history: { entriesMax: Number.NaN } })).toThrow(TypeError);
  });
});
