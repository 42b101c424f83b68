import type { Endpoint, EndpointSession } from "@plexline/server";
import { createTestServer } from "@plexline/testing";
import { expect, onTestFinished, test } from "vitest";
import { channel, doc, run, steps, stream } from "./server.ts";
import { durableStreams } from "./stream/dialects/durable/endpoint.ts";
import { STREAM_COMMAND } from "./stream/protocol.ts";

// What somebody who came by a ticket can do with the topics of each feature, by a request over the loopback.

const READING: ReadonlySet<string> = new Set(["info", "fold", "touch"]);

type Attempts = (session: EndpointSession) => Promise<Record<string, unknown>>;

async function outcomesOf(acts: Record<string, () => unknown>): Promise<Record<string, unknown>> {
  const outcomes: Record<string, unknown> = {};
  for (const [name, act] of Object.entries(acts)) {
    try {
      await act();
      outcomes[name] = "ok";
    } catch (error) {
      outcomes[name] = (error as { code: string }).code;
    }
  }
  return outcomes;
}

/** What the owner of a topic gets for each attempt with their token, and what with a ticket. */
async function compare(topic: string, attempts: Attempts) {
  const endpoint: Endpoint = {
    path: "/try",
    ticketParameter: "ticket",
    async onRequest(request, context) {
      if (request.method === "POST") return Response.json(await context.ticket({ topic }));
      const session = await context.open();
      const { role } = await session.subscribe(topic, { translate: () => null });
      const outcomes = await attempts(session);
      session.close(1000, "");
      return Response.json({ role, outcomes });
    },
  };
  const server = await createTestServer({
    topics: {
      board: channel("board:{id}", { history: {}, presence: true }),
      page: doc("doc:{id}"),
      article: steps("steps:{id}"),
      feed: stream("stream:{id}"),
      run: run("run:{id}"),
    },
    endpoints: [endpoint],
  });
  onTestFinished(() => server.close());
  const { port } = await server.app.listen(0);
  const url = `http://127.0.0.1:${port}/try`;
  const headers = { authorization: `Bearer ${server.issue("ada")}` };
  const { ticket } = (await (await fetch(url, { method: "POST", headers })).json()) as { ticket: string };
  type Result = { role: string; outcomes: Record<string, unknown> };
  const byTicket = (await (await fetch(`${url}?ticket=${ticket}`)).json()) as Result;
  const byToken = (await (await fetch(url, { headers })).json()) as Result;
  return { byTicket, byToken };
}

const allForbidden = (outcomes: Record<string, unknown>) =>
  Object.fromEntries(Object.keys(outcomes).map((name) => [name, "FORBIDDEN"]));

test.each(["stream:1", "run:1"])(
  "[TK5] [ST31] by a ticket %s can be read and no command writes it",
  async (topic) => {
    const { byTicket, byToken } = await compare(topic, (session) => {
      const commands = Object.values(STREAM_COMMAND).map((name) => [
        name,
        () => session.call(topic, name, {}),
      ]);
      return outcomesOf({
        ...Object.fromEntries(commands),
        chunk: () => session.publish(topic, "chunk", { a: 1 }),
      });
    });
    expect([byToken.role, byTicket.role]).toEqual(["controller", "viewer"]);
    const names = Object.keys(byTicket.outcomes);
    const [reading, writing] = [
      names.filter((name) => READING.has(name)),
      names.filter((name) => !READING.has(name)),
    ];
    expect(writing.length).toBeGreaterThan(8);
    for (const name of writing) expect([name, byTicket.outcomes[name]]).toEqual([name, "FORBIDDEN"]);
    for (const name of reading) expect(byTicket.outcomes[name]).not.toBe("FORBIDDEN");
    expect(Object.values(byToken.outcomes)).not.toContain("FORBIDDEN");
  },
);

test("[TK5] by a ticket steps can be read and not submitted", async () => {
  const { byTicket, byToken } = await compare("steps:1", (session) =>
    outcomesOf({
      since: () => session.call("steps:1", "since", { version: 0 }),
      submit: () =>
        session.call("steps:1", "submit", { version: 0, steps: [{ stepType: "x" }], clientID: 1 }),
      claim: () => session.call("steps:1", "claim", { mode: "steps" }),
    }),
  );
  expect(byTicket.outcomes).toEqual({ since: "ok", submit: "FORBIDDEN", claim: "FORBIDDEN" });
  expect(byToken.outcomes).toMatchObject({ since: "ok", claim: "ok" });
});

test("[TK5] by a ticket a channel is heard, without a word or a presence of one's own", async () => {
  const { byTicket, byToken } = await compare("board:1", (session) =>
    outcomesOf({
      publish: () => session.publish("board:1", "e", 1),
      presence: () => session.setPresence("board:1", { at: 1 }),
      call: () => session.call("board:1", "anything", {}),
    }),
  );
  expect(byTicket).toEqual({ role: "limited", outcomes: allForbidden(byTicket.outcomes) });
  expect(byToken.outcomes).toMatchObject({ publish: "ok", presence: "ok" });
});

test("[TK5] by a ticket a document is not written, nor seeded, nor shown a cursor in", async () => {
  const { byTicket, byToken } = await compare("doc:1", (session) =>
    outcomesOf({
      update: () => session.sendBinary("doc:1", 2, new Uint8Array(2)),
      seed: () => session.call("doc:1", "seed", { update: "AAA=" }),
      presence: () => session.setPresence("doc:1", {}),
    }),
  );
  expect(byTicket).toEqual({ role: "limited", outcomes: allForbidden(byTicket.outcomes) });
  expect(Object.values(byToken.outcomes)).not.toContain("FORBIDDEN");
});

test("[TK5] [DS5] by a ticket a stream is read over HTTP, by its URL alone, and not written", async () => {
  const office: Endpoint = {
    path: "/ticket",
    onRequest: async (_request, context) => Response.json(await context.ticket({ topic: "stream:1" })),
  };
  const server = await createTestServer({
    topics: { feed: stream("stream:{path}"), run: run("run:{id}") },
    endpoints: [...durableStreams({ clock: { nowMs: () => 0, setTimer: () => ({ cancel() {} }) } }), office],
  });
  onTestFinished(() => server.close());
  const { port } = await server.app.listen(0);
  const url = `http://127.0.0.1:${port}`;
  const authorization = `Bearer ${server.issue("ada")}`;
  const owned = (path: string, method: string, body?: string) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
  for (const id of [1, 2]) await owned(`/v1/stream/${id}`, "PUT", '[{"n":1}]');
  const { ticket } = (await (await owned("/ticket", "POST")).json()) as { ticket: string };
  const byTicket = async (path: string, method = "GET") => {
    const body = method === "POST" || method === "PUT" ? '[{"n":2}]' : null;
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}${path}?ticket=${ticket}`, { method, body, headers });
    return [response.status, method === "GET" ? await response.text() : null];
  };
  expect(await byTicket("/v1/stream/1")).toEqual([200, '[{"n":1}]']);
  expect(await byTicket("/v1/stream/1", "HEAD")).toEqual([200, null]);
  for (const method of ["PUT", "POST", "DELETE"])
    expect(await byTicket("/v1/stream/1", method)).toEqual([403, null]);
  for (const path of ["/v1/stream/2", "/v1/stream/none", "/v1/stream/runs/1"])
    expect((await byTicket(path))[0]).toBe(403);
  expect((await byTicket("/v1/stream/__ds/subscriptions/s", "GET"))[0]).toBe(401);
  const live = await fetch(`${url}/v1/stream/1?live=sse&offset=-1&ticket=${ticket}`);
  expect(live.headers.get("content-type")).toContain("text/event-stream");
  const reader = live.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('{"n":1}')) text += (await reader?.read())?.value ?? "";
  await reader?.cancel();
  expect(await (await owned("/v1/stream/1", "GET")).json()).toEqual([{ n: 1 }]);
});
