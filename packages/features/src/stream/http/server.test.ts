import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, jwt, type ServerOptions } from "@plexline/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { run, stream } from "../../server.ts";
import { runFold } from "../run/fold.ts";
import { createHttpProducer, createHttpStream, createHttpTransport } from "./client.ts";
import { type StreamsApiOptions, streamsApi } from "./endpoint.ts";

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 20_000, interval: 5 };
const CONNECTS = { ratePerSecond: 10_000, burst: 10_000 };

function tokenOf(user: string, claims: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "plexline-http-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(
  api: StreamsApiOptions = {},
  server: Partial<ServerOptions<Record<string, never>>> = {},
) {
  const app = createServer({
    auth: jwt({ secret: SECRET }),
    resources: "auto",
    directory: server.directory ?? (await makeDirectory()),
    transportLimits: { connects: CONNECTS, connectsPerAddress: CONNECTS },
    ...server,
    topics: {
      any: stream("stream:{path}", { history: { entriesMax: 5_000 } }),
      short: stream("short:{path}", { history: { entriesMax: 3 } }),
      run: run("run:{id}"),
    },
    endpoints: [...streamsApi(api)],
  });
  const { url } = await app.listen(0);
  let closing: Promise<void> | null = null;
  const stop = () => {
    closing ??= app.close({ graceMs: 200 });
    return closing;
  };
  onTestFinished(stop);
  const at = (topic: string) => ({ url: `${url}/api/streams`, topic, token: tokenOf("ada") });
  const ask = (
    topic: string,
    rest: string,
    { as = "ada", ...init }: RequestInit & { as?: string | null } = {},
  ) => {
    const headers = new Headers(init.headers);
    if (as !== null) headers.set("authorization", `Bearer ${tokenOf(as)}`);
    return fetch(`${url}/api/streams/${encodeURIComponent(topic)}${rest}`, { ...init, headers });
  };
  const post = (topic: string, rest: string, body?: unknown, more: { as?: string | null } = {}) =>
    ask(topic, rest, {
      method: "POST",
      ...more,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  return { app, url, at, ask, post, stop };
}

const codeOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string } }).error.code;
interface Told {
  readonly cursor: string;
  readonly payload: unknown;
}
/** What an answer with events has; others are looked at as they are. */
interface Answered {
  readonly cursor: string;
  readonly gap: string | null;
  readonly events: readonly [Told, ...Told[]];
}
const jsonOf = async (response: Response | Promise<Response>) => (await (await response).json()) as Answered;

describe("commands", () => {
  test("[SH1] [SH2] a command answers its output, an append that is not accepted too", async () => {
    const { post } = await start();
    const producer = { id: "p", generation: 0, sequence: 0 };
    const first = await post("stream:a", "/append", { values: [1, 2], producer });
    expect([first.status, first.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await first.json()).toMatchObject({ accepted: true, position: { offset: 2 } });
    const gap = await post("stream:a", "/append", { values: [3], producer: { ...producer, sequence: 5 } });
    expect([gap.status, await gap.json()]).toEqual([200, { accepted: false, reason: "gap", expected: 1 }]);
    expect(await jsonOf(post("stream:a", "/info"))).toMatchObject({ position: { offset: 2 } });
  });

  test("[SH2] what is refused has a status and an error that say so", async () => {
    const { post, ask } = await start();
    const refusals = await Promise.all([
      post("stream:a", "/info", undefined, { as: null }),
      post("stream:absent", "/info"),
      post("nothing:a", "/info"),
      post("stream:a", "/sync-request", {}),
      post("stream:a", "/append", { values: "none" }),
      post("stream:a", "", []),
      post("stream:a", "", [{ command: "info", key: 7 }]),
      ask("stream:a", "/info"),
      ask("stream:a", "/info", { method: "POST", body: "{}", headers: { "content-type": "text/plain" } }),
      ask("stream:a", "/info", {
        method: "POST",
        body: "{",
        headers: { "content-type": "application/json" },
      }),
      ask("stream:a", "/events?cursor=7"),
      ask("stream:a", "/events?live=often"),
    ]);
    expect(await Promise.all(refusals.map(async (one) => [one.status, await codeOf(one)]))).toEqual([
      [401, "TOKEN_MISSING"],
      [404, "STREAM_ABSENT"],
      [404, "TOPIC_UNKNOWN"],
      [404, "COMMAND_UNKNOWN"],
      [400, "PAYLOAD_INVALID"],
      [400, "PAYLOAD_INVALID"],
      [400, "PAYLOAD_INVALID"],
      [405, "OPERATION_UNSUPPORTED"],
      [415, "PAYLOAD_INVALID"],
      [400, "MALFORMED_MESSAGE"],
      [400, "PAYLOAD_INVALID"],
      [400, "PAYLOAD_INVALID"],
    ]);
  });

  test("[SH3] [SH4] a batch is carried out in order, each command for itself, and a key only once", async () => {
    const { post, ask } = await start();
    const append = (value: number, key?: string) => ({ command: "append", input: { values: [value] }, key });
    const answers = await jsonOf(
      post("stream:a", "", [append(1), { command: "outcome", input: {} }, append(2, "k"), append(3, "k")]),
    );
    expect(answers).toMatchObject([
      { output: { position: { offset: 1 } } },
      { error: { code: "PAYLOAD_INVALID" } },
      { output: { position: { offset: 2 } } },
      { output: { position: { offset: 2 } } },
    ]);
    const { events } = await jsonOf(ask("stream:a", "/events?cursor=start"));
    expect(events.map(({ payload }) => payload)).toEqual([1, 2]);
  });

  test("[SH5] a body beyond the limit is refused, with a length or without", async () => {
    const { post, url } = await start({ bodyBytesMax: 1_000 });
    const large = { values: ["x".repeat(2_000)] };
    const refused = await post("stream:a", "/append", large);
    expect([refused.status, await codeOf(refused)]).toEqual([413, "MESSAGE_TOO_LARGE"]);
    const streamed = await fetch(`${url}/api/streams/stream%3Aa/append`, {
      method: "POST",
      headers: { authorization: `Bearer ${tokenOf("ada")}`, "content-type": "application/json" },
      body: new Blob([JSON.stringify(large)]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(streamed.status).toBe(413);
    expect((await post("stream:a", "/append", { values: [1] })).status).toBe(200);
  });
});

describe("events", () => {
  test("[SH6] [SH7] pages of the log: from the start, from a cursor, from here", async () => {
    const { post, ask } = await start();
    await post("stream:a", "/append", { values: ["a", "b"] });
    const all = await jsonOf(ask("stream:a", "/events?cursor=start"));
    expect(all).toMatchObject({ gap: null, upToDate: true });
    expect(all.events).toMatchObject([
      { event: "chunk", payload: "a", user: "ada" },
      { event: "chunk", payload: "b" },
    ]);
    const [first] = all.events;
    const rest = await jsonOf(ask("stream:a", `/events?cursor=${first.cursor}`));
    expect(rest.events.map(({ payload }) => payload)).toEqual(["b"]);
    const header = await jsonOf(
      ask("stream:a", "/events?cursor=start", { headers: { "last-event-id": first.cursor } }),
    );
    expect(header).toEqual(rest);
    expect(await jsonOf(ask("stream:a", "/events"))).toMatchObject({ events: [], cursor: all.cursor });
  });

  test("[SH7] a cursor of what is gone is told of the gap, with what is kept", async () => {
    const { post, ask } = await start();
    await post("short:a", "/append", { values: [1] });
    const { cursor } = await jsonOf(ask("short:a", "/events?cursor=start"));
    for (let value = 2; value < 12; value += 1) await post("short:a", "/append", { values: [value] });
    const late = await jsonOf(ask("short:a", `/events?cursor=${cursor}`));
    expect(late.gap).toBe("trimmed");
    expect(late.events.at(-1)?.payload).toBe(11);
    const other = await jsonOf(ask("short:a", "/events?cursor=0000000000000001_other"));
    expect(other.gap).toBe("reset");
  });

  test("[SH8] a long-poll waits for the next event, and no longer than its time", async () => {
    const { post, ask } = await start({ longPollTimeoutMs: 20_000 });
    await post("stream:a", "/append", { values: [1] });
    const { cursor } = await jsonOf(ask("stream:a", "/events"));
    const waiting = jsonOf(ask("stream:a", `/events?cursor=${cursor}&live=long-poll`));
    await post("stream:a", "/append", { values: [2] });
    expect((await waiting).events).toMatchObject([{ payload: 2 }]);
    const short = await start({ longPollTimeoutMs: 10 });
    expect(await jsonOf(short.ask("stream:a", "/events?live=long-poll"))).toMatchObject({
      events: [],
      upToDate: true,
    });
  });

  test("[SH9] an event stream has ids, a start, and each event once", async () => {
    const { post, ask } = await start();
    await post("stream:a", "/append", { values: ["a\nb"] });
    const response = await ask("stream:a", "/events?cursor=start&live=sse");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    await post("stream:a", "/append", { values: ["c"] });
    while (!text.includes('"c"')) text += (await reader.read()).value ?? "";
    await reader.cancel();
    const blocks = text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
    const messages = blocks.map((block) => JSON.parse(block.slice(block.indexOf("data: ") + 6)));
    expect(messages).toMatchObject([
      { type: "start", complete: true, info: { position: { offset: 1 } } },
      { type: "event", payload: "a\nb" },
      { type: "event", payload: "c" },
    ]);
    expect(blocks[1]).toMatch(/^id: 0000000000000001_/);
  });

  test("[SH9] a reader who may not is answered 403 in every mode", async () => {
    const { ask } = await start({}, { resources: "strict" });
    const answers = await Promise.all(
      ["", "&live=sse", "&live=long-poll"].map((mode) => ask("stream:a", `/events?cursor=start${mode}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
  });
});

describe("clients", () => {
  test("[SH9] [SH10] a producer and a reader over HTTP: chunks, fold, requests and their outcomes", async () => {
    const { at } = await start();
    const early = createHttpStream({ ...at("run:7"), since: "now" });
    const producer = createHttpProducer({ ...at("run:7"), id: "agent" });
    await producer.append({ type: "status", status: "running" }, { type: "partial", content: "Hel" });
    const late = createHttpStream({ ...at("run:7"), fold: runFold });
    const folds: unknown[] = [];
    late.on("fold", (state) => folds.push(state));
    await vi.waitFor(() => expect(folds).toHaveLength(1), FACT);
    const cancel = await early.cancel("enough");
    producer.onCancel(({ reason, user }) => ({ reason, user }));
    expect(await cancel.outcome).toEqual({
      request: cancel.id,
      status: "done",
      data: { reason: "enough", user: "ada" },
    });
    await producer.append({ type: "partial", content: "lo" });
    await producer.done("end");
    await vi.waitFor(() => expect(late.status.state).toBe("closed"), FACT);
    expect(late.fold).toMatchObject({ status: "done", parts: [{ content: "Hello" }], result: "end" });
    await expect(producer.ended).resolves.toBeUndefined();
  });

  test("[SH9] a reader meets a gap as over the WebSocket, and one who reads slowly misses nothing", async () => {
    const { at, post } = await start();
    const values = Array.from({ length: 3_000 }, (_, index) => index);
    for (let from = 0; from < values.length; from += 500)
      await post("stream:long", "/append", { values: values.slice(from, from + 500) });
    await post("stream:long", "/append", { values: [], close: true });
    const seen: unknown[] = [];
    for await (const chunk of createHttpStream({ ...at("stream:long"), buffer: { chunksMax: 50 } }))
      seen.push(chunk);
    expect(seen).toEqual(values);
    for (let value = 0; value < 12; value += 1) await post("short:a", "/append", { values: [value] });
    const gaps: { readonly reason: string }[] = [];
    const kept: number[] = [];
    const handle = createHttpStream({ ...at("short:a"), onGap: (gap) => gaps.push(gap) });
    handle.on("chunk", (chunk) => kept.push(chunk as number));
    await vi.waitFor(() => expect(kept.at(-1)).toBe(11), FACT);
    handle.leave();
    // Retention goes on beside: the reader may be overtaken by it once more.
    expect(new Set(gaps.map(({ reason }) => reason))).toEqual(new Set(["trimmed"]));
    expect(kept.length).toBeLessThan(12);
    expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
  });

  test("[SH1] a token that is refused is asked for again, and one that stays refused ends the producer", async () => {
    const { at } = await start();
    const given: string[] = [];
    const token = () => {
      given.push(given.length === 0 ? "stale" : tokenOf("ada"));
      return given.at(-1) as string;
    };
    const producer = createHttpProducer({ ...at("stream:a"), token, id: "p" });
    await producer.append(1);
    await producer.close();
    expect(given).toHaveLength(2);
    const refused = createHttpProducer({ ...at("stream:a"), token: "wrong", id: "q" });
    await expect(refused.attached).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(refused.append(1)).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  test("[SH9] a reader whose right is taken away is told, and stays away", async () => {
    const { at, app, post } = await start({}, { resources: "strict" });
    const record = { topic: "stream:a", tenant: "default", clearance: 0, owner: "ada" };
    await app.records.set({ ...record, editors: [], viewers: [], openToTenant: false });
    await post("stream:a", "/append", { values: [1] });
    const handle = createHttpStream(at("stream:a"));
    const seen: unknown[] = [];
    handle.on("chunk", (chunk) => seen.push(chunk));
    await vi.waitFor(() => expect(seen).toEqual([1]), FACT);
    await app.records.delete("stream:a");
    await vi.waitFor(
      () => expect(handle.status).toMatchObject({ state: "failed", error: { code: "REVOKED" } }),
      FACT,
    );
  });

  test("[SH2] a command that no server answers is given up in time, with advice to try later", async () => {
    const { at, stop } = await start();
    await stop();
    const transport = createHttpTransport({ ...at("stream:a"), giveUpMs: 0 });
    await expect(transport.call("info")).rejects.toMatchObject({ code: "DISCONNECTED", retry: "later" });
  });
});

test("[SH11] a server on disk: what was acknowledged is there after a restart", async () => {
  const disk = { directory: await makeDirectory() };
  const first = await start({}, disk);
  const producer = createHttpProducer({ ...first.at("stream:a"), giveUpMs: 0, id: "p" });
  await producer.append("kept");
  await first.stop();
  const second = await start({}, disk);
  const { events } = await jsonOf(second.ask("stream:a", "/events?cursor=start"));
  expect(events).toMatchObject([{ event: "producer", payload: { state: "attached" } }, { payload: "kept" }]);
  await expect(producer.detach()).rejects.toMatchObject({ code: "DISCONNECTED" });
});
