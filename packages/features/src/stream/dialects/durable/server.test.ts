import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStorage, createServer, jwt, type ServerOptions, systemRandom } from "@plexline/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { run, stream } from "../../server.ts";
import { type DurableStreamsOptions, durableStreams } from "./endpoint.ts";
import { LiveLogs } from "./live-events.ts";

// What the public suite does not look at, over real sockets and on disk: access, restarts, slow readers.

/** Its sources are not of this project's types, which an import by name would hold them to. */
const EVENT_SOURCE: string = "eventsource";

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 20_000, interval: 5 };
const JSON_TYPE = { "content-type": "application/json" };
const CONNECTS = { ratePerSecond: 10_000, burst: 10_000 };

function tokenOf(user: string, claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

interface StartOptions {
  readonly directory?: string;
  readonly endpoint?: DurableStreamsOptions;
  readonly server?: Partial<ServerOptions<Record<string, never>>>;
}

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "plexline-durable-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start({ directory, endpoint = {}, server = {} }: StartOptions = {}) {
  const app = createServer({
    auth: jwt({ secret: SECRET }),
    resources: "auto",
    directory: directory ?? (await makeDirectory()),
    transportLimits: { connects: CONNECTS, connectsPerAddress: CONNECTS },
    ...server,
    topics: { any: stream("stream:{path}"), run: run("run:{id}") },
    endpoints: [...durableStreams(endpoint)],
  });
  const { url } = await app.listen(0);
  let closing: Promise<void> | null = null;
  const stop = () => {
    closing ??= app.close({ graceMs: 100 });
    return closing;
  };
  onTestFinished(stop);
  const ask = (
    path: string,
    { as = "ada", claims = {}, ...init }: RequestInit & { as?: string | null; claims?: object } = {},
  ) => {
    const headers = new Headers(init.headers);
    if (as !== null) headers.set("authorization", `Bearer ${tokenOf(as, claims)}`);
    return fetch(`${url}/v1/stream/${path}`, { ...init, headers });
  };
  const put = (path: string, body?: unknown, more: Parameters<typeof ask>[1] = {}) =>
    ask(path, {
      method: "PUT",
      ...more,
      headers: { ...JSON_TYPE, ...more.headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const post = (path: string, body: unknown, more: Parameters<typeof ask>[1] = {}) =>
    ask(path, {
      method: "POST",
      ...more,
      headers: { ...JSON_TYPE, ...more.headers },
      body: JSON.stringify(body),
    });
  return { app, url, ask, put, post, stop };
}

const offsetOf = (response: Response): string => response.headers.get("stream-next-offset") ?? "";
const codeOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string } }).error.code;

describe("access", () => {
  test("[DS5] without a token 401, with an error that says so", async () => {
    const { ask } = await start();
    const refused = await ask("a", { as: null });
    expect([refused.status, refused.headers.get("www-authenticate"), await codeOf(refused)]).toEqual([
      401,
      "Bearer",
      "TOKEN_MISSING",
    ]);
    expect((await ask("a?offset=-1&live=sse", { as: null })).status).toBe(401);
  });

  test("[DS5] where topics need a record, another tenant's stream and an absent one are the same to a caller", async () => {
    const directory = await makeDirectory();
    const first = await start({ directory });
    await first.put("secret", [1]);
    await first.stop();
    const { ask, post } = await start({ directory, server: { resources: "strict" } });
    expect((await ask("secret")).status).toBe(200);
    const mallory = { as: "mallory", claims: { tenant: "other" } };
    const answers = await Promise.all(
      ["secret", "absent"].flatMap((path) => [
        ask(path, mallory),
        ask(`${path}?offset=-1&live=sse`, mallory),
        ask(`${path}?offset=-1&live=long-poll`, mallory),
        post(path, 2, mallory),
        ask(path, { method: "DELETE", ...mallory }),
        ask("mine", { method: "PUT", ...mallory, headers: { "stream-forked-from": `/v1/stream/${path}` } }),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(bodies.map((body) => JSON.parse(body).error.code))).toEqual(new Set(["FORBIDDEN"]));
    expect(await (await ask("secret")).json()).toEqual([1]);
  });
});

describe("offsets", () => {
  test("[DS13] what was appended before a restart is read after it, from the offset told before, and a producer goes on", async () => {
    const directory = await makeDirectory();
    const first = await start({ directory });
    const before = offsetOf(await first.put("log", [1]));
    const producer = { "producer-id": "p", "producer-epoch": "0", "producer-seq": "0" };
    expect((await first.post("log", 2, { headers: producer })).status).toBe(200);
    await first.stop();
    const second = await start({ directory });
    expect(await (await second.ask(`log?offset=${before}`)).json()).toEqual([2]);
    expect((await second.post("log", 2, { headers: producer })).status).toBe(204);
    expect(await (await second.ask("log")).json()).toEqual([1, 2]);
  });

  test("[DS14] an offset of a stream that was deleted, or of another, is 410 in every mode", async () => {
    const { ask, put } = await start();
    const old = offsetOf(await put("log", [1]));
    const other = offsetOf(await put("other", [1]));
    await ask("log", { method: "DELETE" });
    await put("log", [1, 2]);
    for (const offset of [old, other])
      for (const mode of ["", "&live=long-poll", "&live=sse"])
        expect((await ask(`log?offset=${offset}${mode}`)).status).toBe(410);
    expect(await (await ask("log?offset=-1")).json()).toEqual([1, 2]);
  });

  test("[DS14] an offset beyond the end is 410, as after the restore of a backup", async () => {
    const { ask, put } = await start();
    const [, epoch] = offsetOf(await put("log", [1])).split(/_(.*)/s);
    expect((await ask(`log?offset=0000000000000009_${epoch}`)).status).toBe(410);
  });

  test("[DS14] an offset that another node has told of is good on one that has not heard of it yet", async () => {
    const server = { storage: createMemoryStorage({ random: systemRandom }) };
    // Nobody tells them of each other: what one has stored the other finds out when it looks.
    const [first, second] = [await start({ server }), await start({ server })];
    await first.put("log", [1]);
    expect(await (await second.ask("log")).json()).toEqual([1]);
    for (const mode of ["", "&live=sse"]) {
      const told = offsetOf(await first.post("log", 2));
      const control = new AbortController();
      const answer = await second.ask(`log?offset=${told}${mode}`, { signal: control.signal });
      expect(answer.status).toBe(200);
      control.abort();
    }
    const polled = second.ask(`log?offset=${offsetOf(await first.post("log", 3))}&live=long-poll`);
    await second.post("log", 4);
    expect(await (await polled).json()).toEqual([4]);
  });

  test("[DS15] a long stream is read in pages, none of which says that it is up to date but the last", async () => {
    const { ask, put, post } = await start({ endpoint: { pageBytesMax: 2_000 } });
    await put("log");
    const all = Array.from({ length: 300 }, (_, index) => ({ index }));
    await post("log", all);
    const read: unknown[] = [];
    for (let offset = "-1", pages = 0; ; pages += 1) {
      const answer = await ask(`log?offset=${offset}`);
      read.push(...((await answer.json()) as unknown[]));
      offset = offsetOf(answer);
      if (answer.headers.get("stream-up-to-date") === null) continue;
      expect(pages).toBeGreaterThan(2);
      break;
    }
    expect(read).toEqual(all);
  });
});

describe("live", () => {
  test("[DS19] a native EventSource resumes by Last-Event-ID, through the end of connections", async () => {
    const { url, put, post } = await start({ endpoint: { rotateMs: 300 } });
    await put("log", [0]);
    const heard: number[] = [];
    const { EventSource: NativeEventSource } = (await import(EVENT_SOURCE)) as {
      EventSource: new (
        url: string,
        init: { fetch: (input: string | URL, init: RequestInit) => Promise<Response> },
      ) => EventSource;
    };
    const source = new NativeEventSource(`${url}/v1/stream/log?offset=-1&live=sse`, {
      fetch: (input, init) =>
        fetch(input, {
          ...init,
          headers: { ...init?.headers, authorization: `Bearer ${tokenOf("ada", {})}` },
        }),
    });
    onTestFinished(() => source.close());
    let opened = 0;
    source.addEventListener("open", () => {
      opened += 1;
    });
    source.addEventListener("data", ({ data }) => void heard.push(...(JSON.parse(data) as number[])));
    for (let value = 1; value <= 3; value += 1) {
      await vi.waitFor(() => expect([heard.length, opened]).toEqual([value, value]), FACT);
      // The next one is appended once the connection has ended.
      await vi.waitFor(() => expect(source.readyState).toBe(source.CONNECTING), FACT);
      await post("log", value);
    }
    await vi.waitFor(() => expect(heard).toEqual([0, 1, 2, 3]), FACT);
  });

  test("[DS21] a reader who does not read is ended with bounded memory, and resumes without loss", async () => {
    const { app, url, ask, put, post } = await start({
      server: { limits: { outboxBytesMax: 64 * 1024, socketBufferBytesMax: 16 * 1024 } },
    });
    await put("log");
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    let text = "";
    socket.on("error", () => {});
    socket.write(
      `GET /v1/stream/log?offset=-1&live=sse HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${tokenOf("ada", {})}\r\n\r\n`,
    );
    await new Promise<void>((resolve) =>
      socket.once("data", (data) => {
        text += String(data);
        resolve();
      }),
    );
    socket.pause();
    const value = "x".repeat(100_000);
    const count = 200;
    for (let index = 0; index < count; index += 1) await post("log", { index, value });
    await vi.waitFor(() => expect(app.stats().connections).toBe(0), FACT);
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("data", (data) => {
      text += String(data);
    });
    socket.resume();
    await ended;
    const told = [...text.matchAll(/"streamNextOffset":"([^"]+)"[^\n]*\nid:/g)].map(([, offset]) => offset);
    const read: number[] = [
      ...text.matchAll(/"index":(\d+),"value":"x{100000}"\}\r?\n?[\s\S]*?"streamNextOffset"/g),
    ].map(([, index]) => Number(index));
    expect(read.length).toBeLessThan(count);
    for (let offset = told.at(-1) ?? "-1"; ; ) {
      const answer = await ask(`log?offset=${offset}`);
      read.push(...((await answer.json()) as { index: number }[]).map(({ index }) => index));
      offset = offsetOf(answer);
      if (answer.headers.get("stream-up-to-date") !== null) break;
    }
    expect(new Set(read).size).toBe(count);
  });

  test("[DS19] a history larger than the outbox is followed in one connection, whole and in order", async () => {
    const { ask, put, post } = await start({ server: { limits: { outboxBytesMax: 128 * 1024 } } });
    await put("log");
    const count = 60;
    for (let index = 0; index < count; index += 1) await post("log", { index, value: "x".repeat(50_000) });
    const { body } = await ask("log?offset=-1&live=sse");
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes(`"index":${count - 1},`) || !text.endsWith("\n\n")) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      text += value;
    }
    await reader?.cancel();
    const indices = [...text.matchAll(/"index":(\d+)/g)].map(([, index]) => Number(index));
    expect(indices).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(text.match(/"upToDate":true/g)?.length).toBe(1);
  });

  test("[DS17] a long-poll hears of what is appended elsewhere than over HTTP", async () => {
    const { app, ask, put } = await start();
    const offset = offsetOf(await put("log", [1]));
    const polled = ask(`log?offset=${offset}&live=long-poll`);
    await vi.waitFor(() => expect(app.stats().subscriptions).toBe(1), FACT);
    await app.publish("stream:log", "chunk", { native: true });
    expect(await (await polled).json()).toEqual([{ native: true }]);
  });
});

describe("forks", () => {
  test("[DS23] a long source is copied page by page, and the fork has its chunks after the source is gone", async () => {
    const { ask, put, post } = await start();
    await put("source");
    const all = Array.from({ length: 1_400 }, (_, index) => index);
    await post("source", all.slice(0, 900));
    const offset = offsetOf(await post("source", all.slice(900)));
    const made = await put("fork", ["last"], { headers: { "stream-forked-from": "/v1/stream/source" } });
    expect(made.status).toBe(201);
    await ask("source", { method: "DELETE" });
    const first = await ask("fork");
    const rest = await ask(`fork?offset=${offsetOf(first)}`);
    expect([...((await first.json()) as unknown[]), ...((await rest.json()) as unknown[])]).toEqual([
      ...all,
      "last",
    ]);
    // The source's own offset is good in the fork.
    expect(await (await ask(`fork?offset=${offset}`)).json()).toEqual(["last"]);
    expect((await ask("source")).status).toBe(410);
    await ask("fork", { method: "DELETE" });
    expect((await ask("source")).status).toBe(404);
  });

  test("[DS23] a long fork that two make at the same time is copied once", async () => {
    const { ask, put, post } = await start();
    await put("source");
    const all = Array.from({ length: 1_200 }, (_, index) => index);
    await post("source", all.slice(0, 600));
    await post("source", all.slice(600));
    const fork = () => put("fork", ["last"], { headers: { "stream-forked-from": "source" } });
    const made = await Promise.all([fork(), fork(), fork()]);
    for (const { status } of made) expect([200, 201]).toContain(status);
    const first = await ask("fork");
    const rest = await ask(`fork?offset=${offsetOf(first)}`);
    expect([...((await first.json()) as unknown[]), ...((await rest.json()) as unknown[])]).toEqual([
      ...all,
      "last",
    ]);
  });

  test("[DS25] many forks made at once are all known to the source", async () => {
    const { ask, put } = await start();
    await put("source", [1]);
    const names = Array.from({ length: 6 }, (_, index) => `fork-${index}`);
    const made = await Promise.all(
      names.map((name) => put(name, undefined, { headers: { "stream-forked-from": "source" } })),
    );
    expect(made.map(({ status }) => status)).toEqual(names.map(() => 201));
    await ask("source", { method: "DELETE" });
    for (const name of names) {
      expect((await ask("source")).status).toBe(410);
      await ask(name, { method: "DELETE" });
    }
    expect((await ask("source")).status).toBe(404);
  });
});

test("[DS25] the name of a deleted source is free again once its forks have expired", async () => {
  const { ask, put } = await start();
  await put("source", [1]);
  const headers = { "stream-forked-from": "source", "stream-ttl": "1" };
  expect((await put("fork", undefined, { headers })).status).toBe(201);
  await ask("source", { method: "DELETE" });
  expect((await put("source", [2])).status).toBe(409);
  await vi.waitFor(async () => expect((await put("source", [2])).status).toBe(201), FACT);
  expect(await (await ask("source")).json()).toEqual([2]);
});

test("[DS20] all readers of a log share its rendering, and the last to leave takes it away", async () => {
  const joined = vi.spyOn(LiveLogs.prototype, "join");
  const left = vi.spyOn(LiveLogs.prototype, "leave");
  onTestFinished(() => {
    joined.mockRestore();
    left.mockRestore();
  });
  const { ask, put, post } = await start();
  await put("log", [0]);
  // From the start, from now, and as a client that comes back: none of them needs words of its own.
  const readers = await Promise.all(
    ["-1", "now", "-1&cursor=99999999"].map((from) => ask(`log?offset=${from}&live=sse`)),
  );
  const bodies = readers.map(({ body }) => body?.getReader());
  // The first control event of each: they are live.
  await Promise.all(bodies.map((body) => body?.read()));
  await post("log", { a: 1 });
  const texts = await Promise.all(bodies.map(async (body) => Buffer.from((await body?.read())?.value ?? [])));
  expect(new Set(texts.map(String)).size).toBe(1);
  expect(new Set(joined.mock.results.map(({ value }) => value)).size).toBe(1);
  await Promise.all(bodies.map((body) => body?.cancel()));
  await vi.waitFor(() => expect(left).toHaveBeenCalledTimes(3), FACT);
  const again = await ask("log?offset=now&live=sse");
  expect(joined.mock.results.at(-1)?.value).not.toBe(joined.mock.results[0]?.value);
  await again.body?.cancel();
});

test("[DS4] a body beyond the limit is 413, and nothing of it is kept", async () => {
  const { ask, put } = await start({ endpoint: { bodyBytesMax: 1_000 } });
  await put("log");
  const refused = await ask("log", {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify("x".repeat(1_000)),
  });
  expect([refused.status, await codeOf(refused)]).toEqual([413, "MESSAGE_TOO_LARGE"]);
  expect(await (await ask("log")).json()).toEqual([]);
});

test("[DS27] a subscription is its maker's: others may neither read nor claim it", async () => {
  const { ask, put, post } = await start();
  await put("wake");
  const config = { type: "pull-wake", streams: ["log"], wake_stream: "wake" };
  expect((await put("__ds/subscriptions/s", config)).status).toBe(201);
  await put("log", [1]);
  const mallory = { as: "mallory", claims: { tenant: "other" } };
  const answers = [
    await ask("__ds/subscriptions/s", mallory),
    await post("__ds/subscriptions/s/claim", { worker: "m" }, mallory),
    await put("__ds/subscriptions/s", config, mallory),
    await ask("__ds/subscriptions/s", { method: "DELETE", ...mallory }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  const claimed = await post("__ds/subscriptions/s/claim", { worker: "ada" });
  expect([claimed.status, ((await claimed.json()) as { streams: unknown[] }).streams]).toEqual([
    200,
    [expect.objectContaining({ path: "log", has_pending: true })],
  ]);
});

test("[DS28] a webhook that fails is sent again with the next generation, and told as failed until then", async () => {
  const received: { generation: number; callback_url: string; callback_token: string; wake_id: string }[] =
    [];
  const worker = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => {
      body += String(data);
    });
    request.on("end", () => {
      received.push(JSON.parse(body));
      response.writeHead(received.length === 1 ? 500 : 200).end("{}");
    });
  });
  await new Promise<void>((resolve) => worker.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void worker.close());
  const { port } = worker.address() as AddressInfo;
  const { ask, put } = await start({ endpoint: { allowLoopbackCallbacks: true } });
  const config = { type: "webhook", pattern: "events/*", webhook: { url: `http://127.0.0.1:${port}/` } };
  await put("__ds/subscriptions/s", config);
  await put("events/a", [1]);
  const statusNow = async () =>
    ((await (await ask("__ds/subscriptions/s")).json()) as { status: string }).status;
  await vi.waitFor(async () => expect(await statusNow()).toBe("failed"), FACT);
  await vi.waitFor(() => expect(received.length).toBe(2), FACT);
  await vi.waitFor(async () => expect(await statusNow()).toBe("active"), FACT);
  expect(received.map(({ generation }) => generation)).toEqual([1, 2]);
  const [first, second] = received;
  const answer = (wake: typeof first) =>
    fetch(wake?.callback_url ?? "", {
      method: "POST",
      headers: { ...JSON_TYPE, authorization: `Bearer ${wake?.callback_token}` },
      body: JSON.stringify({ wake_id: wake?.wake_id, generation: wake?.generation, done: true, acks: [] }),
    });
  expect([(await answer(first)).status, await (await answer(second)).json()]).toEqual([
    409,
    { ok: true, next_wake: true },
  ]);
  // Nothing was acknowledged, so that there is another wake.
  await vi.waitFor(() => expect(received.length).toBe(3), FACT);
});
