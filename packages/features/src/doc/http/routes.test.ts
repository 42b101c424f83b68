import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { type Api, codeOf, insert, joinDocument, startApi, written } from "./api.fixture.ts";
import { ROUTES } from "./documents-api.ts";
import { COMMON_FAILURES } from "./openapi.ts";

// Holds the description to what is served, and what is served to the description.

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { content?: Readonly<Record<string, unknown>>; headers?: object }>
  >;
}
interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const update = written(1, insert("x")).all;
const bytes = { body: update as Uint8Array<ArrayBuffer> };
const json = (value: unknown) => ({
  body: JSON.stringify(value),
  headers: { "content-type": "application/json" },
});
const text = { body: "x", headers: { "content-type": "text/plain" } };
const large = { body: new Uint8Array(200_000) };
const change = json({ type: "agent-change-applied", data: { at: 1 } });

type Init = RequestInit & { readonly as?: string | null };
type Case = [operation: string, status: number, path: string, init?: Init];

/** A request for each answer that an operation is said to give. What overload, races and other servers take is elsewhere. */
const CASES: Case[] = [
  ["listDocuments", 200, ""],
  ["listDocuments", 400, "?limit=0"],
  ["listDocuments", 401, "", { as: null }],
  ["readDescription", 200, "/openapi.json", { as: null }],
  ["readDocument", 200, "/plan"],
  ["readDocument", 200, "/plan?format=json"],
  ["readDocument", 200, "/plan?format=text"],
  ["readDocument", 304, "/plan", { headers: { "if-none-match": "*" } }],
  ["readDocument", 400, "/plan?format=html"],
  ["readDocument", 401, "/plan", { as: null }],
  ["readDocument", 403, "/plan", { as: "eve" }],
  ["exportDocument", 200, "/plan/export"],
  ["exportDocument", 304, "/plan/export", { headers: { "if-none-match": "*" } }],
  ["exportDocument", 400, "/plan/export?types=a:b"],
  ["exportDocument", 401, "/plan/export", { as: null }],
  ["exportDocument", 403, "/plan/export", { as: "eve" }],
  ["appendUpdate", 200, "/plan/updates", bytes],
  ["appendUpdate", 400, "/plan/updates", json([])],
  ["appendUpdate", 401, "/plan/updates", { ...bytes, as: null }],
  ["appendUpdate", 403, "/plan/updates", { ...bytes, as: "rita" }],
  ["appendUpdate", 413, "/plan/updates", large],
  ["appendUpdate", 415, "/plan/updates", text],
  ["appendUpdate", 422, "/plan/updates", { body: Uint8Array.of(9) }],
  ["seedDocument", 200, "/plan/seed", bytes],
  ["seedDocument", 201, "/fresh/seed", bytes],
  ["seedDocument", 400, "/plan/seed", json({})],
  ["seedDocument", 401, "/plan/seed", { ...bytes, as: null }],
  ["seedDocument", 403, "/plan/seed", { ...bytes, as: "rita" }],
  ["seedDocument", 413, "/plan/seed", { body: new Uint8Array(1_100_000) }],
  ["seedDocument", 415, "/plan/seed", text],
  ["seedDocument", 422, "/another/seed", { body: Uint8Array.of(9) }],
  ["relayAgentChange", 202, "/plan/agent-changes", change],
  ["relayAgentChange", 400, "/plan/agent-changes", json({ type: "edit" })],
  ["relayAgentChange", 401, "/plan/agent-changes", { ...change, as: null }],
  ["relayAgentChange", 403, "/plan/agent-changes", { ...change, as: "rita" }],
  ["relayAgentChange", 413, "/plan/agent-changes", { ...json({ type: "x".repeat(200_000) }) }],
  ["relayAgentChange", 415, "/plan/agent-changes", text],
  ["deleteDocument", 204, "/other"],
  ["deleteDocument", 400, "/a%20b"],
  ["deleteDocument", 401, "/other", { as: null }],
  ["deleteDocument", 403, "/plan", { as: "bob" }],
];

/** Answers that take an overload, a race, a fault or another server to get. */
const ELSEWHERE = new Set([404, 409, 429, 500, 503, 504]);

async function start(): Promise<{ api: Api; operations: ReadonlyMap<string, Operation> }> {
  const api = await startApi({ roles: { rita: "read", eve: false }, updateBytesMax: 100_000 });
  await api.append("plan", update);
  const description: Description = await (await api.ask("/openapi.json", { as: null })).json();
  const all = Object.values(description.paths).flatMap((path) => Object.values(path));
  return { api, operations: new Map(all.map((operation) => [operation.operationId, operation])) };
}

describe("the description", () => {
  test.each(CASES)("[DH12] %s answers %i at %s as described", async (id, status, path, init = {}) => {
    const { api, operations } = await start();
    const route = ROUTES.find((one) => one.id === id);
    const response = await api.ask(path, { method: route?.method ?? "", ...init });
    expect(response.status).toBe(status);
    const described = operations.get(id)?.responses[status];
    const type = response.headers.get("content-type")?.split(";")[0];
    expect(Object.keys(described?.content ?? {})).toEqual(
      type === undefined ? [] : expect.arrayContaining([type]),
    );
    for (const name of Object.keys(described?.headers ?? {}))
      expect(response.headers.get(name)).not.toBeNull();
    if (status >= 400) {
      const { error } = (await response.json()) as { error: object };
      expect(error).toEqual({
        code: expect.any(String),
        message: expect.any(String),
        fix: expect.any(String),
        docs: expect.stringMatching(/^PROTOCOL\.md#/),
      });
    }
  });

  test("[DH12] has every route, and every answer of it has a case", async () => {
    const { operations } = await start();
    expect([...operations.keys()].sort()).toEqual(ROUTES.map(({ id }) => id).sort());
    for (const [id, { responses }] of operations) {
      const shown = CASES.filter(([operation]) => operation === id).map(([, status]) => status);
      const expected = Object.keys(responses)
        .map(Number)
        .filter((status) => !ELSEWHERE.has(status));
      // Who may list is whoever is somebody: 403 takes a revocation.
      const missing = expected.filter(
        (status) => !shown.includes(status) && !(id === "listDocuments" && status === 403),
      );
      expect([id, missing]).toEqual([id, []]);
    }
    expect(COMMON_FAILURES).toContain(401);
  });
});

describe("seeding", () => {
  test("[DH11] the first one is it; all others change nothing", async () => {
    const api = await startApi();
    const [one, two] = [written(1, insert("one")).all, written(2, insert("two")).all];
    const put = (body: Uint8Array) =>
      api.ask("/plan/seed", { method: "PUT", body: body as Uint8Array<ArrayBuffer> });
    const answers = await Promise.all([put(one), put(two)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 201]);
    const seeded = await Promise.all(answers.map(async (answer) => (await answer.json()).seeded));
    expect(seeded.sort()).toEqual([false, true]);
    expect(await (await api.ask("/plan?format=text")).text()).toBe(
      answers[0]?.status === 201 ? "one" : "two",
    );
  });
});

describe("agent changes", () => {
  test("[DH14] are relayed to whoever is there, and kept nowhere", async () => {
    const api = await startApi();
    const before = await api.ask("/plan");
    const { events } = await joinDocument(api, "plan", "bob");
    const sent = await api.json("/plan/agent-changes", "POST", { type: "agent-change-a", data: [1] });
    expect([sent.status, await sent.json()]).toEqual([202, { relayed: true }]);
    const change = { name: "agent-change-a", data: [1] };
    await vi.waitFor(() => expect(events).toEqual([change]), { timeout: 15_000, interval: 5 });
    const after = await api.ask("/plan");
    expect(after.headers.get("etag")).toBe(before.headers.get("etag"));
    const ydoc = new Y.Doc();
    Y.applyUpdate(ydoc, new Uint8Array(await after.arrayBuffer()));
    expect([...ydoc.share.keys()]).toEqual([]);
  });

  test.each([
    { type: "agent-change-", data: 1 },
    { type: "agent-change-A", data: 1 },
    { type: `agent-change-${"a".repeat(64)}`, data: 1 },
    { type: "other", data: 1 },
    { data: 1 },
    { type: "agent-change-a", data: "x".repeat(16 * 1024) },
  ])("[DH14] %o is refused", async (change) => {
    const api = await startApi();
    const refused = await api.json("/plan/agent-changes", "POST", change);
    expect(refused.status).toBe(400);
    expect(["PAYLOAD_INVALID", "MALFORMED_MESSAGE"]).toContain(await codeOf(refused));
  });
});
