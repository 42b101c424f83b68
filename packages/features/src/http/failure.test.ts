import { type ErrorCode, PlexlineError } from "@plexline/protocol";
import { expect, test } from "vitest";
import { failureResponse, HttpRefusal } from "./failure.ts";

test.each([
  ["MALFORMED_MESSAGE", 400, {}],
  ["TOKEN_MISSING", 401, { "www-authenticate": "Bearer" }],
  ["TOKEN_EXPIRED", 401, { "www-authenticate": 'Bearer error="invalid_token"' }],
  ["REVOKED", 403, {}],
  ["RESYNC", 409, {}],
  ["UPDATE_GAP", 422, {}],
  ["CONNECTIONS_MAX", 429, { "retry-after": "1" }],
  ["STORAGE_UNAVAILABLE", 503, { "retry-after": "1" }],
  ["HANDLER_TIMEOUT", 504, {}],
  ["INTERNAL", 500, {}],
] as const)("%s is %i", async (code: ErrorCode, status, headers) => {
  const response = failureResponse(new PlexlineError(code, { message: "m", fix: "f" }));
  expect(response.status).toBe(status);
  expect(Object.fromEntries(response.headers)).toMatchObject({ "cache-control": "no-store", ...headers });
  expect(response.headers.has("retry-after")).toBe("retry-after" in headers);
  const docs = `PROTOCOL.md#${code.toLowerCase()}`;
  expect(await response.json()).toEqual({ error: { code, message: "m", fix: "f", docs } });
});

test("Retry-After is what the error says, in whole seconds", () => {
  const { headers } = failureResponse(new PlexlineError("RATE_LIMITED", { retryAfterMs: 2_100 }));
  expect(headers.get("retry-after")).toBe("3");
});

test("a refusal of HTTP's own has its own status and headers", () => {
  const refusal = new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
    message: "m",
    fix: "f",
    headers: { Allow: "GET" },
  });
  const { status, headers } = failureResponse(refusal);
  expect([status, headers.get("allow")]).toEqual([405, "GET"]);
});

test("an endpoint has statuses, headers and fields of its own", async () => {
  const response = failureResponse(new PlexlineError("RESYNC", { message: "m" }), {
    statuses: { RESYNC: 410 },
    headers: { "X-Content-Type-Options": "nosniff" },
    fields: { results: [1] },
  });
  expect(response.status).toBe(410);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.json()).toMatchObject({ error: { code: "RESYNC" }, results: [1] });
  expect(failureResponse(new PlexlineError("RATE_LIMITED"), { statuses: { RESYNC: 410 } }).status).toBe(429);
});
