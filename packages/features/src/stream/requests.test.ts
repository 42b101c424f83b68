import { describe, expect, test } from "vitest";
import type { RequestOutput } from "./protocol.ts";
import { append, call, codeOf, infoOf, join, start, startTwo, told } from "./stream.fixture.ts";

describe("requests", () => {
  test("[ST20, ST22] they are logged and stay pending until their outcome, whoever is attached", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await append(ada, ["x"]);
    expect(await call(bob, "cancel", { id: "c", reason: "enough" })).toMatchObject({
      id: "c",
      position: { offset: 2 },
    });
    const { id } = await call<RequestOutput>(bob, "steer", { data: { to: "left" } });
    bob.close();
    await server.settle(60_000);
    const requests = [
      { id: "c", kind: "cancel", reason: "enough", offset: 2, user: "bob" },
      { id, kind: "steer", data: { to: "left" }, offset: 3, user: "bob" },
    ];
    expect(await call(ada, "attach", { producer: "p" })).toMatchObject({ requests });
    expect(await call(ada, "renew", { producer: "p", generation: 0 })).toEqual({ generation: 0, requests });
    expect((await infoOf(ada)).requests).toEqual(requests);
    await call(ada, "outcome", { request: "c", status: "done", data: 1 });
    expect((await infoOf(ada)).requests).toEqual(requests.slice(1));
    expect(told(ada).slice(1)).toEqual([
      ["request", { id: "c", kind: "cancel", reason: "enough" }],
      ["request", { id, kind: "steer", data: { to: "left" } }],
      ["producer", { producer: "p", generation: 0, state: "attached" }],
      ["outcome", { request: "c", status: "done", data: 1 }],
    ]);
  });

  test("[ST21, ST23] one id is one request, and its first outcome counts, on every node", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["x"]);
    const both = await Promise.all(
      [ada, bob].map((client) => call<RequestOutput>(client, "cancel", { id: "c" })),
    );
    expect(both.map(({ repeated }) => repeated === true).sort()).toEqual([false, true]);
    expect(both.map(({ position }) => position.offset)).toEqual([2, 2]);
    const outcomes = await Promise.all(
      [ada, bob].map((client, index) =>
        call(client, "outcome", { request: "c", status: index === 0 ? "done" : "refused" }),
      ),
    );
    expect(outcomes.map(({ repeated }) => repeated === true).sort()).toEqual([false, true]);
    expect(await call(bob, "cancel", { id: "c" })).toMatchObject({ repeated: true, position: { offset: 2 } });
    await a.settle(50);
    expect(told(ada).map(([event]) => event)).toEqual(["chunk", "request", "outcome"]);
    expect(await codeOf(ada, "outcome", { request: "other", status: "done" })).toBe("PAYLOAD_INVALID");
  });

  test("[ST23, ST26] close refuses what is pending, and later requests", async () => {
    const ada = await join(await start(), "ada");
    await append(ada, ["x"]);
    await call(ada, "cancel", { id: "c" });
    await call(ada, "steer", { id: "s", data: 1 });
    await append(ada, ["y"], undefined, { close: true });
    expect(told(ada).slice(3)).toEqual([
      ["chunk", "y"],
      ["outcome", { request: "c", status: "refused" }],
      ["outcome", { request: "s", status: "refused" }],
      ["close", {}],
    ]);
    expect((await infoOf(ada)).requests).toEqual([]);
    expect(await codeOf(ada, "cancel")).toBe("STREAM_CLOSED");
    expect(await codeOf(ada, "steer", { data: 1 })).toBe("STREAM_CLOSED");
    expect(await codeOf(ada, "ask", { id: "a", prompt: 1 })).toBe("STREAM_CLOSED");
    expect(await call(ada, "cancel", { id: "c" })).toMatchObject({ repeated: true });
    expect(await call(ada, "outcome", { request: "c", status: "done" })).toMatchObject({ repeated: true });
  });

  test("[ST24] the first answer closes an input request, on every node", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await append(ada, ["x"]);
    const ask = { id: "a", prompt: "Go on?", schema: { type: "boolean" } };
    expect(await call(ada, "ask", ask)).toMatchObject({ position: { offset: 2 } });
    expect(await call(bob, "ask", ask)).toMatchObject({ position: { offset: 2 }, repeated: true });
    expect((await infoOf(bob)).asks).toEqual([ask]);
    const codes = await Promise.all([
      codeOf(ada, "respond", { id: "r1", ask: "a", data: true }),
      codeOf(bob, "respond", { id: "r2", ask: "a", status: "declined" }),
    ]);
    expect(codes.sort()).toEqual(["INPUT_CLOSED", "ok"]);
    const { asks, requests } = await infoOf(ada);
    expect(asks).toEqual([]);
    expect(requests).toHaveLength(1);
    expect(await call(ada, "respond", { id: requests[0]!.id, ask: "a", data: 1 })).toMatchObject({
      repeated: true,
    });
    expect(await call(ada, "ask", ask)).toMatchObject({ repeated: true });
  });

  test("[ST24] nobody answers after its time, nor after close, nor what was never asked", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    await append(ada, ["x"]);
    await call(ada, "ask", { id: "a", prompt: 1, expiresAtMs: server.clock.nowMs() + 1_000 });
    await call(ada, "ask", { id: "b", prompt: 1 });
    await server.settle(1_000);
    expect((await infoOf(ada)).asks).toEqual([{ id: "b", prompt: 1 }]);
    expect(await codeOf(ada, "respond", { ask: "a", data: 1 })).toBe("INPUT_CLOSED");
    expect(await codeOf(ada, "respond", { ask: "c", data: 1 })).toBe("INPUT_CLOSED");
    await append(ada, [], undefined, { close: true });
    expect(await codeOf(ada, "respond", { ask: "b", data: 1 })).toBe("INPUT_CLOSED");
    expect((await infoOf(ada)).asks).toEqual([]);
  });

  test("[ST25] there are at most requestsMax pending requests, and as many asks", async () => {
    const ada = await join(await start({ requestsMax: 2 }), "ada");
    await append(ada, ["x"]);
    for (const id of ["1", "2"]) {
      await call(ada, "cancel", { id });
      await call(ada, "ask", { id, prompt: 1 });
    }
    expect(await codeOf(ada, "cancel", { id: "3" })).toBe("OVERLOADED");
    expect(await codeOf(ada, "ask", { id: "3", prompt: 1 })).toBe("OVERLOADED");
    await call(ada, "outcome", { request: "1", status: "done" });
    expect(await codeOf(ada, "cancel", { id: "3" })).toBe("ok");
  });
});
