import { PlexlineError } from "@plexline/protocol";
import { createTestServer, type TestServer } from "@plexline/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../client.ts";
import { RequestRefused } from "./client.ts";
import type { RequestOutcome } from "./protocol.ts";
import { runFold } from "./run/fold.ts";
import { run, stream } from "./server.ts";

const open: TestServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function setUp(options: Parameters<typeof stream>[1] = {}) {
  const topics = {
    log: stream("log:{id}", { coalesceMs: 0, defaultRole: "controller", ...options }),
    run: run("run:{id}", { coalesceMs: 0, defaultRole: "controller" }),
  };
  const server = await createTestServer({ topics });
  open.push(server);
  const connect = (user: string) =>
    createClient<{ topics: typeof topics }>({
      url: "ws://localhost/ws",
      token: () => server.issue(user),
      WebSocket: server.network.WebSocket,
      clock: server.clock,
      random: server.random,
    });
  return { server, connect, app: server.app as unknown as import("@plexline/server").App<typeof topics> };
}

/** Lets the server go on until the promise settles. */
async function settled<T>(server: TestServer, promise: Promise<T>, forMs = 60_000): Promise<T> {
  let isDone = false;
  promise.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  for (let ms = 0; !isDone && ms < forMs; ms += 10) await server.settle(10);
  if (!isDone) throw new Error("It has not settled in time.");
  return promise;
}

async function read<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

/** Cuts every connection: both ends learn of it at once. */
function cutAll(server: TestServer): void {
  for (const link of [...server.network.links]) link.cut({ clientAfterMs: 0, serverAfterMs: 0 });
}

const ONE = { id: "1" };

describe("reading", () => {
  test("an iteration gives each chunk once and in order, and ends at the close", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    const reading = read(connect("eve").stream("log", ONE));
    producer.append(1, 2);
    producer.append(3);
    await settled(server, producer.close("end"));
    expect(await settled(server, reading)).toEqual([1, 2, 3]);
  });

  test("it resumes by itself where connections are lost, and whoever comes later begins at the start", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    const early = read(connect("eve").stream("log", ONE));
    for (let value = 0; value < 20; value += 1) {
      producer.append(value);
      if (value % 5 === 0) cutAll(server);
      await server.settle(20);
    }
    const late = read(connect("bob").stream("log", ONE));
    await settled(server, producer.close());
    const all = Array.from({ length: 20 }, (_, value) => value);
    expect(await settled(server, early)).toEqual(all);
    expect(await settled(server, late)).toEqual(all);
  });

  test("[RN5] a cursor gives what follows it, also beside a handle at another place of the same client", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    await settled(server, producer.append("a", "b", "c"));
    const eve = connect("eve");
    const first = eve.stream("log", ONE).entries();
    await settled(server, first.next());
    const { value } = await settled(server, first.next());
    const behind = read(eve.stream("log", ONE, { since: value!.cursor }));
    const now = read(eve.stream("log", ONE, { since: "now" }));
    await server.settle(100);
    await settled(server, producer.append("d"));
    await settled(server, producer.close());
    expect(await settled(server, behind)).toEqual(["c", "d"]);
    expect(await settled(server, now)).toEqual(["d"]);
    const rest = [await settled(server, first.next()), await settled(server, first.next())];
    expect(rest.map((entry) => entry.value?.chunk)).toEqual(["c", "d"]);
    expect(() => eve.stream("log", ONE, { since: "nonsense" })).toThrow(PlexlineError);
  });

  test("a slow iteration stops taking from the wire, and loses nothing", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    const handle = connect("eve").stream("log", ONE, { buffer: { chunksMax: 10 } });
    const entries = handle.entries();
    for (let value = 0; value < 100; value += 1) await settled(server, producer.append(value));
    const places: (string | null)[][] = [];
    expect(handle.status.state).toBe("paused");
    expect(handle.position?.offset).toBe(0);
    await settled(server, producer.close());
    const values: unknown[] = [];
    for (;;) {
      const { done, value } = await settled(server, entries.next());
      if (done) break;
      values.push(value.chunk);
      places.push([handle.cursor, value.cursor]);
    }
    expect(values).toEqual(Array.from({ length: 100 }, (_, value) => value));
    // Behind the last one comes the close.
    for (const [place, cursor] of places.slice(0, -1)) expect(place).toBe(cursor);
    expect(handle.status.state).toBe("closed");
  });

  test("[ST15] a gap ends an iteration with an error, or is told, and what is kept follows", async () => {
    const { server, connect } = await setUp({ history: { entriesMax: 5 } });
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    for (let value = 0; value < 2_000; value += 20)
      await settled(server, producer.append(...Array.from({ length: 20 }, (_, index) => value + index)));
    await settled(server, producer.close());
    const eve = connect("eve");
    const refused = read(eve.stream("log", ONE)).catch((reason: unknown) => reason);
    expect(await settled(server, refused)).toMatchObject({
      name: "StreamGapError",
      gap: { reason: "trimmed" },
    });
    const gaps: unknown[] = [];
    const kept = await settled(
      server,
      read(eve.stream("log", ONE, { onGap: (gap) => gaps.push(gap.reason) })),
    );
    expect(gaps).toEqual(["trimmed"]);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.at(-1)).toBe(1_999);
  });

  test("[ST14] a deleted stream is a gap, and the one made anew is read from its start", async () => {
    const { server, connect, app } = await setUp();
    const before = app.stream("log", ONE);
    await settled(server, before.append("old"));
    const handle = connect("eve").stream("log", ONE);
    const seen: unknown[] = [];
    handle.on("chunk", (chunk) => seen.push(chunk));
    handle.on("gap", ({ reason }) => seen.push(reason));
    while (seen.length === 0) await server.settle(10);
    await settled(server, before.delete());
    const after = app.stream("log", ONE).producer({ id: "other" });
    await settled(server, after.append("new"));
    await settled(server, after.close());
    while (handle.status.state !== "closed") await server.settle(10);
    expect(seen).toEqual(["old", "reset", "new"]);
  });

  test("[RN4] [ST27] a handle with the fold begins with the state and keeps it up to date", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("run", ONE, { id: "p" });
    await settled(
      server,
      producer.append({ type: "status", status: "running" }, { type: "partial", content: "Hello " }),
    );
    const handle = connect("eve").stream("run", ONE, { fold: runFold });
    const chunks: unknown[] = [];
    handle.on("chunk", (chunk) => chunks.push(chunk));
    await server.settle(50);
    expect(handle.fold).toMatchObject({ status: "running", parts: [{ content: "Hello " }] });
    cutAll(server);
    await settled(server, producer.append({ type: "partial", content: "world" }));
    await settled(server, producer.done({ answer: 42 }));
    while (handle.status.state !== "closed") await server.settle(10);
    expect(handle.fold).toMatchObject({
      status: "done",
      parts: [{ content: "Hello world" }],
      result: { answer: 42 },
    });
    expect(chunks).toHaveLength(2);
    const late = connect("bob").stream("run", ONE, { fold: runFold });
    expect(await settled(server, read(late))).toEqual([]);
    expect(late.fold).toEqual(handle.fold);
  });
});

describe("producing", () => {
  test("[ST2] [ST3] what is lost on the way is appended once: lost replies, lost appends, a restart", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    await settled(server, producer.attached);
    const acks: Promise<unknown>[] = [];
    for (let value = 0; value < 50; value += 1) {
      acks.push(producer.append(value));
      await server.settle(value % 3);
      if (value % 7 === 0) cutAll(server);
    }
    await settled(server, Promise.all(acks));
    await settled(server, producer.close());
    const values = await settled(server, read(connect("eve").stream("log", ONE)));
    expect(values).toEqual(Array.from({ length: 50 }, (_, value) => value));
  });

  test("[ST5] a successor fences its predecessor, which says so and stops", async () => {
    const { server, connect } = await setUp();
    const first = connect("ada").producer("log", ONE, { id: "p" });
    await settled(server, first.append("a"));
    const second = connect("bob").producer("log", ONE, { id: "p" });
    await settled(server, second.attached);
    const refused = await settled(
      server,
      first.append("b").catch((reason: unknown) => reason),
    );
    expect(refused).toMatchObject({ name: "ProducerFencedError", generation: 1 });
    expect(first.status.state).toBe("failed");
    await settled(server, second.close());
    expect(await settled(server, read(connect("eve").stream("log", ONE)))).toEqual(["a"]);
  });

  test("a chunk that the server refuses does not take its neighbours with it", async () => {
    const { server, connect } = await setUp({ kind: "text" });
    const producer = connect("ada").producer("log", ONE, {
      id: "p",
    }) as import("./client.ts").StreamProducer;
    const results = Promise.allSettled([producer.append("a"), producer.append(7), producer.append("b", "c")]);
    expect((await settled(server, results)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    await settled(server, producer.close());
    expect(await settled(server, read(connect("eve").stream("log", ONE)))).toEqual(["a", "b", "c"]);
  });

  test("more than fits is refused at once, and pipe goes at the pace of the server", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p", queue: { valuesMax: 4 } });
    const first = producer.append(0, 1, 2, 3);
    await expect(producer.append(4)).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await settled(server, first);
    async function* source() {
      for (let value = 4; value < 30; value += 1) yield value;
    }
    await settled(server, producer.pipe(source()));
    await settled(server, producer.close());
    const values = await settled(server, read(connect("eve").stream("log", ONE)));
    expect(values).toEqual(Array.from({ length: 30 }, (_, value) => value));
  });

  test("[ST17] the lease is renewed while nothing is appended, and not after detach", async () => {
    const { server, connect } = await setUp();
    const states: string[] = [];
    connect("eve")
      .stream("log", ONE)
      .on("producer", ({ state }) => states.push(state));
    const producer = connect("ada").producer("log", ONE, { id: "p", leaseMs: 3_000 });
    await settled(server, producer.append("a"));
    await server.settle(20_000);
    expect(states).toEqual(["attached"]);
    await settled(server, producer.detach());
    await server.settle(20_000);
    expect(states).toEqual(["attached", "detached"]);
  });
});

describe("requests", () => {
  test("[ST20] [ST22] [ST23] they reach the producer, kept ones too, and outcomes their reader, over lost connections", async () => {
    const { server, connect, app } = await setUp();
    await settled(server, app.stream("log", ONE).create());
    const reader = connect("eve").stream("log", ONE);
    const kept = await settled(server, reader.cancel("enough"));
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    const asked: unknown[] = [];
    producer.onCancel(({ reason, user }) => {
      asked.push([reason, user]);
      return "stopped";
    });
    producer.onSteer(({ data }) => {
      if (data === "left") throw new RequestRefused("no");
      throw new Error("broken");
    });
    expect(await settled(server, kept.outcome)).toEqual({
      request: kept.id,
      status: "done",
      data: "stopped",
    });
    const steered = await settled(server, reader.steer("left"));
    cutAll(server);
    expect(await settled(server, steered.outcome)).toMatchObject({ status: "refused", data: "no" });
    const failed = await settled(server, reader.steer("right"));
    expect(await settled(server, failed.outcome)).toMatchObject({
      status: "failed",
      data: { message: "broken" },
    });
    expect(asked).toEqual([["enough", "eve"]]);
    await settled(server, producer.close());
    await expect(settled(server, reader.cancel())).rejects.toMatchObject({ code: "STREAM_CLOSED" });
  });

  test("[ST24] ask resolves with the first answer, or when it is declined or expires", async () => {
    const { server, connect } = await setUp();
    const producer = connect("ada").producer("log", ONE, { id: "p" });
    const reader = connect("eve").stream("log", ONE);
    const asks: string[] = [];
    reader.on("ask", ({ id }) => asks.push(id));
    const first = producer.ask("Go on?", { schema: { type: "boolean" } });
    const second = producer.ask("Which?");
    while (asks.length < 2) await server.settle(10);
    const sent = await settled(server, reader.respond(asks[0]!, true));
    await settled(server, reader.decline(asks[1]!));
    expect(await settled(server, first)).toEqual({ status: "answered", data: true, user: "eve" });
    expect(await settled(server, second)).toEqual({ status: "declined", user: "eve" });
    expect(await settled(server, sent.outcome)).toMatchObject({ status: "done" });
    await expect(settled(server, reader.respond(asks[0]!, false))).rejects.toMatchObject({
      code: "INPUT_CLOSED",
    });
    expect(await settled(server, producer.ask("Quick?", { expiresInMs: 1_000 }))).toEqual({
      status: "expired",
    });
  });
});

describe("the server's own code", () => {
  test("app.stream writes, is asked and closes; it knows only topics of streams", async () => {
    const { server, connect, app } = await setUp();
    const own = app.stream("run", ONE);
    const controller = new AbortController();
    own.onCancel(() => controller.abort());
    const reader = connect("eve").stream("run", ONE, { fold: runFold });
    reader.on("fold", () => {});
    await settled(
      server,
      own.pipe([
        { type: "partial", content: "a" },
        { type: "partial", content: "b" },
      ]),
    );
    const { outcome } = await settled(server, reader.cancel());
    expect(await settled(server, outcome)).toMatchObject({
      status: "done",
    } satisfies Partial<RequestOutcome>);
    expect(controller.signal.aborted).toBe(true);
    const answer = own.requestInput("Sure?");
    while (!reader.fold?.asks[0]) await server.settle(10);
    await settled(server, reader.respond(reader.fold.asks[0].id, "yes"));
    expect(await settled(server, answer)).toMatchObject({ data: "yes" });
    await settled(server, own.fail(new PlexlineError("OVERLOADED", { message: "Too much." })));
    while (reader.status.state !== "closed") await server.settle(10);
    expect(reader.fold).toMatchObject({
      status: "failed",
      error: { code: "OVERLOADED", message: "Too much." },
    });
    expect(await settled(server, read(app.stream("run", ONE).read()))).toHaveLength(3);
    // @ts-expect-error: there is no such stream.
    expect(() => app.stream("board", ONE)).toThrow(TypeError);
  });
});
