import type { SubscribeResult } from "@plexline/protocol";
import type { RawClient } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import {
  call,
  codeOf,
  inputOf,
  join,
  namesOf,
  restart,
  runs,
  since,
  start,
  submit,
  TOPIC,
} from "./document.fixture.ts";
import type { ModeClaim } from "./protocol.ts";

const subscribe = (client: RawClient, body: Readonly<Record<string, unknown>> = {}) =>
  client.ask<SubscribeResult>({ type: "subscribe", topic: TOPIC, ...body });
const claim = async (client: RawClient, mode: string) =>
  (await call<ModeClaim>(client, "claim", { mode })).mode;

describe("receiving steps", () => {
  test("[SP10] a newcomer is told the head, and gets what comes after it", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await server.connect("bob")];
    expect((await subscribe(bob)).snapshot).toEqual({ head: 0 });
    await submit(ada, 0, ["x", "y"]);
    const cyd = await server.connect("cyd");
    expect((await subscribe(cyd)).snapshot).toEqual({ head: 2, mode: "steps" });
    await submit(ada, 2, ["z"]);
    await server.settle(5);
    expect([runs(bob).length, runs(cyd)]).toEqual([2, [[2, ["z"], ["a"]]]]);
  });

  test("[SP11] whoever comes back is given what was missed, from the log", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await server.connect("bob")];
    const { position } = await subscribe(bob);
    bob.close();
    await submit(ada, 0, ["x"]);
    await submit(ada, 1, ["y"]);
    const back = await (await restart(server)).connect("bob");
    expect(await subscribe(back, { since: position })).toMatchObject({ recovered: true });
    await back.next("push", { offset: 2 });
    expect(runs(back)).toEqual([
      [0, ["x"], ["a"]],
      [1, ["y"], ["a"]],
    ]);
  });

  test("[SP11] retention of the log loses no step and moves no version", async () => {
    const server = await start({ history: { entriesMax: 3 } });
    const [ada, bob] = [await join(server, "ada"), await server.connect("bob")];
    const { position } = await subscribe(bob);
    bob.close();
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    for (let at = 0; at < 20; at += 2) await submit(ada, at, names.slice(at, at + 2));
    const next = await restart(server);
    const back = await next.connect("bob");
    const { recovered, snapshot } = await subscribe(back, { since: position });
    expect([recovered, snapshot]).toEqual([false, { head: 20, mode: "steps" }]);
    expect(namesOf(await since(back, 0))).toEqual(names);
    const [cyd, again] = [await next.connect("cyd"), await join(next, "ada")];
    await subscribe(cyd, { since: "start" });
    expect(await submit(again, 20, ["last"])).toMatchObject({ accepted: true, head: 21 });
    await next.settle(5);
    expect(runs(cyd).map(([version]) => version)).toEqual([14, 16, 18, 20]);
  });
});

describe("what is refused", () => {
  test.each<[string, unknown]>([
    ["no input", undefined],
    ["null", null],
    ["an array", []],
    ["no version", { steps: [{ stepType: "x" }], clientID: 1 }],
    ["a negative version", { ...inputOf(-1, ["x"]) }],
    ["a broken version", { ...inputOf(0.5, ["x"]) }],
    ["a version as text", { ...inputOf(0, ["x"]), version: "0" }],
    ["no steps", inputOf(0, [])],
    ["no client id", { ...inputOf(0, ["x"]), clientID: undefined }],
    ["an empty client id", inputOf(0, ["x"], "")],
    ["a long client id", inputOf(0, ["x"], "x".repeat(65))],
    ["a client id with a line feed", inputOf(0, ["x"], "a\nb")],
    ["half a character for a client id", inputOf(0, ["x"], "\ud800")],
    ["a broken number for a client id", inputOf(0, ["x"], 0.5)],
    ["an object for a client id", { ...inputOf(0, ["x"]), clientID: {} }],
    ["an epoch that is no text", { ...inputOf(0, ["x"]), epoch: 1 }],
    ["a long epoch", { ...inputOf(0, ["x"]), epoch: "x".repeat(65) }],
  ])("[SP12] a submit with %s, of which nothing is kept", async (_, input) => {
    const server = await start();
    const ada = await join(server, "ada");
    expect(await codeOf(ada, "submit", input)).toBe("PAYLOAD_INVALID");
    expect(await submit(ada, 0, ["x"], "x".repeat(64))).toMatchObject({ accepted: true, head: 1 });
    await server.settle(5);
    expect(runs(ada)).toHaveLength(1);
  });

  test.each([undefined, {}, { version: -1 }, { version: 0, epoch: 1 }])(
    "[SP12] a since with %j",
    async (input) => {
      expect(await codeOf(await join(await start(), "ada"), "since", input)).toBe("PAYLOAD_INVALID");
    },
  );

  test.each([undefined, {}, { mode: "text" }])("[SP12] a claim with %j", async (input) => {
    expect(await codeOf(await join(await start(), "ada"), "claim", input)).toBe("PAYLOAD_INVALID");
  });

  test("[SP12] a step as large as the limits of the definition, and not of the server, goes", async () => {
    const ada = await join(await start({ stepBytesMax: 100 }), "ada");
    expect(await codeOf(ada, "submit", inputOf(0, ["x".repeat(100)]))).toBe("MESSAGE_TOO_LARGE");
    expect(await codeOf(ada, "submit", inputOf(0, ["x".repeat(40)]))).toBe("ok");
  });

  test("[SP12] the deepest step that goes can be read by those who check the depth of what they are sent", async () => {
    const ada = await join(await start(), "ada");
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const deep = (depth: number) => ({ ...inputOf(0, []), steps: [{ stepType: "x", a: nested(depth - 1) }] });
    expect(await codeOf(ada, "submit", deep(29))).toBe("JSON_TOO_DEEP");
    expect(await codeOf(ada, "submit", deep(28))).toBe("ok");
    expect(depthOf(ada.all("push")[0])).toBe(31);
    await since(ada, 0);
    expect(depthOf(ada.all("reply").at(-1))).toBe(32);
  });

  test("[SP13] a reader reads and does not write", async () => {
    const server = await start({
      authorize: ({ principal }) => (principal.id === "ada" ? "write" : "read"),
    });
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await submit(ada, 0, ["x"]);
    expect(namesOf(await since(bob, 0))).toEqual(["x"]);
    expect(await codeOf(bob, "submit", inputOf(1, ["y"], "b"))).toBe("FORBIDDEN");
    expect(await codeOf(bob, "submit", "not even a submit")).toBe("FORBIDDEN");
    expect(await codeOf(bob, "claim", { mode: "yjs" })).toBe("FORBIDDEN");
    await submit(ada, 1, ["z"]);
    await server.settle(5);
    expect(runs(bob)).toHaveLength(2);
  });

  test("[SP13] roles of one's own decide by publish", async () => {
    const server = await start({
      roles: { author: ["subscribe", "publish", "call"], viewer: ["subscribe", "call"] },
      authorize: ({ principal }) => (principal.id === "ada" ? "author" : "viewer"),
    });
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    expect(await codeOf(ada, "submit", inputOf(0, ["x"]))).toBe("ok");
    expect(await codeOf(bob, "submit", inputOf(1, ["y"], "b"))).toBe("FORBIDDEN");
  });

  test("[SP14] other commands and other messages", async () => {
    const ada = await join(await start(), "ada");
    for (const command of ["snapshot", "constructor", "steps"])
      expect(await codeOf(ada, command, {})).toBe("COMMAND_UNKNOWN");
    const published = await ada.request({ type: "publish", topic: TOPIC, event: "steps", payload: {} });
    expect(published).toMatchObject({ ok: false, error: { code: "OPERATION_UNSUPPORTED" } });
    expect((await since(ada, 0)).head).toBe(0);
  });
});

describe("the mode of a document", () => {
  test("[SP15] is fixed by its first submit", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    await submit(ada, 0, ["x"]);
    expect([await claim(ada, "yjs"), await claim(ada, "steps")]).toEqual(["steps", "steps"]);
    expect(await submit(ada, 1, ["y"])).toMatchObject({ accepted: true });
  });

  test("[SP15, SP16] is fixed by a claim, for ever, and told", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    expect([await claim(ada, "yjs"), await claim(bob, "steps")]).toEqual(["yjs", "yjs"]);
    expect(await codeOf(bob, "submit", inputOf(0, ["x"], "b"))).toBe("OPERATION_UNSUPPORTED");
    await server.settle(5);
    expect(bob.all("push").map(({ event, payload }) => [event, payload])).toEqual([
      ["claimed", { mode: "yjs" }],
    ]);
    const next = await restart(server);
    const back = await next.connect("bob");
    expect((await subscribe(back)).snapshot).toEqual({ head: 0, mode: "yjs" });
    expect(await codeOf(back, "submit", inputOf(0, ["x"], "b"))).toBe("OPERATION_UNSUPPORTED");
    expect(await claim(back, "steps")).toBe("yjs");
  });

  test("[SP15] that was claimed for steps takes steps from version 0 on", async () => {
    const ada = await join(await start(), "ada");
    expect(await claim(ada, "steps")).toBe("steps");
    expect(await submit(ada, 0, ["x"])).toMatchObject({ accepted: true, head: 1 });
    expect(await submit(ada, 0, ["x"])).toMatchObject({ repeated: true, head: 1 });
    expect(await claim(ada, "yjs")).toBe("steps");
  });

  test("[SP15, SP16] has one winner when a claim and submits race", async () => {
    for (const order of [0, 1]) {
      const server = await start();
      const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
      const claiming = order === 0 ? claim(ada, "yjs") : undefined;
      const submitting = codeOf(bob, "submit", inputOf(0, ["x"], "b"));
      const mode = await (claiming ?? claim(ada, "yjs"));
      expect([mode, await submitting]).toEqual(
        mode === "yjs" ? ["yjs", "OPERATION_UNSUPPORTED"] : ["steps", "ok"],
      );
      expect((await since(ada, 0)).head).toBe(mode === "yjs" ? 0 : 1);
    }
  });

  test("[SP15] claimed for steps while a submit is under way does not refuse the submit", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    const [mode, code] = await Promise.all([
      claim(ada, "steps"),
      codeOf(bob, "submit", inputOf(0, ["x"], "b")),
    ]);
    expect([mode, code]).toEqual(["steps", "ok"]);
    expect((await since(ada, 0)).head).toBe(1);
  });
});

/** Nesting of objects and arrays. */
function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
