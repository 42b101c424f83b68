import { describe, expect, test } from "vitest";
import type { UpgradeRequest } from "../platform/request.ts";
import { authenticateWith } from "./authenticate-with.ts";
import { readCookie } from "./cookie.ts";
import { cookieSession } from "./cookie-session.ts";
import { findCredentials } from "./credentials.ts";

function requestWith(parts: {
  headers?: Record<string, string>;
  subprotocols?: string[];
  query?: string;
}): UpgradeRequest {
  return {
    method: "GET",
    path: "/ws",
    query: new URLSearchParams(parts.query),
    headers: parts.headers ?? {},
    subprotocols: parts.subprotocols ?? [],
    remoteAddress: "127.0.0.1",
    params: {},
  };
}

const all = { cookie: "sid", tokenParameter: "token", originAllowed: true };
const everywhere = {
  subprotocols: ["plexline.v1", "bearer.one"],
  headers: { authorization: "Bearer two", cookie: "sid=four" },
  query: "token=three",
};

describe("precedence", () => {
  test("what was given on purpose goes before the cookie", () => {
    const { subprotocols: _first, ...second } = everywhere;
    const third = { headers: { cookie: "sid=four" }, query: "token=three" };
    expect(findCredentials(requestWith(everywhere), all)).toMatchObject({
      token: "one",
      source: "subprotocol",
    });
    expect(findCredentials(requestWith(second), all)).toMatchObject({
      token: "two",
      source: "authorization",
    });
    expect(findCredentials(requestWith(third), all)).toMatchObject({ token: "three", source: "query" });
    expect(findCredentials(requestWith({ headers: third.headers }), all)).toMatchObject({
      token: "four",
      source: "cookie",
    });
  });

  test("[TK3] a ticket goes behind every token and before the cookie, where the path names its parameter", () => {
    const tickets = { ...all, ticketParameter: "ticket" };
    const query = "token=three&ticket=five&a=1";
    const headers = { cookie: "sid=four" };
    const sourceOf = (parts: Parameters<typeof requestWith>[0], options: typeof all = tickets) =>
      findCredentials(requestWith(parts), options).source;
    expect(sourceOf({ ...everywhere, query })).toBe("subprotocol");
    expect(sourceOf({ headers: { authorization: "Bearer two" }, query })).toBe("authorization");
    expect(sourceOf({ headers, query })).toBe("query");
    expect(sourceOf({ headers, query: "ticket=five" })).toBe("ticket");
    expect(sourceOf({ headers, query: "ticket=" })).toBe("cookie");
    expect(sourceOf({ headers, query: "ticket=five" }, all)).toBe("cookie");
  });

  test("[TK10] the request that goes on has no ticket, whichever proof counted", () => {
    const tickets = { ...all, ticketParameter: "ticket" };
    for (const token of ["", "token=three&"]) {
      const request = requestWith({ query: `${token}ticket=five&ticket=six&a=1` });
      expect(findCredentials(request, tickets).request.query.toString()).toBe(`${token}a=1`);
      expect(request.query.getAll("ticket")).toEqual(["five", "six"]);
    }
  });

  test("a query parameter counts only where the path names it", () => {
    const request = requestWith({ query: "token=three" });
    expect(findCredentials(request, { cookie: "sid", originAllowed: true })).not.toHaveProperty("token");
  });

  test("cookies of a foreign page do not count, and no authenticator sees them", () => {
    const request = requestWith({ headers: { cookie: "sid=four", host: "localhost" } });
    const found = findCredentials(request, { ...all, originAllowed: false });
    expect(found).not.toHaveProperty("token");
    expect(found.request.headers.cookie).toBeUndefined();
    expect(found.request.headers.host).toBe("localhost");
    expect(request.headers.cookie).toBe("sid=four");
  });

  test("a malformed bearer token does not fall back to the cookie", () => {
    const request = requestWith({ headers: { authorization: "Bearer two words", cookie: "sid=four" } });
    expect(findCredentials(request, all)).toMatchObject({ token: "two words", source: "authorization" });
  });

  test("empty tokens and other schemes count as none", () => {
    for (const parts of [
      { subprotocols: ["bearer."] },
      { headers: { authorization: "Basic dXNlcg==" } },
      { headers: { authorization: "Bearer " } },
      { query: "token=" },
      { headers: { cookie: "sid=" } },
    ]) {
      expect(findCredentials(requestWith(parts), all)).not.toHaveProperty("token");
    }
  });
});

describe("cookies", () => {
  test.each([
    ["sid=a", "a"],
    ["x=1; sid=a; y=2", "a"],
    [" sid = a ;", "a"],
    ['sid="a b"', "a b"],
    ["sid=s%3Aa", "s:a"],
    ["sid=%zz", "%zz"],
    ["sid=a=b==", "a=b=="],
    ["sid=a; sid=a", "a"],
    ["sid=a; sid=b", undefined],
    ["SID=a", undefined],
    ["xsid=a", undefined],
    ["sid", undefined],
    [";;=;", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%j has %j", (header, value) => {
    expect(readCookie(header, "sid")).toBe(value);
  });

  test("a session cookie is looked up by the application's function", async () => {
    const session = cookieSession({ cookie: "sid", verify: (value) => ({ id: `user of ${value}` }) });
    const request = requestWith({ headers: { cookie: "sid=a" } });
    expect(await session.authenticate({ request })).toMatchObject({
      id: "user of a",
      tenant: "default",
      kind: "user",
    });
    await expect(session.authenticate({ request: requestWith({}) })).rejects.toMatchObject({
      code: "TOKEN_MISSING",
    });
  });

  test("a token given on purpose goes before the session cookie", async () => {
    const session = cookieSession({ cookie: "sid", verify: () => ({ id: "from the cookie" }) });
    const request = requestWith({ headers: { cookie: "sid=a" } });
    const given = session.authenticate({ token: "t", source: "message", request });
    await expect(given).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  });

  test("another authenticator may verify the cookie's value", async () => {
    const verify = authenticateWith(({ token, source }) => ({ id: `${source} ${token}` }));
    const request = requestWith({ headers: { cookie: "plexline_token=a" } });
    expect(await cookieSession({ verify }).authenticate({ request })).toMatchObject({ id: "cookie a" });
  });
});
