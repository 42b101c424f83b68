import { createLogger } from "@plexline/server";
import { describe, expect, test } from "vitest";
import type { AttachOutput } from "./protocol.ts";
import {
  append,
  call,
  chunksInLog,
  codeOf,
  infoOf,
  join,
  producerChanges,
  restart,
  start,
  startTwo,
  told,
} from "./stream.fixture.ts";

describe("attaching", () => {
  test("[ST16] attach gives a generation, tells where it stands, and is told", async () => {
    const ada = await join(await start(), "ada");
    expect(await call(ada, "attach", { producer: "p" })).toEqual({
      generation: 0,
      sequence: -1,
      position: { epoch: expect.any(String), offset: 1 },
      requests: [],
    });
    await append(ada, ["x"], ["p", 0, 0]);
    expect(await call(ada, "attach", { producer: "p", generation: 0 })).toMatchObject({
      generation: 0,
      sequence: 0,
    });
    expect(await call(ada, "attach", { producer: "p", generation: 7 })).toMatchObject({
      generation: 7,
      sequence: -1,
    });
    expect(await call(ada, "attach", { producer: "p", generation: 3 })).toMatchObject({ generation: 8 });
    expect(await append(ada, ["y"], ["p", 7, 0])).toMatchObject({ reason: "fenced", generation: 8 });
    expect(producerChanges(ada)).toEqual([0, 7, 8].map((generation) => ["p", generation, "attached"]));
    expect((await infoOf(ada)).producers).toEqual([{ producer: "p", generation: 8, state: "attached" }]);
  });

  test("[ST17] a producer that is silent for its lease is lost, once, and is back with its next append", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    await call(ada, "attach", { producer: "p", leaseMs: 5_000 });
    await server.settle(4_000);
    await append(ada, ["x"], ["p", 0, 0]);
    await server.settle(4_000);
    await call(ada, "renew", { producer: "p", generation: 0 });
    await server.settle(4_000);
    expect(producerChanges(ada)).toEqual([["p", 0, "attached"]]);
    await server.settle(20_000);
    expect(producerChanges(ada).slice(1)).toEqual([["p", 0, "lost"]]);
    await append(ada, ["y"], ["p", 0, 1]);
    await server.settle(20_000);
    await call(ada, "renew", { producer: "p", generation: 0 });
    const states = producerChanges(ada).map(([, , state]) => state);
    expect(states).toEqual(["attached", "lost", "attached", "lost", "attached"]);
    const [, , , , back] = told(ada);
    expect(back).toEqual(["chunk", "y"]);
  });

  test("[ST17] nodes take a producer for lost once, and not while it writes on the other", async () => {
    const [a, b] = await startTwo();
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    await call(ada, "attach", { producer: "p", leaseMs: 2_000 });
    await call(bob, "renew", { producer: "p", generation: 0 });
    for (let sequence = 0; sequence < 5; sequence += 1) {
      await a.settle(1_500);
      await append(bob, [sequence], ["p", 0, sequence]);
    }
    expect(producerChanges(ada)).toEqual([["p", 0, "attached"]]);
    await a.settle(10_000);
    expect(producerChanges(ada)).toEqual([
      ["p", 0, "attached"],
      ["p", 0, "lost"],
    ]);
    expect(producerChanges(bob)).toEqual(producerChanges(ada));
  });

  test("[ST17] a stream that nobody used meanwhile is looked at when it is opened", async () => {
    const server = await start({ leaseMs: 2_000 });
    const ada = await server.connect("ada");
    await call(ada, "attach", { producer: "p" });
    const next = await restart(server);
    await next.settle(60_000);
    const bob = await join(next, "bob");
    await next.settle(50);
    expect(producerChanges(bob)).toEqual([["p", 0, "lost"]]);
  });

  test("[ST17] a producer that never attached has no lease, and one in whose place a successor comes hands its over", async () => {
    const server = await start({ leaseMs: 2_000 });
    const ada = await join(server, "ada");
    await append(ada, [1], ["q", 0, 0]);
    await server.settle(10_000);
    expect(producerChanges(ada)).toEqual([]);
    await call(ada, "attach", { producer: "p" });
    await append(ada, [2], ["p", 1, 0]);
    await server.settle(10_000);
    expect(producerChanges(ada)).toEqual([
      ["p", 0, "attached"],
      ["p", 1, "attached"],
      ["p", 1, "lost"],
    ]);
  });

  test("[ST18] detach ends the lease without loss, and the end of a connection does not", async () => {
    const server = await start({ leaseMs: 2_000 });
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await call(bob, "attach", { producer: "p" });
    await call(bob, "attach", { producer: "q" });
    expect(await call(bob, "detach", { producer: "p", generation: 0 })).toEqual({});
    await call(bob, "detach", { producer: "p", generation: 0 });
    bob.close();
    await server.settle(1_000);
    expect(producerChanges(ada).slice(2)).toEqual([["p", 0, "detached"]]);
    await server.settle(10_000);
    expect(producerChanges(ada).slice(3)).toEqual([["q", 0, "lost"]]);
    expect(await call(ada, "renew", { producer: "p", generation: 0 })).toMatchObject({ generation: 0 });
    await server.settle(10_000);
    expect(producerChanges(ada)).toHaveLength(4);
  });

  test("[ST17] whoever renews a generation that has been succeeded is told the present one", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    await call(ada, "attach", { producer: "p" });
    await call(ada, "attach", { producer: "p" });
    expect(await call(ada, "renew", { producer: "p", generation: 0 })).toEqual({
      generation: 1,
      requests: [],
    });
    expect(await call(ada, "renew", { producer: "q", generation: 0 })).toEqual({
      generation: -1,
      requests: [],
    });
    expect(await codeOf(ada, "detach", { producer: "p", generation: 0 })).toBe("ok");
    expect(producerChanges(ada)).toHaveLength(2);
  });

  test("[ST19] a closed stream has no leases", async () => {
    const server = await start({ leaseMs: 2_000 });
    const ada = await join(server, "ada");
    await call(ada, "attach", { producer: "p" });
    await append(ada, [1], ["p", 0, 0], { close: true });
    await server.settle(10_000);
    expect(producerChanges(ada)).toEqual([["p", 0, "attached"]]);
    expect((await infoOf(ada)).producers).toEqual([{ producer: "p", generation: 0, state: "detached" }]);
    expect(await call<AttachOutput>(ada, "attach", { producer: "p", generation: 0 })).toMatchObject({
      sequence: 0,
    });
    expect(told(ada).at(-1)?.[0]).toBe("close");
  });

  test("[ST32] a stream has so many producers; one that has been silent for seven days makes room", async () => {
    const server = await start({ producersMax: 2, leaseMs: 1_000 });
    const ada = await join(server, "ada");
    await append(ada, ["a"], ["a", 4, 0]);
    await server.settle(1_000);
    await append(ada, ["b"], ["b", 0, 0]);
    const third = { values: ["c"], producer: { id: "c", generation: 0, sequence: 0 } };
    expect(await codeOf(ada, "append", third)).toBe("OVERLOADED");
    expect(await codeOf(ada, "attach", { producer: "c" })).toBe("OVERLOADED");
    await server.settle(7 * 24 * 3_600_000 - 500);
    expect(await codeOf(ada, "append", third)).toBe("ok");
    expect((await infoOf(ada)).producers.map(({ producer }) => producer)).toEqual(["b", "c"]);
    expect(await append(ada, ["b"], ["b", 0, 0])).toMatchObject({ repeated: true });
    expect(await chunksInLog(server)).toEqual(["a", "b", "c"]);
  });

  test("the server's log tells who writes and how a stream ends", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
    const server = await start({ leaseMs: 2_000, server: { log: logger } });
    const ada = await join(server, "ada");
    await call(ada, "attach", { producer: "p" });
    await server.settle(5_000);
    await append(ada, [], undefined, { close: true });
    await call(ada, "delete");
    const actions = lines
      .map(({ action }) => action)
      .filter((action) => String(action).startsWith("stream."));
    expect(actions).toEqual(["stream.producer", "stream.producer", "stream.closed", "stream.deleted"]);
  });
});
