import { describe, expect, test } from "vitest";
import {
  eventually,
  openEvents,
  openSocket,
  poll,
  post,
  sign,
  startRuns,
  type Told,
} from "../runs.fixture.ts";

const WS = "/api/ws?type=agent&sessionId=7";
const HTTP = "/api/stream?sessionId=7";
const CURSOR = expect.stringMatching(/^\d{16}_[A-Za-z0-9._-]+$/);
const say = (content: string) => ({ type: "agent:partial", sessionId: "7", content });
/** What of these are events of the run. */
const eventsIn = (told: readonly Told[]) =>
  told.filter(
    ({ type }) => !["agent:connected", "agent:snapshot", "agent:ack", "pong", "error"].includes(type),
  );

describe("one run on five wires", () => {
  test("[SE4] [RN5] tells the same events with the same cursors, and one cursor leads from each to the next", async () => {
    const { port, url, handle } = await startRuns();
    const agent = await openSocket(port, "/ws/agent?runId=7");
    const own = await openSocket(port, WS);
    const combined = await openSocket(port, "/api/ws", {
      first: [{ type: "agent:subscribe", sessionId: "7" }],
    });
    const sse = await openEvents(url + HTTP);
    const polled: Told[] = [];
    let { cursor: at } = await poll(url + HTTP);
    for (const socket of [own, combined]) await socket.until(1, "agent:snapshot");
    await agent.until(1, "snapshot");
    await sse.until(1, "agent:snapshot");
    // Somebody who goes from wire to wire, with the cursor of the last event it was told.
    const hops: Told[] = [];
    let hop = at;
    const run = handle("7");
    for (let round = 0; round < 8; round += 1) {
      await run.append({ type: "partial", content: `a${round}` }, { type: "progress", done: round });
      await run.append({ type: "tool", id: "t", name: "search", state: round % 2 ? "done" : "called" });
      const seen: Told[] = await hopOnce(round, hop);
      hops.push(...seen);
      hop = seen.at(-1)?.cursor as string;
      const page = await poll(`${url}${HTTP}&cursor=${at}`);
      polled.push(...page.events);
      at = page.cursor;
    }
    await post(url + HTTP, { type: "agent:steer", id: "s", data: { faster: true } });
    await run.done({ answer: 42 });
    for (const socket of [own, combined]) await socket.until(1, "agent:close");
    await agent.until(1, "close");
    await sse.ended;
    polled.push(...(await poll(`${url}${HTTP}&cursor=${at}`)).events);
    const last = await openEvents(`${url}${HTTP}&cursor=${hop}`);
    await last.ended;
    hops.push(...eventsIn(last.told()));

    const wanted = eventsIn(own.told);
    expect(wanted.length).toBeGreaterThan(26);
    expect(eventsIn(combined.told)).toEqual(wanted);
    expect(eventsIn(sse.told())).toEqual(wanted);
    expect(polled).toEqual(wanted);
    expect(hops).toEqual(wanted);
    const wrapped = wanted.map(({ type, sessionId: _, cursor, ...data }) => ({
      type: type.slice("agent:".length),
      cursor,
      data,
    }));
    const told = agent.told.filter(({ type }) => type !== "connected" && type !== "snapshot");
    expect(told).toEqual(wrapped);
    const ids = sse.blocks().flatMap(({ id }) => id ?? []);
    expect(ids.slice(1)).toEqual(wanted.map(({ cursor }) => cursor));

    /** What a reader is told who comes with a cursor, on one wire after the other. */
    async function hopOnce(round: number, cursor: string): Promise<Told[]> {
      const head = (await poll(`${url}${HTTP}`)).cursor;
      const isThere = (seen: readonly Told[]) => expect(seen.at(-1)?.cursor).toBe(head);
      if (round % 4 === 0) {
        const seen = (await poll(`${url}${HTTP}&cursor=${cursor}`)).events;
        isThere(seen);
        return seen;
      }
      if (round % 4 === 1) {
        const stream = await openEvents(url + HTTP, "ada", { "last-event-id": cursor });
        await eventually(() => isThere(eventsIn(stream.told())));
        stream.abort();
        return eventsIn(stream.told());
      }
      const path = round % 4 === 2 ? `${WS}&cursor=${cursor}` : "/api/ws";
      const first = round % 4 === 2 ? [] : [{ type: "agent:subscribe", sessionId: "7", cursor }];
      const socket = await openSocket(port, path, { first });
      await eventually(() => isThere(eventsIn(socket.told)));
      socket.ws.terminate();
      return eventsIn(socket.told);
    }
  });
});

describe("sockets", () => {
  test("[SE1] the seed's own message, over the seed's own socket", async () => {
    const { port, handle } = await startRuns();
    await handle("session-123").append({ type: "status", status: "running" });
    const { told, types, until } = await openSocket(port, "/api/ws", {
      first: [{ type: "agent:partial", sessionId: "session-123", content: "Generated code..." }],
    });
    const watcher = await openSocket(port, "/api/ws?type=agent&sessionId=session-123", { user: "bob" });
    await until(1, "agent:ack");
    await until(1, "agent:partial");
    expect(types()[0]).toBe("agent:connected");
    expect(told.find(({ type }) => type === "agent:partial")).toEqual({
      type: "agent:partial",
      sessionId: "session-123",
      content: "Generated code...",
      cursor: CURSOR,
    });
    await watcher.until(1, "agent:snapshot");
    await handle("session-123").append({ type: "partial", content: "more" });
    await watcher.until(1, "agent:partial");
  });

  test("[SE3] several runs at once on the combined socket, beside what it carries otherwise", async () => {
    const { port, handle } = await startRuns();
    const subscribe = (sessionId: string) => ({ type: "agent:subscribe", sessionId });
    const { told, until, send } = await openSocket(port, "/api/ws", { first: ["a", "b"].map(subscribe) });
    await until(2, "agent:snapshot");
    await handle("a").append({ type: "partial", content: "1" });
    await handle("b").append({ type: "partial", content: "2" });
    await until(2, "agent:partial");
    send({ type: "agent:unsubscribe", sessionId: "a" });
    send({ type: "agent:cancel", sessionId: "b", id: "c" });
    await until(1, "agent:ack");
    await handle("a").append({ type: "partial", content: "unheard" });
    await handle("b").append({ type: "partial", content: "3" });
    await until(3, "agent:partial");
    expect(JSON.stringify(told)).not.toContain("unheard");
    expect(told.filter(({ type }) => type === "agent:request")).toMatchObject([
      { sessionId: "b", id: "c", kind: "cancel" },
    ]);
  });

  test("[SE5] messages twice by their key, and a tool by its own id", async () => {
    const { port } = await startRuns();
    const tool = { type: "agent:tool", id: "t", name: "n" };
    const first = [
      { type: "agent:partial", content: "a", id: "1" },
      { type: "agent:partial", content: "a", id: "1" },
      { ...tool, state: "called", key: "2" },
      { ...tool, state: "done", key: "3" },
      { ...tool, state: "done", key: "3" },
      { type: "agent:chunk", value: [1] },
      { type: "agent:close", final: 7 },
    ];
    const { until, of } = await openSocket(port, WS, { first });
    await until(7, "agent:ack");
    await until(1, "agent:close");
    expect(of("agent:ack").map(({ repeated = false }) => repeated)).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(of("agent:tool").map(({ id, state }) => [id, state])).toEqual([
      ["t", "called"],
      ["t", "done"],
    ]);
    expect([of("agent:partial").length, of("agent:chunk")[0]?.value]).toEqual([1, [1]]);
    expect(of("agent:close")).toMatchObject([{ final: 7 }]);
  });

  test.each<[unknown, string]>([
    ["{", "MALFORMED_MESSAGE"],
    [[], "MALFORMED_MESSAGE"],
    [{ content: "a" }, "MALFORMED_MESSAGE"],
    [{ type: "agent:partial", sessionId: 7 }, "MALFORMED_MESSAGE"],
    [{ type: "agent:partial", sessionId: "7" }, "PAYLOAD_INVALID"],
    [{ type: "agent:subscribe", sessionId: "7", cursor: "x" }, "PAYLOAD_INVALID"],
    [{ type: "agent:subscribe", sessionId: "a b" }, "TOPIC_INVALID"],
    [{ type: "agent:connected", sessionId: "7" }, "UNKNOWN_MESSAGE"],
    [{ type: "partial", sessionId: "7" }, "UNKNOWN_MESSAGE"],
  ])("[SE6] %j is answered %s on both sockets, which stay", async (message, code) => {
    const { port } = await startRuns();
    for (const path of [WS, "/api/ws"]) {
      const { of, send, closed, until } = await openSocket(port, path, { first: [message] });
      await eventually(() => expect(of("error")).toMatchObject([{ code }]));
      send({ ...say("a"), id: "x" });
      await until(1, "agent:ack");
      expect(closed).toEqual([]);
    }
  });

  test("[SE6] who may not write or read is told FORBIDDEN with the session, and stays", async () => {
    const { port, handle } = await startRuns({ roles: { eve: "read", mal: false } });
    await handle("7").append({ type: "partial", content: "secret" });
    for (const path of [WS, "/api/ws"]) {
      const eve = await openSocket(port, path, { user: "eve", first: [say("a"), say("b")] });
      await eventually(() => expect(eve.of("error")).toHaveLength(2));
      await eve.until(1, "agent:snapshot");
      const mal = await openSocket(port, path, { user: "mal", first: [say("a")] });
      await eventually(() => expect(mal.of("error").length).toBeGreaterThan(0));
      for (const { of, closed } of [eve, mal]) {
        expect(of("error")[0]).toMatchObject({ sessionId: "7", code: "FORBIDDEN" });
        expect(closed).toEqual([]);
      }
      expect(JSON.stringify(mal.told)).not.toContain("secret");
    }
  });

  test("[SE2] without a session it closes with 4401, without a sessionId with 1008", async () => {
    const { port } = await startRuns();
    const nobody = await openSocket(port, WS, { user: null });
    await eventually(() => expect(nobody.closed).toMatchObject([{ code: 4401 }]));
    for (const query of [
      "type=agent",
      "type=agent&sessionId=7&cursor=x",
      "type=agent&sessionId=a%20b",
      "type=other",
    ]) {
      const { closed } = await openSocket(port, `/api/ws?${query}`);
      await eventually(() => expect(closed).toMatchObject([{ code: 1008 }]));
    }
  });
});

describe("server-sent events", () => {
  test("[SE7] [SE8] headers that nobody keeps back, retry first, ids on what one may come back to", async () => {
    const { url, handle } = await startRuns();
    await handle("7").append({ type: "partial", content: "a\nb\r\nc" });
    const { response, until, blocks, text } = await openEvents(url + HTTP);
    await until(1, "agent:snapshot");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    expect(response.headers.get("content-length")).toBeNull();
    expect(Number(blocks()[0]?.retry)).toBeGreaterThanOrEqual(1_000);
    expect(blocks().map(({ id }) => id !== undefined)).toEqual([false, false, true]);
    expect(text()).not.toContain("\r");
  });

  test("[SE9] a run that has ended ends the body, and a client that comes back with its cursor is told 204", async () => {
    const { url, handle } = await startRuns();
    await handle("7").append({ type: "partial", content: "a" });
    const live = await openEvents(url + HTTP);
    await live.until(1, "agent:snapshot");
    await handle("7").done(1);
    await live.ended;
    const late = await openEvents(url + HTTP);
    await late.ended;
    expect(late.told().map(({ type }) => type)).toEqual(["agent:connected", "agent:snapshot", "agent:close"]);
    expect(late.told()[2]).toEqual(live.told().at(-1));
    const cursor = live.told().at(-1)?.cursor as string;
    for (const again of [
      await openEvents(`${url}${HTTP}&cursor=${cursor}`),
      await openEvents(`${url}${HTTP}&lastEventId=${cursor}`),
      await openEvents(`${url}${HTTP}&cursor=0000000000000000_x`, "ada", { "Last-Event-ID": cursor }),
    ])
      expect(again.response.status).toBe(204);
    expect(await poll(`${url}${HTTP}&cursor=${cursor}`)).toEqual({
      events: [],
      cursor,
      closed: true,
      upToDate: true,
    });
  });

  test("[SE10] a drain ends the body whole, with a retry that is spread", async () => {
    const { url, close } = await startRuns();
    const { until, ended, blocks } = await openEvents(url + HTTP);
    await until(1, "agent:snapshot");
    await close();
    await ended;
    expect(blocks().at(-1)).toEqual({ retry: expect.stringMatching(/^\d{4}$/) });
  });

  test("[SE10] a stream that has lasted is ended, to be asked for anew", async () => {
    const { url } = await startRuns({ stream: { rotateMs: 50 } });
    const { ended, blocks } = await openEvents(url + HTTP);
    await ended;
    expect(blocks().at(-1)).toEqual({ retry: expect.stringMatching(/^\d{4}$/) });
  });

  test("[SE10] one whose token ends, or whose access is taken away, ends", async () => {
    const { url, setRole } = await startRuns();
    const short = await fetch(url + HTTP, {
      headers: { authorization: `Bearer ${sign("ada", { exp: Date.now() / 1_000 + 1 })}` },
    });
    const eve = await openEvents(url + HTTP, "eve");
    await eve.until(1, "agent:snapshot");
    await setRole("eve", false);
    await eve.ended;
    expect(eve.told().at(-1)).toMatchObject({ type: "error", sessionId: "7", code: "FORBIDDEN" });
    expect(await short.text()).toContain("agent:snapshot");
  });

  test("[SE4] [RN7] a cursor that is gone is told by agent:gap and the snapshot, on every way of HTTP", async () => {
    const { url, handle } = await startRuns({ run: { history: { entriesMax: 4 } } });
    const { cursor } = await poll(url + HTTP);
    for (let n = 0; n < 12; n += 1) await handle("7").append({ type: "partial", content: String(n) });
    const stream = await openEvents(`${url}${HTTP}&cursor=${cursor}`);
    await stream.until(1, "agent:snapshot");
    const page = await poll(`${url}${HTTP}&cursor=${cursor}`);
    for (const told of [stream.told().slice(1), page.events]) {
      expect(told[0]).toEqual({ type: "agent:gap", sessionId: "7", reason: "trimmed" });
      expect(told[1]).toMatchObject({ type: "agent:snapshot", parts: [{ content: "01234567891011" }] });
    }
    for (const format of ["raw", "ai-sdk", "ag-ui"])
      for (const query of [`&cursor=${cursor}`, ""]) {
        const { response } = await openEvents(`${url}${HTTP}&format=${format}${query}`);
        expect(response.status).toBe(410);
      }
  });
});

describe("requests", () => {
  test("[SE11] a long-poll waits for what comes, and answers when nothing does", async () => {
    const { url, handle } = await startRuns({ stream: { longPollTimeoutMs: 100 } });
    const first = await poll(url + HTTP);
    expect(first).toMatchObject({ events: [{ type: "agent:snapshot" }], closed: false, upToDate: true });
    expect(await poll(`${url}${HTTP}&cursor=${first.cursor}`)).toEqual({ ...first, events: [] });
    const long = await startRuns({ stream: { longPollTimeoutMs: 60_000 } });
    const { cursor } = await poll(long.url + HTTP);
    const waiting = poll(`${long.url}${HTTP}&cursor=${cursor}`);
    await long.handle("7").append({ type: "partial", content: "a" });
    expect((await waiting).events.length).toBeGreaterThan(0);
    void handle;
  });

  test("[SE13] POST writes one or several, in their order, and says where each is", async () => {
    const { url } = await startRuns();
    const one = await post(url + HTTP, { ...say("a"), id: "1" });
    const again = await post(url + HTTP, { ...say("a"), id: "1" });
    expect(one).toEqual({ status: 200, body: { results: [{ id: "1", cursor: CURSOR }] } });
    expect(again.body).toEqual({ results: [{ id: "1", cursor: expect.any(String), repeated: true }] });
    const many = await post(url + HTTP, [
      say("b"),
      say("c"),
      { type: "agent:cancel", id: "x", reason: "enough" },
      say("d"),
      { type: "agent:done", result: 1 },
    ]);
    const { results } = many.body as { results: { cursor: string }[] };
    const cursors = results.map(({ cursor }) => cursor);
    expect([many.status, cursors.length, new Set(cursors).size]).toEqual([200, 5, 5]);
    const { events } = await poll(
      `${url}${HTTP}&cursor=${(one.body as typeof many.body & { results: { cursor: string }[] }).results[0]?.cursor}`,
    );
    expect(events.map(({ type }) => type)).toEqual([
      "agent:partial",
      "agent:partial",
      "agent:request",
      "agent:partial",
      "agent:done",
      "agent:outcome",
      "agent:close",
    ]);
    expect(events.slice(0, 2).map(({ cursor }) => cursor)).toEqual(cursors.slice(0, 2));
    const late = await post(url + HTTP, [{ ...say("a"), id: "1" }, say("late")]);
    expect(late).toMatchObject({
      status: 409,
      body: { error: { code: "STREAM_CLOSED" }, results: [{ repeated: true }] },
    });
  });

  test.each<[unknown, number]>([
    ["{", 400],
    [[], 400],
    [[1], 400],
    [{ type: "agent:subscribe" }, 400],
    [{ type: "agent:partial" }, 400],
    [{ ...say("a"), sessionId: "8" }, 400],
    [{ type: "agent:cancel" }, 404],
    [{ type: "agent:partial", content: "x".repeat(1100 * 1024) }, 413],
  ])("[SE12] POST of %j is refused with %i", async (body, status) => {
    const { url } = await startRuns();
    expect(await post(url + HTTP, body)).toMatchObject({
      status,
      body: { error: { fix: expect.any(String) } },
    });
  });

  test("[SE12] every other refusal has its status, too", async () => {
    const { url } = await startRuns({ roles: { eve: "read", mal: false } });
    expect((await post(url + HTTP, say("a"), "eve")).status).toBe(403);
    const status = async (path: string, init: RequestInit = {}, user: string | null = "ada") => {
      const headers = user === null ? {} : { authorization: `Bearer ${sign(user)}` };
      const response = await fetch(url + path, { ...init, headers: { ...headers, ...init.headers } });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status(HTTP, {}, null)).toBe(401);
    expect(await status(HTTP, {}, "mal")).toBe(403);
    expect(await status(`${HTTP}&live=long-poll`, {}, "mal")).toBe(403);
    expect(await status(`${HTTP}&format=raw`, {}, "mal")).toBe(403);
    expect(await status("/api/stream")).toBe(400);
    for (const query of ["cursor=x", "live=yes", "format=xml"])
      expect(await status(`${HTTP}&${query}`)).toBe(400);
    expect(await status(HTTP, { method: "PUT" })).toBe(405);
    expect(await status(HTTP, { method: "POST", body: "{}" })).toBe(415);
    expect(await status(`${HTTP}&format=ai-sdk`)).toBe(204);
  });
});

describe("tickets", () => {
  test("[SE16] one reads its run over every transport, and neither writes nor reads another", async () => {
    const { url, port, handle } = await startRuns();
    await handle("7").append({ type: "partial", content: "Hello" });
    const answer = await fetch(`${url}/api/stream/ticket?sessionId=7`, {
      method: "POST",
      headers: { authorization: `Bearer ${sign("ada")}` },
    });
    expect(answer.status).toBe(200);
    const { ticket } = (await answer.json()) as { ticket: string };
    const withTicket = (id: string, more = "") =>
      `${url}/api/stream?sessionId=${id}&ticket=${encodeURIComponent(ticket)}${more}`;
    const page = (await (await fetch(withTicket("7", "&live=long-poll&cursor="))).json()) as {
      events: Told[];
    };
    expect(page.events.map(({ type }) => type)).toContain("agent:snapshot");
    const body = await fetch(withTicket("7"));
    expect(body.headers.get("content-type")).toMatch("text/event-stream");
    await body.body?.cancel();
    const socket = await openSocket(port, `${WS}&ticket=${encodeURIComponent(ticket)}`, { user: null });
    await socket.until(1, "agent:snapshot");
    expect((await fetch(withTicket("8"))).status).toBe(403);
    const writing = await fetch(withTicket("7"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(say("no")),
    });
    expect(writing.status).toBe(403);
  });

  test("[SE16] are given to those who may read, and by POST alone", async () => {
    const { url } = await startRuns({ roles: { eve: false } });
    const ask = (user: string, method = "POST", query = "?sessionId=7") =>
      fetch(`${url}/api/stream/ticket${query}`, {
        method,
        headers: { authorization: `Bearer ${sign(user)}` },
      });
    expect((await ask("eve")).status).toBe(403);
    expect((await ask("ada", "GET")).status).toBe(405);
    expect((await ask("ada", "POST", "")).status).toBe(400);
    expect((await fetch(`${url}/api/stream/ticket?sessionId=7`, { method: "POST" })).status).toBe(401);
  });
});
