import { createSeededRandom, createTestClock, probe } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createAuthorizer } from "../auth/authorizer.ts";
import type { Principal } from "../auth/principal.ts";
import type { ResourceRecord } from "../auth/record.ts";
import { createRecordStore } from "../auth/records.ts";
import type { Feature } from "../feature/feature.ts";
import { createTopicRegistry } from "../router/topic-registry.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { createTopicList } from "./topic-list.ts";

const ada: Principal = { id: "ada", kind: "user", tenant: "acme", clearance: 1, claims: {} };

function record(topic: string, parts: Partial<ResourceRecord> = {}): ResourceRecord {
  const nobody = { owner: null, editors: [], viewers: [] };
  return { topic, tenant: "acme", clearance: 0, ...nobody, openToTenant: true, ...parts };
}

async function start(records: readonly ResourceRecord[], topics: Readonly<Record<string, Feature>> = {}) {
  const board = probe("board:{id}", { history: {} });
  const clock = createTestClock();
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  const store = createRecordStore(storage);
  for (const one of records) await store.set(one);
  const authorizer = createAuthorizer({ records: store, mode: "auto", clock });
  const registry = createTopicRegistry({ board, ...topics });
  const timing = { clock, handlerTimeoutMs: 1_000 };
  return { list: createTopicList({ records: store, authorizer, registry, storage, ...timing }), storage };
}

describe("the list of topics", () => {
  test("has what the policy lets its caller subscribe to, and nothing of what it does not", async () => {
    const { list } = await start([
      record("board:1"),
      record("board:2", { openToTenant: false, viewers: ["ada"] }),
      record("board:3", { openToTenant: false, owner: "bob" }),
      record("board:4", { tenant: "other", owner: "ada" }),
      record("board:5", { clearance: 2, owner: "ada" }),
      record("elsewhere:1", { owner: "ada" }),
    ]);
    const { topics, next } = await list(ada, "board:");
    expect(topics.map(({ topic }) => topic)).toEqual(["board:1", "board:2"]);
    expect(topics.map(({ operations }) => operations.includes("publish"))).toEqual([true, false]);
    expect(next).toBeNull();
  });

  test("asks the application first, as subscribing does", async () => {
    const authorize: Feature["authorize"] = ({ params }) =>
      ({ no: false, yes: "viewer" })[params.id ?? ""] as string | false | undefined;
    const room = { ...probe("room:{id}"), template: "room:{id}", authorize };
    const closed = { openToTenant: false };
    const { list } = await start(
      [record("room:no"), record("room:yes", closed), record("room:open"), record("room:closed", closed)],
      { room },
    );
    const { topics } = await list(ada, "room:");
    expect(topics.map(({ topic, position }) => [topic, position])).toEqual([
      ["room:open", null],
      ["room:yes", null],
    ]);
  });

  test("tells where the log of each stands", async () => {
    const { list, storage } = await start([record("board:1")]);
    const entries = [{ data: Uint8Array.of(1), atMs: 0 }];
    const [position] = await storage.commit({ appends: [{ topic: "acme/board:1", entries }] });
    expect((await list(ada, "board:")).topics).toMatchObject([{ topic: "board:1", position }]);
  });

  test("comes in pages that begin after a topic, of the prefix alone", async () => {
    const { list } = await start(["board:1", "board:2", "board:3", "board:31"].map((topic) => record(topic)));
    const first = await list(ada, "board:", { limit: 2 });
    expect([first.topics.length, first.next]).toEqual([2, "board:2"]);
    const second = await list(ada, "board:", { limit: 2, after: "board:2" });
    expect(second.topics.map(({ topic }) => topic)).toEqual(["board:3", "board:31"]);
    expect((await list(ada, "board:3", { limit: 5 })).topics).toHaveLength(2);
  });

  test("looks at so many records for one page, and goes on after them", async () => {
    const others = Array.from({ length: 5_000 }, (_, n) =>
      record(`board:a${String(n).padStart(4, "0")}`, { tenant: "other" }),
    );
    const { list } = await start([...others, record("board:b")]);
    expect(await list(ada, "board:")).toEqual({ topics: [], next: "board:a4999" });
    const rest = await list(ada, "board:", { after: "board:a4999" });
    expect(rest.topics.map(({ topic }) => topic)).toEqual(["board:b"]);
  });

  test("is refused to who has lost the right to be here", async () => {
    const { list } = await start([record("board:1")]);
    await expect(list({ ...ada, expiresAtMs: 0 }, "board:")).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  });
});
