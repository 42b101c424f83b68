import { createSeededRandom, createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";
import type { AccessRules } from "./access-rules.ts";
import { createAuthorizer } from "./authorizer.ts";
import type { Operation } from "./operation.ts";
import type { Principal } from "./principal.ts";
import { parsePrincipal } from "./principal-parser.ts";
import { parseRecord } from "./record.ts";
import { createRecordStore } from "./records.ts";

const READING: readonly Operation[] = ["subscribe", "call"];
const ada: Principal = { id: "ada", kind: "user", tenant: "acme", clearance: 0, claims: {} };
const reader: Principal = { ...ada, scope: { topic: "t:1", operations: READING } };
const forbidden = { code: "FORBIDDEN" };

async function setUp(roles: AccessRules["roles"], more: Partial<AccessRules> = {}) {
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  const records = createRecordStore(storage);
  await records.set(parseRecord({ topic: "t:1", tenant: "acme", owner: "ada" }));
  await records.set(parseRecord({ topic: "t:2", tenant: "acme", owner: "ada" }));
  const authorizer = createAuthorizer({ records, mode: "auto", clock: createTestClock() });
  const rules: AccessRules = { roles, defaultRole: "viewer", ...more };
  const ask = (who: Principal, topic = "t:1") => authorizer.authorize(who, rules, topic, {});
  const list = async (who: Principal, topic: string) => {
    const record = await records.get(topic);
    return record && authorizer.accessBy(record, who, rules, {});
  };
  return { ask, list, records };
}

const WRITER: readonly Operation[] = ["subscribe", "publish", "call", "presence"];

describe("[TK5] who came by a ticket", () => {
  test("has of a feature's roles the first that only reads", async () => {
    const { ask } = await setUp({
      controller: WRITER,
      caller: ["call"],
      read: READING,
      viewer: ["subscribe"],
    });
    expect(await ask(ada)).toMatchObject({ role: "controller" });
    expect(await ask(reader)).toEqual({ tenant: "acme", role: "read", operations: new Set(READING) });
    // From the cache it is the same, for either of the two.
    expect(await ask(reader)).toMatchObject({ role: "read" });
    expect(await ask(ada)).toMatchObject({ role: "controller" });
  });

  test("keeps a role that does no more than read", async () => {
    const { ask } = await setUp({ read: READING, glance: ["subscribe"] }, { authorize: () => "glance" });
    expect(await ask(reader)).toMatchObject({ role: "glance", operations: new Set(["subscribe"]) });
  });

  test("gains nothing that the role had not", async () => {
    const { ask } = await setUp(
      { commenter: ["subscribe", "presence"], read: READING },
      { authorize: () => "commenter" },
    );
    expect(await ask(reader)).toEqual({
      tenant: "acme",
      role: "limited",
      operations: new Set(["subscribe"]),
    });
  });

  test("subscribes and does no more where every role may write", async () => {
    const { ask } = await setUp({ controller: WRITER });
    expect(await ask(reader)).toMatchObject({ role: "limited", operations: new Set(["subscribe"]) });
  });

  test("is refused where no role that was given may subscribe, or one is called like the one without rights", async () => {
    const deaf = await setUp({ controller: ["publish", "call"] });
    await expect(deaf.ask(reader)).rejects.toMatchObject(forbidden);
    const taken = await setUp({ controller: WRITER, limited: WRITER });
    await expect(taken.ask(reader)).rejects.toMatchObject(forbidden);
  });

  test("is refused every other topic, whatever the application says, and is not shown it", async () => {
    const { ask, list } = await setUp(
      { controller: WRITER, read: READING },
      { authorize: () => "controller" },
    );
    await expect(ask(reader, "t:2")).rejects.toMatchObject(forbidden);
    expect(await list(reader, "t:2")).toBeNull();
    expect(await list(reader, "t:1")).toMatchObject({ role: "read" });
    const admin: Principal = { ...reader, kind: "admin" };
    await expect(ask(admin, "t:2")).rejects.toMatchObject(forbidden);
    expect(await ask(admin)).toMatchObject({ role: "read" });
  });

  test("founds no topic", async () => {
    const { ask, records } = await setUp({ controller: WRITER, read: READING });
    await records.delete("t:1");
    await expect(ask(reader)).rejects.toMatchObject(forbidden);
    expect(await records.get("t:1")).toBeNull();
    expect(await ask(ada)).toMatchObject({ role: "controller" });
  });
});

describe("a scope of an application's own", () => {
  test("counts, and is not lost by being wrong", () => {
    const scope = { topic: "t:1", operations: ["subscribe"] };
    expect(parsePrincipal({ id: "ada", scope })).toMatchObject({ scope });
    expect(parsePrincipal({ id: "ada" })).not.toHaveProperty("scope");
    for (const bad of [null, {}, "t:1", { topic: 1, operations: [] }, { topic: "t:1", operations: ["all"] }])
      expect(() => parsePrincipal({ id: "ada", scope: bad })).toThrow("scope");
  });
});
