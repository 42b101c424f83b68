import { createMemoryBus } from "@plexline/server";
import { describe, expect, test } from "vitest";
import {
  ADMIN_TOKEN,
  eventually,
  openEvents,
  openSocket,
  poll,
  sign,
  startRuns,
} from "../dialects/runs.fixture.ts";
import { chooseTransport, DEFAULT_TRANSPORT_POLICY, type TransportPolicy } from "./transport-policy.ts";

const WS = "/api/ws?type=agent&sessionId=7";
const HTTP = "/api/stream?sessionId=7";
const INITIAL = { ...DEFAULT_TRANSPORT_POLICY, percent: 30, salt: "2026" };

async function ask(url: string, { token = sign("ada"), method = "GET", body = undefined as unknown } = {}) {
  const response = await fetch(`${url}/api/stream/policy`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

const put = (url: string, policy: unknown, token = ADMIN_TOKEN) =>
  ask(url, { method: "PUT", body: policy, token });

/** Changes what is in force. */
async function change(url: string, part: Partial<TransportPolicy>): Promise<TransportPolicy> {
  const { policy } = (await ask(url)).body as unknown as { policy: TransportPolicy };
  const answer = await put(url, { ...policy, ...part });
  expect(answer.status).toBe(200);
  return answer.body.policy as unknown as TransportPolicy;
}

async function metric(url: string, line: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split("\n")
    .find((found) => found.startsWith(`plexline_${line} `))
    ?.split(" ")
    .at(-1);
}

describe("the policy", () => {
  test("[TP1] tells everybody what it is and what they are to use, as their clients find it", async () => {
    const { url } = await startRuns({ policy: { initial: INITIAL } });
    const seen = new Set<string>();
    for (let index = 0; index < 20; index += 1) {
      const user = `user-${index}`;
      const { status, body } = await ask(url, { token: sign(user) });
      expect(status).toBe(200);
      expect(body).toEqual({ policy: INITIAL, transport: chooseTransport(INITIAL, { user }), user });
      seen.add(String(body.transport));
    }
    expect(seen).toEqual(new Set(["websocket", "sse"]));
    expect((await ask(url, { token: "nobody" })).status).toBe(401);
  });

  test("[TP2] is set by administrators, in the place of the version that they name", async () => {
    const { url } = await startRuns({ policy: { initial: INITIAL } });
    const next = { ...INITIAL, percent: 50 };
    expect((await put(url, next, sign("ada"))).status).toBe(403);
    const set = await put(url, next);
    expect(set).toMatchObject({ status: 200, body: { policy: { ...next, version: 1 } } });
    const late = await put(url, { ...INITIAL, percent: 70 });
    expect(late).toMatchObject({ status: 409, body: { error: { code: "RESYNC" }, policy: { version: 1 } } });
    expect((await ask(url)).body.policy).toMatchObject({ version: 1, percent: 50 });
  });

  test.each([
    ["no JSON", "{", "MALFORMED_MESSAGE", 400],
    ["nothing that is allowed", { ...INITIAL, allowed: [] }, "PAYLOAD_INVALID", 400],
    ["too much", JSON.stringify({ ...INITIAL, more: "x".repeat(5_000) }), "MESSAGE_TOO_LARGE", 413],
  ])("[TP2] is not set to %s", async (_what, body, code, status) => {
    const { url } = await startRuns({ policy: { initial: INITIAL } });
    expect(await put(url, body)).toMatchObject({ status, body: { error: { code } } });
    expect((await ask(url)).body.policy).toEqual(INITIAL);
  });

  test("[TP3] is the same on all nodes, once one of two who replace it has won, and outlives restarts", async () => {
    const bus = createMemoryBus();
    const a = await startRuns({ policy: { initial: INITIAL }, broker: bus.connect() });
    const b = await startRuns({ policy: { initial: INITIAL }, broker: bus.connect(), storage: a.storage });
    for (const { url } of [a, b]) expect((await ask(url)).status).toBe(200);
    const answers = await Promise.all([
      put(a.url, { ...INITIAL, percent: 1 }),
      put(b.url, { ...INITIAL, percent: 2 }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const won = answers.find(({ status }) => status === 200)?.body.policy;
    for (const { url } of [a, b])
      await eventually(async () => expect((await ask(url)).body.policy).toEqual(won));
    await a.close();
    await b.close();
    const c = await startRuns({ policy: {}, storage: a.storage });
    expect((await ask(c.url)).body.policy).toEqual(won);
  });

  test("[TP4] is told to whoever is connected, and who knows another version is told at once", async () => {
    const { port, url } = await startRuns({
      policy: { initial: INITIAL },
      stream: { longPollTimeoutMs: 20_000 },
    });
    const socket = await openSocket(port, `${WS}&policy=0`);
    const stranger = await openSocket(port, WS);
    const sse = await openEvents(`${url}${HTTP}&policy=0`);
    await socket.until(1, "agent:snapshot");
    await stranger.until(1, "agent:snapshot");
    await sse.until(1, "agent:snapshot");
    const { cursor } = await poll(url + HTTP);
    const waiting = poll(`${url}${HTTP}&cursor=${cursor}&policy=0`);
    await eventually(async () => expect(await metric(url, 'run_readers{transport="long-poll"}')).toBe("1"));
    const policy = await change(url, { percent: 60 });
    for (const reader of [socket, stranger, sse])
      expect((await reader.until(1, "transport-policy"))[0]).toEqual({ type: "transport-policy", policy });
    expect(await waiting).toMatchObject({ events: [], policy });
    const behind = await openSocket(port, `${WS}&policy=0`);
    expect((await behind.until(1, "transport-policy"))[0]?.policy).toEqual(policy);
    expect(await poll(`${url}${HTTP}&cursor=${cursor}&policy=0`)).toMatchObject({ events: [], policy });
  });

  test("[TP5] refuses what it does not allow, in words that a client can go on by", async () => {
    const { port, url } = await startRuns({ policy: { initial: INITIAL } });
    await change(url, { allowed: ["sse"] });
    const socket = await openSocket(port, WS);
    await eventually(() => expect(socket.closed).toHaveLength(1));
    expect(socket.closed[0]).toMatchObject({ code: 1013, reason: expect.stringMatching(/^TRANSPORT_OFF: /) });
    expect(socket.types()).toEqual(["transport-policy"]);
    await change(url, { allowed: ["websocket"] });
    for (const mode of ["", "&live=long-poll"]) {
      const response = await fetch(url + HTTP + mode, {
        headers: { authorization: `Bearer ${sign("ada")}` },
      });
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).not.toBeNull();
      const body = await response.json();
      expect(body).toMatchObject({ error: { code: "OVERLOADED" }, policy: { allowed: ["websocket"] } });
    }
    expect(await metric(url, 'run_transport_refused_total{transport="sse"}')).toBe("1");
    // Messages in the other direction are no reading.
    const sent = await fetch(url + HTTP, {
      method: "POST",
      headers: { authorization: `Bearer ${sign("ada")}`, "content-type": "application/json" },
      body: JSON.stringify({ type: "agent:partial", content: "x" }),
    });
    expect(sent.status).toBe(200);
  });

  test("[TP6] ends what is not allowed any more after the grace, and nothing else", async () => {
    const { port, url } = await startRuns({ policy: { initial: INITIAL, graceMs: 50 } });
    const socket = await openSocket(port, WS);
    const sse = await openEvents(url + HTTP);
    await socket.until(1, "agent:snapshot");
    await sse.until(1, "agent:snapshot");
    await change(url, { allowed: ["sse"] });
    await eventually(() => expect(socket.closed).toHaveLength(1));
    expect(socket.closed[0]).toMatchObject({ code: 1012, reason: expect.stringMatching(/^TRANSPORT_OFF: /) });
    expect(sse.isDone()).toBe(false);
    await change(url, { allowed: ["websocket"] });
    await sse.ended;
    expect(await metric(url, 'run_readers_closed_total{transport="websocket",reason="policy"}')).toBe("1");
    await eventually(async () =>
      expect(await metric(url, 'run_readers_closed_total{transport="sse",reason="policy"}')).toBe("1"),
    );
  });

  test("[TP7] counts readers, what they are told and how they change over, whatever clients say of themselves", async () => {
    const { port, url, handle } = await startRuns({ policy: { initial: INITIAL } });
    const socket = await openSocket(port, WS);
    await socket.until(1, "agent:snapshot");
    const run = handle("7");
    await run.append({ type: "partial", content: "a" }, { type: "partial", content: "b" });
    await socket.until(2, "agent:partial");
    const cursor = socket.of("agent:partial")[0]?.cursor as string;
    const from = await openEvents(`${url}${HTTP}&cursor=${cursor}&from=websocket&reason=policy`);
    await from.until(1, "agent:partial");
    const liar = await openEvents(`${url}${HTTP}&from=sse"}&reason=${"x".repeat(500)}`);
    await liar.until(1, "agent:snapshot");
    const strange = await openEvents(`${url}${HTTP}&from=long-poll&reason=whim`);
    await strange.until(1, "agent:snapshot");
    expect(await metric(url, 'run_readers{transport="websocket"}')).toBe("1");
    expect(await metric(url, 'run_readers{transport="sse"}')).toBe("3");
    expect(await metric(url, 'run_readers_opened_total{transport="sse",how="resumed"}')).toBe("1");
    // What the server's producer says of itself is an event too.
    await eventually(async () =>
      expect(Number(await metric(url, 'run_events_total{transport="websocket"}'))).toBeGreaterThanOrEqual(2),
    );
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text.split("\n").filter((line) => line.startsWith("plexline_run_handovers_total"))).toEqual([
      'plexline_run_handovers_total{from="websocket",to="sse",reason="policy"} 1',
      'plexline_run_handovers_total{from="long-poll",to="sse",reason="other"} 1',
    ]);
    expect(await metric(url, 'connections{protocol="/api/ws?type=agent"}')).toBe("1");
    socket.ws.close();
    await eventually(async () =>
      expect(await metric(url, 'run_readers_closed_total{transport="websocket",reason="client"}')).toBe("1"),
    );
  });
});
