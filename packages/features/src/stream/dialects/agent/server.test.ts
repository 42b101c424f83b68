import { describe, expect, test } from "vitest";
import { eventually, openSocket, startRuns } from "../runs.fixture.ts";

const PATH = "/ws/agent?runId=7";
const DENIED = { type: "error", message: "Access denied" };
const CURSOR = expect.stringMatching(/^\d{16}_[A-Za-z0-9._-]+$/);
const say = (content: string) => ({ type: "partial", data: { content } });

describe("connecting", () => {
  test("[AG1] [AG2] connected comes first, then the snapshot, then what follows; each with its cursor", async () => {
    const { port, handle } = await startRuns();
    await handle("7").append({ type: "status", status: "running" }, { type: "partial", content: "Hello" });
    const { told, types, until } = await openSocket(port, PATH);
    await until(1, "snapshot");
    expect(told).toEqual([
      { type: "connected", cursor: CURSOR, data: { runId: "7", status: "running", closed: false } },
      { type: "snapshot", cursor: told[0]?.cursor, data: expect.objectContaining({ status: "running" }) },
    ]);
    expect(told[1]?.data).toMatchObject({ parts: [{ part: "", content: "Hello" }] });
    await handle("7").append({ type: "partial", content: " world" });
    expect(await until(1, "partial")).toEqual([
      { type: "partial", cursor: CURSOR, data: { content: " world" } },
    ]);
    await handle("7").done({ answer: 42 });
    await until(1, "close");
    expect(types().slice(3)).toEqual(["done", "close"]);
    const cursors = told.slice(1).map(({ cursor }) => cursor as string);
    expect(cursors).toEqual([...cursors].sort());
  });

  test("[AG2] a run that is not there is waited for, and one that has ended is told with its end", async () => {
    const { port, handle } = await startRuns();
    const early = await openSocket(port, "/ws/agent?sessionId=8");
    const [connected] = await early.until(1, "connected");
    expect(connected?.data).toEqual({ runId: "8", status: "queued", closed: false });
    await handle("8").append({ type: "partial", content: "a" });
    await handle("8").done(1);
    await early.until(1, "close");
    expect(early.types()).toEqual(["connected", "snapshot", "partial", "done", "close"]);
    const late = await openSocket(port, "/ws/agent?id=8");
    await late.until(1, "close");
    await late.marked();
    expect(late.told.map(({ type }) => type)).toEqual(["connected", "snapshot", "close", "pong"]);
    expect(late.told[0]?.data).toEqual({ runId: "8", status: "done", closed: true });
    expect(late.told[2]?.cursor).toBe(early.of("close")[0]?.cursor);
  });

  test("[AG3] whoever comes back with a cursor is given what follows it, once and in order", async () => {
    const { port, handle } = await startRuns();
    const first = await openSocket(port, PATH);
    await first.until(1, "snapshot");
    const seen: unknown[] = [];
    let from = first;
    for (let round = 0; round < 5; round += 1) {
      await handle("7").append(
        { type: "partial", content: `${round}a` },
        { type: "partial", content: `${round}b` },
      );
      const [one] = await from.until(1, "partial");
      seen.push(one.data);
      from.ws.terminate();
      await handle("7").append({ type: "progress", done: round });
      from = await openSocket(port, `${PATH}&cursor=${one.cursor}`);
      const [progress] = await from.until(1, "progress");
      seen.push(...from.of("partial").map(({ data }) => data));
      expect(from.told[0]).toMatchObject({ type: "connected", cursor: one.cursor });
      expect(from.of("snapshot")).toEqual([]);
      from.ws.terminate();
      from = await openSocket(port, `${PATH}&cursor=${progress.cursor}`);
      await from.until(1, "connected");
    }
    expect(seen).toEqual(
      Array.from({ length: 10 }, (_, n) => ({ content: `${Math.floor(n / 2)}${n % 2 ? "b" : "a"}` })),
    );
  });

  test("[AG4] a cursor that is too old, or of another log, is answered by a gap and the snapshot", async () => {
    const { port, handle } = await startRuns({ run: { history: { entriesMax: 4 } } });
    const before = await openSocket(port, PATH);
    const [connected] = await before.until(1, "connected");
    for (let n = 0; n < 12; n += 1) await handle("7").append({ type: "partial", content: String(n) });
    for (const [cursor, reason] of [
      [connected.cursor, "trimmed"],
      ["0000000000000001_other", "reset"],
    ]) {
      const { told, until } = await openSocket(port, `${PATH}&cursor=${cursor}`);
      await until(1, "snapshot");
      expect(told.slice(0, 3).map(({ type }) => type)).toEqual(["connected", "gap", "snapshot"]);
      expect(told[1]).toEqual({ type: "gap", data: { reason } });
      expect(told[2]?.data).toMatchObject({ parts: [{ content: "01234567891011" }] });
    }
  });

  test("[AG4] one whose run is deleted while it reads is told of the gap, the beginning, and what follows", async () => {
    const { app, port, handle } = await startRuns();
    const { told, until } = await openSocket(port, PATH);
    await handle("7").append({ type: "partial", content: "old" });
    await until(1, "partial");
    await handle("7").delete();
    await until(2, "snapshot");
    await app.stream("run", { id: "7" }).append({ type: "partial", content: "new" });
    await until(2, "partial");
    const types = told.map(({ type }) => type).filter((type) => type !== "producer");
    expect(types).toEqual(["connected", "snapshot", "partial", "gap", "snapshot", "partial"]);
    expect(told.at(-1)?.data).toEqual({ content: "new" });
    const epoch = (cursor: unknown) => String(cursor).slice(17);
    expect(epoch(told.at(-1)?.cursor)).not.toBe(epoch(told[0]?.cursor));
  });

  test("[AG5] without a session it is accepted, then closed with 4401 Unauthorized", async () => {
    const { port } = await startRuns();
    const { told, closed } = await openSocket(port, PATH, { user: null, first: [say("a")] });
    await eventually(() => expect(closed).toEqual([{ code: 4401, reason: "Unauthorized" }]));
    expect(told).toEqual([]);
  });

  test("[AG5] a session that ends closes with 4401 Unauthorized", async () => {
    const { port } = await startRuns();
    const claims = { exp: Date.now() / 1_000 + 1 };
    const { closed, until } = await openSocket(port, PATH, { claims });
    await until(1, "connected");
    await eventually(() => expect(closed).toEqual([{ code: 4401, reason: "Unauthorized" }]));
  });

  test.each<[string, string]>([
    ["/ws/agent", "runId is missing"],
    ["/ws/workflow?id=", "runId is missing"],
    ["/ws/agent?runId=7&cursor=nonsense", "PAYLOAD_INVALID"],
    ["/ws/agent?runId=with%20space", "TOPIC_INVALID"],
  ])("[AG1] %s closes with 1008", async (path, reason) => {
    const { port } = await startRuns();
    const { closed, told } = await openSocket(port, path);
    await eventually(() => expect(closed).toEqual([{ code: 1008, reason: expect.stringContaining(reason) }]));
    expect(told).toEqual([]);
  });

  test("[AG1] a workflow is a run", async () => {
    const { port, handle } = await startRuns();
    const { until } = await openSocket(port, "/ws/workflow?workflowId=w");
    await handle("w").append({ type: "progress", done: 1, total: 2, step: "build" });
    expect(await until(1, "progress")).toMatchObject([{ data: { done: 1, total: 2, step: "build" } }]);
  });

  test("[AG9] a drain closes with 1012", async () => {
    const { port, close } = await startRuns();
    const { closed, until } = await openSocket(port, PATH);
    await until(1, "snapshot");
    await close();
    await eventually(() => expect(closed).toMatchObject([{ code: 1012 }]));
  });
});

describe("messages", () => {
  test("[AG6] [AG7] a writer's messages become the run's events, acknowledged, also those sent before connected", async () => {
    const { port } = await startRuns();
    const messages = [
      { type: "status", data: { status: "running" }, id: "m1" },
      { type: "partial", data: { content: "Hi" }, id: "m2" },
      { type: "tool", data: { id: "t", name: "search", state: "called" }, id: "m3" },
      { type: "progress", data: { done: 1 } },
      { type: "partial", data: { content: "Hi" }, id: "m2" },
      { type: "input-request", data: { id: "ask", prompt: "Sure?" } },
      { type: "steer", data: "faster", id: "s" },
      { type: "input-response", data: { ask: "ask", data: true }, id: "r" },
      { type: "outcome", data: { request: "s", status: "done" } },
      { type: "cancel", data: { reason: "enough" }, id: "c" },
      { type: "cancel", id: "c" },
      { type: "done", data: { result: 1 }, id: "end" },
      { type: "done", data: { result: 1 }, id: "end" },
      say("too late"),
    ];
    const { told, until, of } = await openSocket(port, PATH, { first: messages });
    const reader = await openSocket(port, PATH, { user: "bob" });
    await until(13, "ack");
    await eventually(() => expect(of("error")).toMatchObject([{ code: "STREAM_CLOSED" }]));
    expect(told[0]?.type).toBe("connected");
    const events = told.filter(
      ({ cursor, type }) => cursor && !["connected", "snapshot", "ack"].includes(type),
    );
    expect(events.slice(0, 10).map(({ type, data }) => [type, data])).toEqual([
      ["status", { status: "running" }],
      ["partial", { content: "Hi" }],
      ["tool", { id: "t", name: "search", state: "called" }],
      ["progress", { done: 1 }],
      ["input-request", { id: "ask", prompt: "Sure?" }],
      ["request", { id: "s", kind: "steer", data: "faster" }],
      ["request", { id: "r", kind: "respond", ask: "ask", data: true }],
      ["outcome", { request: "s", status: "done" }],
      ["request", { id: "c", kind: "cancel", reason: "enough" }],
      ["done", { result: 1 }],
    ]);
    expect(events.slice(10).map(({ type }) => type)).toEqual(["outcome", "outcome", "close"]);
    const acks = of("ack");
    expect(acks.filter(({ repeated }) => repeated).map(({ id }) => id)).toEqual(["m2", "c", "end"]);
    const [first, second] = acks.filter(({ id }) => id === "m2");
    expect(second?.cursor).toBe(first?.cursor);
    expect(events.filter(({ type }) => type === "partial")).toHaveLength(1);
    await reader.until(1, "close");
  });

  test.each<[string, unknown, string]>([
    ["no JSON", "{", "MALFORMED_MESSAGE"],
    ["null", "null", "MALFORMED_MESSAGE"],
    ["an array", [], "MALFORMED_MESSAGE"],
    ["no type", { data: {} }, "MALFORMED_MESSAGE"],
    ["data that is no object", { type: "partial", data: 1 }, "MALFORMED_MESSAGE"],
    ["an attack", '{"type":"partial","__proto__":{}}', "MALFORMED_MESSAGE"],
    ["too deep", `{"type":"steer","data":${"[".repeat(40)}${"]".repeat(40)}}`, "JSON_TOO_DEEP"],
    ["an unknown type", { type: "snapshot" }, "UNKNOWN_MESSAGE"],
    ["a message of the server's", { type: "connected" }, "UNKNOWN_MESSAGE"],
    ["a chunk without its field", { type: "partial", data: {}, id: "x" }, "PAYLOAD_INVALID"],
    ["a chunk with a field of another type", { type: "progress", data: { done: "1" } }, "PAYLOAD_INVALID"],
    ["an id that is none", { ...say("a"), id: 7 }, "PAYLOAD_INVALID"],
    ["a steer without data", { type: "input-response", data: { ask: "a" } }, "PAYLOAD_INVALID"],
    ["an input-request without an id", { type: "input-request", data: { prompt: 1 } }, "PAYLOAD_INVALID"],
  ])("[AG6] %s is answered %s, and the connection stays", async (_name, message, code) => {
    const { port, handle } = await startRuns();
    await handle("7").append({ type: "status", status: "running" });
    const { send, of, marked, closed } = await openSocket(port, PATH);
    send(message);
    await eventually(() => expect(of("error")).toMatchObject([{ code }]));
    await marked();
    expect(closed).toEqual([]);
    expect(of("partial")).toEqual([]);
  });

  test("[AG6] requests of a run that is not there are answered STREAM_ABSENT", async () => {
    const { port } = await startRuns();
    const { of } = await openSocket(port, PATH, { first: [{ type: "cancel", id: "c" }] });
    await eventually(() => expect(of("error")).toMatchObject([{ code: "STREAM_ABSENT", id: "c" }]));
  });

  test("[AG8] a reader is told Access denied for each message that writes, and stays", async () => {
    const { port, handle } = await startRuns({ roles: { eve: "read" } });
    await handle("7").append({ type: "status", status: "running" });
    const { send, told, types, marked, closed, until } = await openSocket(port, PATH, {
      user: "eve",
      first: [say("a"), { type: "cancel" }],
    });
    send({ type: "done" });
    await until(3, "error");
    await marked();
    await handle("7").append({ type: "partial", content: "b" });
    await until(1, "partial");
    expect(types()).toEqual(["connected", "snapshot", "error", "error", "error", "pong", "partial"]);
    expect(told.slice(2, 5)).toEqual([DENIED, DENIED, DENIED]);
    expect(closed).toEqual([]);
  });

  test("[AG8] who may not read is told so once, and again for each message, until access is given", async () => {
    const { port, handle, setRole } = await startRuns({ roles: { eve: false } });
    await handle("7").append({ type: "partial", content: "secret" });
    const { send, told, marked, until } = await openSocket(port, PATH, { user: "eve" });
    await until(1, "error");
    await marked();
    expect(told.slice(0, 2)).toEqual([
      { type: "connected", cursor: null, data: { runId: "7", status: null, closed: false } },
      DENIED,
    ]);
    send(say("a"));
    await until(2, "error");
    expect(JSON.stringify(told)).not.toContain("secret");
    await setRole("eve", "write");
    send({ ...say("b"), id: "b" });
    await until(1, "partial");
    expect(told.map(({ type }) => type)).toEqual([
      "connected",
      "error",
      "pong",
      "error",
      "connected",
      "snapshot",
      "partial",
      "ack",
    ]);
  });

  test("[AG8] access that is taken away is told once, and nothing follows", async () => {
    const { port, handle, setRole } = await startRuns();
    const { told, types, until, send, closed } = await openSocket(port, PATH, { user: "eve" });
    await until(1, "snapshot");
    await setRole("eve", false);
    await until(1, "error");
    await handle("7").append({ type: "partial", content: "secret" });
    const ada = await openSocket(port, PATH);
    await ada.until(1, "snapshot");
    send({ type: "cancel" });
    await until(2, "error");
    expect(types()).toEqual(["connected", "snapshot", "error", "error"]);
    expect(told.slice(-2)).toEqual([DENIED, DENIED]);
    expect(closed).toEqual([]);
  });
});
