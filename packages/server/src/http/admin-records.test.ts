import { createSeededRandom, createTestClock } from "@plexline/testing";
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { createRecordStore } from "../auth/records.ts";
import { createRevocations } from "../auth/revocation.ts";
import { adminPrincipal, servicePrincipal, staticTokens } from "../auth/static-token.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { adminRecords } from "./admin-records.ts";

const ADMIN = "an admin token for this test";
const SERVICE = "a service token for this test";

async function setUp() {
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  const records = createRecordStore(storage);
  const revocations = await createRevocations({ storage, clock: createTestClock() });
  const authenticate = staticTokens([
    { token: ADMIN, principal: adminPrincipal() },
    { token: SERVICE, principal: servicePrincipal("worker", "acme") },
  ]);
  const app = new Hono().route("/api/admin", adminRecords({ records, revocations, authenticate }));
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = { authorization: `Bearer ${ADMIN}` },
  ) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await app.request(`/api/admin${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    return {
      status: response.status,
      body: answer === "" ? null : (JSON.parse(answer) as Record<string, unknown>),
      headers: response.headers,
    };
  }
  return { call, records, revocations };
}

const error = (code: string) => ({
  error: { code, message: expect.any(String), fix: expect.stringMatching(/./) },
});

describe("who may call", () => {
  test.each([
    ["nothing", {}, 401, "TOKEN_MISSING"],
    ["a wrong token", { authorization: "Bearer wrong" }, 401, "TOKEN_INVALID"],
    ["the admin token in a cookie", { cookie: `plexline_token=${ADMIN}; =${ADMIN}` }, 401, "TOKEN_MISSING"],
    ["a service's token", { authorization: `Bearer ${SERVICE}` }, 403, "FORBIDDEN"],
  ])("%s is refused on every path", async (_what, headers, status, code) => {
    const { call } = await setUp();
    for (const [method, path] of [
      ["GET", "/records"],
      ["PUT", "/records/a"],
      ["DELETE", "/records/a"],
      ["POST", "/revocations"],
      ["GET", "/x"],
    ] as const) {
      const body = method === "PUT" || method === "POST" ? {} : undefined;
      expect(await call(method, path, body, headers as Record<string, string>)).toMatchObject({
        status,
        body: error(code),
      });
    }
  });

  test("the token in the query does not count", async () => {
    const { call } = await setUp();
    expect(await call("GET", `/records?token=${encodeURIComponent(ADMIN)}`, undefined, {})).toMatchObject({
      status: 401,
    });
  });
});

describe("records", () => {
  test.each(["doc:1", "a/b/c", "room:é😀", "50%", "a%2Fb", "a?b#c", "a+b"])(
    "the topic %s is written, read and removed",
    async (topic) => {
      const { call, records } = await setUp();
      const path = `/records/${encodeURIComponent(topic)}`;
      expect(await call("PUT", path, { tenant: "acme", owner: "ada" })).toMatchObject({
        status: 200,
        body: { topic, owner: "ada" },
      });
      expect(await records.get(topic)).toMatchObject({ topic, tenant: "acme" });
      expect(await call("GET", path)).toMatchObject({
        status: 200,
        body: { topic, tenant: "acme", openToTenant: false },
      });
      expect(await call("DELETE", path)).toMatchObject({ status: 204, body: null });
      expect(await call("GET", path)).toMatchObject({ status: 404, body: error("TOPIC_UNKNOWN") });
      expect(await call("DELETE", path)).toMatchObject({ status: 404, body: error("TOPIC_UNKNOWN") });
    },
  );

  test("records are listed page by page", async () => {
    const { call } = await setUp();
    for (const topic of ["a", "b", "c"]) await call("PUT", `/records/${topic}`, { tenant: "acme" });
    expect((await call("GET", "/records?limit=2")).body).toMatchObject({
      records: [{ topic: "a" }, { topic: "b" }],
      next: "b",
    });
    expect((await call("GET", "/records?limit=2&after=b")).body).toMatchObject({
      records: [{ topic: "c" }],
      next: null,
    });
    for (const limit of ["0", "1001", "-1", "x", ""]) {
      expect(await call("GET", `/records?limit=${limit}`)).toMatchObject({
        status: 400,
        body: error("PAYLOAD_INVALID"),
      });
    }
  });

  test.each([
    ["no JSON", "{", 400, "MALFORMED_MESSAGE"],
    ["a list", [], 400, "MALFORMED_MESSAGE"],
    ["another topic", { tenant: "acme", topic: "b" }, 400, "PAYLOAD_INVALID"],
    ["no tenant", {}, 400, "PAYLOAD_INVALID"],
    ["more than 64 KiB", { tenant: "acme", pad: "x".repeat(65_536) }, 413, "MESSAGE_TOO_LARGE"],
  ])("a body with %s is refused", async (_what, body, status, code) => {
    const { call, records } = await setUp();
    expect(await call("PUT", "/records/a", body)).toMatchObject({ status, body: error(code) });
    expect(await records.get("a")).toBeNull();
  });

  test("a bad topic and an unknown path are refused", async () => {
    const { call } = await setUp();
    expect(await call("PUT", "/records/a%20b", { tenant: "acme" })).toMatchObject({
      status: 400,
      body: error("TOPIC_INVALID"),
    });
    expect(await call("GET", "/nothing")).toMatchObject({
      status: 404,
      body: error("OPERATION_UNSUPPORTED"),
    });
  });
});

describe("revocations", () => {
  test("a user or one token is revoked", async () => {
    const { call, revocations } = await setUp();
    const ada = { id: "ada", kind: "user", tenant: "acme", clearance: 0 } as const;
    expect(await call("POST", "/revocations", { tenant: "acme", id: "ada", jti: "t1" })).toMatchObject({
      status: 204,
    });
    expect(revocations.isRevoked({ ...ada, claims: { jti: "t1" } })).toBe(true);
    expect(revocations.isRevoked({ ...ada, claims: {} })).toBe(false);
    expect(await call("POST", "/revocations", { tenant: "acme", id: "ada" })).toMatchObject({ status: 204 });
    expect(revocations.isRevoked({ ...ada, claims: {} })).toBe(true);
  });

  test.each([
    {},
    { tenant: "acme" },
    { tenant: "acme", id: 1 },
    { tenant: "a/b", id: "ada" },
    { tenant: "acme", id: "ada", jti: 1 },
  ])("%j is refused", async (body) => {
    const { call } = await setUp();
    expect(await call("POST", "/revocations", body)).toMatchObject({
      status: 400,
      body: error("PAYLOAD_INVALID"),
    });
  });
});
