import { describe, expect, test } from "vitest";
import { authenticateWith } from "../auth/authenticate-with.ts";
import { createOriginCheck } from "../auth/origin.ts";
import type { Endpoint } from "../feature/endpoint.ts";
import { createFetch } from "./fetch.ts";

const whoAmI: Endpoint = {
  path: "/who/:room",
  tokenParameter: "token",
  onRequest: async (_request, context) => {
    const principal = await context.authenticate().catch(() => null);
    return Response.json({ room: context.params.room, user: principal?.id ?? null });
  },
};

const serve = createFetch({
  endpoints: [
    whoAmI,
    { path: "/who/*", onRequest: () => new Response("the rest") },
    { path: "/socket", onMessage() {} },
    { path: "/socket/:room", match: ({ query }) => query.has("type"), onMessage() {} },
  ],
  origin: createOriginCheck({ allowedOrigins: ["https://app.example.com"] }),
  authenticator: authenticateWith(({ token }) => ({ id: token ?? "" })),
  cookie: "plexline_token",
  nativePath: "/ws",
  open: () => Promise.reject(new Error("not here")),
  stream: () => Promise.reject(new Error("not here")),
  topics: () => Promise.reject(new Error("not here")),
  reset: () => Promise.reject(new Error("not here")),
  ticket: () => Promise.reject(new Error("not here")),
  fallback: () => new Response("own page"),
});

function ask(
  path: string,
  init: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const headers = { host: "localhost:3000", ...init.headers };
  return serve(new Request(`http://localhost:3000${path}`, { method: init.method ?? "GET", headers }), {
    remoteAddress: "127.0.0.1",
  });
}

const own = { origin: "http://localhost:3000" };
const allowed = { origin: "https://app.example.com" };
const foreign = { origin: "https://evil.example" };
const cookie = { cookie: "plexline_token=ada" };

describe("the HTTP side of endpoints", () => {
  test("the most specific path serves; what nobody serves is the server's own page", async () => {
    expect(await (await ask("/who/7")).json()).toEqual({ room: "7", user: null });
    expect(await (await ask("/who/7/8")).text()).toBe("the rest");
    expect(await (await ask("/elsewhere")).text()).toBe("own page");
  });

  test.each(["/socket", "/socket/7?type=x", "/ws"])(
    "plain HTTP to %s, which speaks WebSocket, is told so",
    async (path) => {
      const response = await ask(path);
      expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"]);
      expect(await response.json()).toMatchObject({ error: { code: "UPGRADE_REQUIRED" } });
    },
  );

  test("a token counts by Authorization and by the parameter the endpoint names", async () => {
    expect(await (await ask("/who/7", { headers: { authorization: "Bearer bob" } })).json()).toMatchObject({
      user: "bob",
    });
    expect(await (await ask("/who/7?token=eve")).json()).toMatchObject({ user: "eve" });
  });

  test.each([
    { from: "no browser", headers: cookie, user: "ada" },
    { from: "the server's own page", headers: { ...cookie, ...own }, user: "ada" },
    { from: "an allowed page", headers: { ...cookie, ...allowed }, user: "ada" },
    { from: "a foreign page", headers: { ...cookie, ...foreign }, user: null },
  ])("a cookie that comes from $from makes the user $user", async ({ headers, user }) => {
    expect(await (await ask("/who/7", { headers })).json()).toEqual({ room: "7", user });
  });

  test("a foreign page may not write, and a foreign host nothing at all", async () => {
    const write = await ask("/who/7", { method: "POST", headers: foreign });
    expect([write.status, await write.json()]).toMatchObject([403, { error: { code: "ORIGIN_FORBIDDEN" } }]);
    const rebound = await ask("/who/7", { headers: { host: "evil.example" } });
    expect([rebound.status, await rebound.json()]).toMatchObject([
      403,
      { error: { code: "HOST_FORBIDDEN" } },
    ]);
  });

  test("an allowed page may read the response, a foreign one may not", async () => {
    const toAllowed = await ask("/who/7", { headers: allowed });
    expect(toAllowed.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
    expect(toAllowed.headers.get("access-control-allow-credentials")).toBe("true");
    const toForeign = await ask("/who/7", { headers: foreign });
    expect(toForeign.headers.get("access-control-allow-origin")).toBeNull();
    expect(toForeign.headers.get("vary")).toBe("Origin");
  });

  test("a preflight is answered for an allowed page and refused for a foreign one", async () => {
    const asks = {
      "access-control-request-method": "PUT",
      "access-control-request-headers": "authorization",
    };
    const yes = await ask("/who/7", { method: "OPTIONS", headers: { ...allowed, ...asks } });
    expect(yes.status).toBe(204);
    expect(yes.headers.get("access-control-allow-headers")).toBe("authorization");
    const no = await ask("/who/7", { method: "OPTIONS", headers: { ...foreign, ...asks } });
    expect(no.status).toBe(403);
  });

  test("every response tells browsers not to guess, to frame or to leak", async () => {
    for (const path of ["/who/7", "/moved", "/elsewhere"]) {
      const { headers } = await ask(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
  });
});
