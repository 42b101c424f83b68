import { inspect } from "node:util";
import { PlexlineError } from "@plexline/protocol";
import {
  createTestClock,
  createTestServer,
  probe,
  type TestServer,
  type TestServerOptions,
} from "@plexline/testing";
import { SignJWT } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { noAuth } from "../auth/anonymous.ts";
import { authenticateWith } from "../auth/authenticate-with.ts";
import { jwt } from "../auth/jwt.ts";
import { servicePrincipal, staticTokens } from "../auth/static-token.ts";
import type { Endpoint, EndpointSession, RequestContext } from "../feature/endpoint.ts";
import type { Logger } from "../telemetry/log.ts";

// Real requests over the loopback; all else has the test's clock.

const MINUTE_MS = 60_000;
const secret = "a secret of thirty-two bytes or more";

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
    return "ok";
  } catch (error) {
    return (error as PlexlineError).code;
  }
}

/** Gives tickets out, as an application would. */
const office: Endpoint = {
  path: "/tickets",
  tokenParameter: "token",
  async onRequest(request, context) {
    try {
      return Response.json(await context.ticket(await request.json()));
    } catch (error) {
      return Response.json((error as PlexlineError).toBody(), { status: 400 });
    }
  },
};

/** Streams what happens on a topic; what it shows of the request is all that an endpoint can see of it. */
const events: Endpoint = {
  path: "/events/:id",
  tokenParameter: "token",
  ticketParameter: "ticket",
  async onRequest(request, context) {
    try {
      const headers = { "content-type": "text/plain", "x-url": request.url };
      const { session, response } = await context.stream({ headers }, { closing: ({ code }) => `${code}\n` });
      session.log.error({
        action: "test.dump",
        url: request.url,
        query: String(session.request.query),
        request,
      });
      session.send(`${session.principal.id} as ${session.principal.kind}\n`);
      await session.subscribe(`board:${context.params.id}`, {
        translate: (message) => ("type" in message && message.type === "push" ? `${message.event}\n` : null),
      });
      return response;
    } catch (error) {
      return Response.json((error as PlexlineError).toBody(), { status: 400 });
    }
  },
};

/** Tries everything that somebody might do. */
const everything: Endpoint = {
  path: "/everything",
  ticketParameter: "ticket",
  async onRequest(request, context) {
    const session = await context.open();
    const outcomes = await attempts(session, context);
    session.close(1000, "");
    return Response.json({ outcomes, body: await request.text() });
  },
};

async function attempts(session: EndpointSession, context: RequestContext): Promise<Record<string, unknown>> {
  const translate = () => null;
  const topics = async () =>
    (await context.topics("")).topics.map(({ topic, operations }) => [topic, ...operations]);
  return {
    subscribe: await codeOf(() => session.subscribe("board:1", { translate })),
    read: await codeOf(() => session.read("board:1", { since: "start" })),
    call: await codeOf(() => session.call("board:1", "echo", 1)),
    publish: await codeOf(() => session.publish("board:1", "e", null)),
    presence: await codeOf(() => session.setPresence("board:1", {})),
    binary: await codeOf(() => session.sendBinary("board:1", 1, new Uint8Array(1))),
    reset: await codeOf(() => context.reset("board:1")),
    ticket: await codeOf(() => context.ticket({ topic: "board:1" })),
    other: await codeOf(() => session.subscribe("board:2", { translate })),
    absent: await codeOf(() => session.subscribe("board:9", { translate })),
    otherRead: await codeOf(() => session.read("board:2", { since: "start" })),
    otherCall: await codeOf(() => session.call("board:2", "echo", 1)),
    topics: await topics(),
  };
}

/** Notes every line as it is given, before anything is hidden. */
function noteAll(lines: string[]): Logger {
  const note = (...line: unknown[]) => void lines.push(inspect(line, { depth: 9 }));
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  return log;
}

async function start(options: Partial<TestServerOptions> = {}) {
  const lines: string[] = [];
  const roles = {
    controller: ["subscribe", "publish", "call", "presence"],
    reader: ["subscribe", "call"],
  } as const;
  const server = await createTestServer({
    topics: { board: probe("board:{id}", { history: {}, roles }) },
    endpoints: [office, events, everything],
    log: noteAll(lines),
    adminToken: "the token of the administrator",
    ...options,
  });
  onTestFinished(() => server.close());
  return { server, lines, ...(await client(server)) };
}

/** Requests to a server; several may share a storage. */
async function client(server: TestServer) {
  const { port } = await server.app.listen(0);
  const url = `http://127.0.0.1:${port}`;
  const ask = (path: string, init: RequestInit = {}) => fetch(url + path, init);
  const request = async (token: string | undefined, body: object, query = "") => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await ask(`/tickets${query}`, { method: "POST", headers, body: JSON.stringify(body) });
    return (await response.json()) as {
      ticket: string;
      expiresAtMs: number;
      code?: string;
      message?: string;
    };
  };
  const follow = async (ticket: string, path = "/events/1") => {
    const abort = new AbortController();
    const response = await ask(`${path}?ticket=${ticket}&a=b+c`, { signal: abort.signal });
    const body = lineReader(response);
    return { response, body, leave: () => abort.abort() };
  };
  /** Why a ticket is refused. */
  const refusal = async (ticket: string, path?: string) => {
    const { response, body } = await follow(ticket, path);
    expect(response.status).toBe(400);
    return (JSON.parse(await body.rest()) as { code: string }).code;
  };
  return { ask, request, follow, refusal };
}

function lineReader(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const more = async () => {
    const part = await reader?.read();
    text += part?.value ?? "";
    return part?.done === false;
  };
  return {
    /** The next line; what is published leaves when the test's clock says that the tick is over. */
    async line(server: TestServer): Promise<string> {
      let reading = more();
      let isThere = false;
      while (!text.includes("\n")) {
        const settled = reading.then(() => {
          isThere = true;
        });
        while (!isThere) await server.settle();
        await settled;
        isThere = false;
        if (!text.includes("\n")) reading = more();
      }
      const end = text.indexOf("\n");
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return line;
    },
    async rest(): Promise<string> {
      while (await more());
      return text;
    },
  };
}

describe("a ticket in a URL", () => {
  test("[TK1] lets its owner follow one topic, as often as they reconnect", async () => {
    const { server, request, follow } = await start();
    const { ticket, expiresAtMs } = await request(server.issue("ada"), { topic: "board:1" });
    expect(expiresAtMs).toBe(server.clock.nowMs() + 10 * MINUTE_MS);
    for (const event of ["one", "two", "three"]) {
      const { response, body, leave } = await follow(ticket);
      expect(response.status).toBe(200);
      expect(await body.line(server)).toBe("ada as user");
      await server.app.publish("board:1", event, null);
      expect(await body.line(server)).toBe(event);
      leave();
    }
  });

  test("[TK5] allows to receive and to call, and nothing else", async () => {
    const { server, request, ask } = await start();
    const token = server.issue("ada");
    for (const id of [1, 2]) await request(token, { topic: `board:${id}` });
    const { ticket } = await request(token, { topic: "board:1" });
    const response = await ask(`/everything?ticket=${ticket}`, { method: "POST", body: "as it came" });
    const { outcomes, body } = (await response.json()) as { outcomes: Record<string, unknown>; body: string };
    const { subscribe, read, call, topics, ...rest } = outcomes;
    expect([subscribe, read, call]).toEqual(["ok", "ok", "ok"]);
    expect(topics).toEqual([["board:1", "subscribe", "call"]]);
    expect(rest).toEqual(Object.fromEntries(Object.keys(rest).map((name) => [name, "FORBIDDEN"])));
    expect(Object.keys(rest)).toHaveLength(9);
    expect(await server.app.records.get("board:9")).toBeNull();
    expect(body).toBe("as it came");
    // The same attempts of the same user with the token itself.
    const whole = await ask("/everything", { method: "POST", headers: { authorization: `Bearer ${token}` } });
    expect(((await whole.json()) as { outcomes: object }).outcomes).toMatchObject({
      publish: "ok",
      presence: "ok",
      binary: "ok",
      reset: "ok",
      ticket: "ok",
      other: "ok",
    });
  });

  test("[TK3] counts in the parameter that the endpoint names and nowhere else", async () => {
    const { server, request, ask, refusal, follow } = await start();
    const { ticket } = await request(server.issue("ada"), { topic: "board:1" });
    const codeFrom = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const init = method === "GET" ? { headers } : { headers, method, body: '{"topic":"board:1"}' };
      return ((await (await ask(path, init)).json()) as { code: string }).code;
    };
    expect(await codeFrom("/events/1", { authorization: `Bearer ${ticket}` })).toBe("TOKEN_INVALID");
    expect(await codeFrom("/events/1", { cookie: `plexline_token=${ticket}` })).toBe("TOKEN_INVALID");
    expect(await codeFrom(`/events/1?token=${ticket}`)).toBe("TOKEN_INVALID");
    expect(await codeFrom(`/tickets?token=${ticket}`, {}, "POST")).toBe("TOKEN_INVALID");
    expect(await codeFrom(`/tickets?ticket=${ticket}`, {}, "POST")).toBe("TOKEN_MISSING");
    expect(await codeFrom("/events/1?ticket=")).toBe("TOKEN_MISSING");
    expect(await refusal(server.issue("ada"))).toBe("TOKEN_INVALID");
    const admin = await ask("/api/admin/records", { headers: { authorization: `Bearer ${ticket}` } });
    expect([401, 403]).toContain(admin.status);
    const native = await server.open({ token: ticket });
    native.send({ type: "hello", token: ticket });
    expect((await native.ended()).code).toBe(4401);
    // A token goes before a ticket, and a ticket before a cookie.
    const bob = { authorization: `Bearer ${server.issue("bob")}` };
    const asBob = lineReader(await ask(`/events/1?ticket=${ticket}`, { headers: bob }));
    expect(await asBob.line(server)).toBe("bob as user");
    const eve = { cookie: `plexline_token=${server.issue("eve")}` };
    const asAda = lineReader(await ask(`/events/1?ticket=${ticket}`, { headers: eve }));
    expect(await asAda.line(server)).toBe("ada as user");
    expect((await follow(ticket)).response.status).toBe(200);
  });

  test("[TK4] is for those who may subscribe, and looks the same where there is nothing", async () => {
    const { server, request } = await start({ resources: "strict" });
    const record = {
      tenant: "default",
      clearance: 0,
      owner: "ada",
      editors: [],
      viewers: [],
      openToTenant: false,
    };
    await server.app.records.set({ ...record, topic: "board:1" });
    const eve = server.issue("eve");
    const forbidden = await request(eve, { topic: "board:1" });
    expect(forbidden.code).toBe("FORBIDDEN");
    expect(await request(eve, { topic: "board:none" })).toEqual(forbidden);
    expect(await request(undefined, { topic: "board:1" })).toMatchObject({ code: "TOKEN_MISSING" });
    for (const topic of [undefined, 7, "", "a b"])
      expect(await request(eve, { topic })).toMatchObject({ code: "TOPIC_INVALID" });
    expect(await request(server.issue("ada"), { topic: "board:1" })).toHaveProperty("ticket");
  });

  test("[TK1] lives as long as was asked for, within the limits and the token's own life", async () => {
    const { server, request } = await start({
      limits: { ticketTtlMs: 2 * MINUTE_MS, ticketTtlMaxMs: 4 * MINUTE_MS },
    });
    const nowMs = server.clock.nowMs();
    const lifeOf = async (ttlMs?: unknown, more = {}) => {
      const answer = await request(server.issue("ada", more), { topic: "board:1", ttlMs });
      return answer.code ?? answer.expiresAtMs - nowMs;
    };
    expect(await lifeOf()).toBe(2 * MINUTE_MS);
    expect(await lifeOf(4 * MINUTE_MS)).toBe(4 * MINUTE_MS);
    expect(await lifeOf(undefined, { expiresAtMs: nowMs + 1_000 })).toBe(1_000);
    for (const ttlMs of [4 * MINUTE_MS + 1, 0, -1, null, "60000", 0.5])
      expect(await lifeOf(ttlMs)).toBe("PAYLOAD_INVALID");
  });
});

describe("a ticket in the URL of a WebSocket", () => {
  test("[TK3] [TK5] counts where the endpoint names its parameter, with the same scope", async () => {
    const socketEndpoint = (path: string, names: Partial<Endpoint>): Endpoint => ({
      path,
      ...names,
      async onConnect(session, { query }) {
        const published = await codeOf(() => session.publish("board:1", "e", null));
        const { role } = await session.subscribe("board:1", { translate: () => null });
        session.send([session.principal.id, role, published, query.toString()].join(" "));
      },
      onMessage() {},
    });
    const { server, request } = await start({
      endpoints: [
        office,
        socketEndpoint("/takes", { ticketParameter: "ticket" }),
        socketEndpoint("/not", {}),
      ],
    });
    const { ticket } = await request(server.issue("ada"), { topic: "board:1" });
    const { url } = await server.app.listen(0);
    const first = async (path: string) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}${path}?ticket=${ticket}&a=1`);
      onTestFinished(() => socket.terminate());
      return new Promise((resolve, reject) => {
        socket.on("message", (data) => resolve(String(data)));
        socket.on("close", (code, reason) => resolve([code, String(reason)]));
        socket.on("error", reject);
      });
    };
    expect(await first("/takes")).toBe("ada reader FORBIDDEN a=1");
    expect(await first("/not")).toEqual([4401, expect.stringContaining("TOKEN_MISSING")]);
  });
});

test("[TK10] the request without its ticket is the same otherwise: its method, headers, body and end", async () => {
  const seen: unknown[] = [];
  let onEnd: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  const endpoint: Endpoint = {
    path: "/echo",
    ticketParameter: "ticket",
    async onRequest(request) {
      const { signal } = request;
      const { search } = new URL(request.url);
      seen.push([request.method, search, request.headers.get("x-own"), await request.text()]);
      if (request.method === "PUT") return new Response();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      onEnd();
      return new Response();
    },
  };
  const { ask } = await start({ endpoints: [endpoint] });
  const abort = new AbortController();
  const headers = { "x-own": "yes" };
  await ask("/echo?ticket=x&a=1", { method: "PUT", headers, body: "whole" });
  const waiting = ask("/echo?a=1&ticket=x", { headers, signal: abort.signal });
  await expect.poll(() => seen.length).toBe(2);
  abort.abort();
  await expect(waiting).rejects.toThrow("abort");
  await ended;
  expect(seen).toEqual([
    ["PUT", "?a=1", "yes", "whole"],
    ["GET", "?a=1", "yes", ""],
  ]);
});

describe("the end of a ticket", () => {
  test("[TK6] ends what it opened, whole, and the ticket is refused", async () => {
    const { server, request, follow, refusal } = await start();
    const { ticket } = await request(server.issue("ada"), { topic: "board:1", ttlMs: MINUTE_MS });
    const { body } = await follow(ticket);
    expect(await body.line(server)).toBe("ada as user");
    await server.settle(MINUTE_MS);
    expect(await body.rest()).toBe("TOKEN_EXPIRED\n");
    expect(await refusal(ticket)).toBe("TOKEN_EXPIRED");
  });

  test("[TK7] comes with its user's revocation, for sessions and for tickets that were not used", async () => {
    const { server, request, follow, refusal } = await start();
    const nowS = Math.floor(server.clock.nowMs() / 1000);
    const adas = (iat: number, jti: string) => server.issue("ada", { claims: { iat, jti } });
    const first = await request(adas(nowS - 60, "one"), { topic: "board:1" });
    const second = await request(adas(nowS - 60, "two"), { topic: "board:1" });
    const [one, two] = [await follow(first.ticket), await follow(second.ticket)];
    for (const { body } of [one, two]) await body.line(server);
    await server.app.revocations.revokeToken({ tenant: "default", id: "ada", jti: "one" });
    expect(await one.body.rest()).toBe("REVOKED\n");
    expect(await refusal(first.ticket)).toBe("REVOKED");
    await server.app.publish("board:1", "still", null);
    expect(await two.body.line(server)).toBe("still");
    await server.app.revocations.revokePrincipal({ tenant: "default", id: "ada" });
    expect(await two.body.rest()).toBe("REVOKED\n");
    expect(await refusal(second.ticket)).toBe("REVOKED");
    const later = await request(adas(nowS + 60, "three"), { topic: "board:1" });
    expect(await (await follow(later.ticket)).body.line(server)).toBe("ada as user");
  });

  test("[TK7] comes when the topic's record no longer names its user", async () => {
    const { server, request, refusal } = await start({ resources: "strict" });
    const record = {
      topic: "board:1",
      tenant: "default",
      clearance: 0,
      owner: null,
      editors: [],
      openToTenant: false,
    };
    await server.app.records.set({ ...record, viewers: ["ada"] });
    const { ticket } = await request(server.issue("ada"), { topic: "board:1" });
    await server.app.records.set({ ...record, viewers: [] });
    expect(await refusal(ticket)).toBe("FORBIDDEN");
  });
});

describe("tickets and nodes", () => {
  test("[TK8] a ticket is good on another node of the storage and after a restart, and elsewhere not", async () => {
    const { server, request } = await start();
    const { ticket } = await request(server.issue("ada"), { topic: "board:1" });
    const { clock, storage } = server;
    const other = await start({ clock, storage, seed: 2 });
    expect(await (await other.follow(ticket)).body.line(other.server)).toBe("ada as user");
    const back = await server.restart();
    onTestFinished(() => back.close());
    const again = await client(back);
    expect(await (await again.follow(ticket)).body.line(back)).toBe("ada as user");
    const foreign = await start({ seed: 3 });
    expect(await foreign.refusal(ticket)).toBe("TOKEN_INVALID");
  });
});

describe("tickets and authenticators", () => {
  const keys = staticTokens([
    { token: "a key of the worker", principal: servicePrincipal("worker", "default") },
  ]);
  const lookUp = authenticateWith(({ token }) => ({ id: token ?? "", claims: { via: "look-up" } }));
  test.each([
    { name: "a JWT", token: "jwt", who: "ada as user" },
    { name: "a function", auth: lookUp, token: "bob", who: "bob as user" },
    { name: "a static key", auth: keys, token: "a key of the worker", who: "worker as service" },
    { name: "--no-auth", auth: noAuth(), token: undefined, who: "anonymous-1 as user" },
  ])("[TK1] of $name give tickets that work", async ({ auth, token, who }) => {
    const clock = createTestClock();
    const expiresS = clock.nowMs() / 1_000 + 3_600;
    const signing = new SignJWT({ sub: "ada" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime(expiresS);
    const shown = token === "jwt" ? await signing.sign(Buffer.from(secret)) : token;
    const { server, request, follow } = await start({ clock, auth: auth ?? jwt({ secret, clock }) });
    const { ticket } = await request(shown, { topic: "board:1" });
    expect(await (await follow(ticket)).body.line(server)).toBe(who);
  });
});

test("[TK10] nothing that is logged, counted, answered or shown to an endpoint has a ticket in it", async () => {
  const { server, lines, request, ask, follow, refusal } = await start();
  const { ticket } = await request(server.issue("ada"), { topic: "board:1", ttlMs: MINUTE_MS });
  const large = await request(server.issue("bob", { claims: { text: "x".repeat(2_000) } }), {
    topic: "board:1",
  });
  const used = await follow(ticket);
  expect(new URL(used.response.headers.get("x-url") ?? "").search).toBe("?a=b+c");
  await used.body.line(server);
  const answers = [await (await ask(`/elsewhere?ticket=${ticket}`)).text()];
  for (const headers of [{ authorization: `Bearer ${ticket}` }, { cookie: `plexline_token=${ticket}` }])
    answers.push(await (await ask("/events/1", { headers })).text());
  answers.push(await (await ask(`/events/1?ticket=${ticket}x`)).text());
  await server.settle(MINUTE_MS);
  answers.push(await used.body.rest(), await refusal(ticket), await (await ask("/metrics")).text());
  expect(lines.some((line) => line.includes("test.dump") && line.includes("a=b+c"))).toBe(true);
  expect(lines.some((line) => line.includes("claims do not fit"))).toBe(true);
  for (const text of [...lines, ...answers]) {
    for (const secretPart of [ticket, large.ticket].flatMap((whole) => whole.split(".").slice(2)))
      expect(text).not.toContain(secretPart);
  }
});

test("an endpoint that takes both by one parameter is a mistake that shows at the start", async () => {
  const endpoint: Endpoint = {
    path: "/x",
    tokenParameter: "t",
    ticketParameter: "t",
    onRequest: () => new Response(),
  };
  const starting = createTestServer({ topics: {}, endpoints: [endpoint] });
  await expect(starting).rejects.toThrow("one parameter");
  expect(await starting.catch((error) => error)).toBeInstanceOf(PlexlineError);
});
