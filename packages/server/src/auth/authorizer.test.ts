import { createSeededRandom, createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";
import type { AccessRules } from "./access-rules.ts";
import { createAuthorizer } from "./authorizer.ts";
import type { ResourceMode } from "./policy.ts";
import type { Principal } from "./principal.ts";
import { parseRecord } from "./record.ts";
import { createRecordStore } from "./records.ts";
import { createRevocations } from "./revocation.ts";

const feature: AccessRules = {
  roles: { controller: ["subscribe", "publish"], viewer: ["subscribe"] },
  defaultRole: "controller",
};
const ada: Principal = { id: "ada", kind: "user", tenant: "acme", clearance: 0, claims: {} };

async function setUp(mode: ResourceMode = "strict", cacheMs?: number) {
  const clock = createTestClock();
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  const records = createRecordStore(storage);
  const revocations = await createRevocations({ storage, clock });
  const options = { records, revocations, clock, mode, ...(cacheMs === undefined ? {} : { cacheMs }) };
  const authorizer = createAuthorizer(options);
  const ask = (principal: Principal, rules: AccessRules = feature, topic = "doc:1") =>
    authorizer.authorize(principal, rules, topic, { id: "1" });
  const share = (parts: object) => records.set(parseRecord({ topic: "doc:1", tenant: "acme", ...parts }));
  const bodyOf = (principal: Principal, topic?: string) =>
    ask(principal, feature, topic).then(
      () => null,
      (error: { toBody(): unknown }) => JSON.stringify(error.toBody()),
    );
  return { clock, records, revocations, authorizer, ask, share, bodyOf };
}

const forbidden = { code: "FORBIDDEN" };

/** Rules that count how often the application was asked. */
function asking(answer: () => unknown) {
  const calls: unknown[] = [];
  const authorize: NonNullable<AccessRules["authorize"]> = (request) => {
    calls.push(request);
    return answer() as string;
  };
  return { calls, rules: { ...feature, authorize } };
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe("decisions", () => {
  test("absent, foreign and closed topics are refused with the same bytes", async () => {
    const { share, bodyOf, records } = await setUp();
    await share({ clearance: 9 });
    await records.set(parseRecord({ topic: "doc:2", tenant: "other", openToTenant: true }));
    const bodies = [await bodyOf(ada, "doc:none"), await bodyOf(ada), await bodyOf(ada, "doc:2")];
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain("FORBIDDEN");
  });

  test("a role becomes the feature's operations, under the record's tenant", async () => {
    const { ask, share } = await setUp();
    await share({ openToTenant: true });
    expect(await ask(ada)).toEqual({
      tenant: "acme",
      role: "controller",
      operations: new Set(["subscribe", "publish"]),
    });
    expect(await ask({ ...ada, role: "viewer" })).toMatchObject({
      role: "viewer",
      operations: new Set(["subscribe"]),
    });
    expect(await ask({ ...ada, kind: "admin", tenant: "other" })).toMatchObject({
      tenant: "acme",
      role: "controller",
    });
  });

  test("an owner is the writer of a feature that says writer, and a role nobody knows is the viewer's", async () => {
    const { ask, share } = await setUp();
    await share({ owner: "ada", viewers: ["bob"], openToTenant: true });
    const rules: AccessRules = {
      roles: { writer: ["publish"], reader: ["subscribe"] },
      defaultRole: "constructor",
    };
    expect(await ask(ada, rules)).toMatchObject({ role: "writer" });
    expect(await ask({ ...ada, id: "bob" }, rules)).toMatchObject({ role: "reader" });
    expect(await ask({ ...ada, id: "eve" }, rules)).toMatchObject({ role: "reader" });
    await expect(ask({ ...ada, id: "dan" }, { roles: {}, defaultRole: "x" })).rejects.toMatchObject(
      forbidden,
    );
  });

  test("in mode auto the first caller owns the topic, however many come at once", async () => {
    const { ask, records } = await setUp("auto");
    const users = ["a", "b", "c"].map((id) => ({ ...ada, id, role: "viewer" }));
    const roles = (await Promise.all(users.map((user) => ask(user)))).map(({ role }) => role);
    expect(roles.toSorted()).toEqual(["controller", "viewer", "viewer"]);
    expect(await records.get("doc:1")).toMatchObject({
      owner: users[roles.indexOf("controller")]?.id,
      tenant: "acme",
    });
    await expect(ask({ ...ada, tenant: "other" })).rejects.toMatchObject(forbidden);
  });

  test("the application's decision comes first", async () => {
    const { ask, share, records } = await setUp("auto");
    expect(await ask(ada, asking(() => "viewer").rules)).toMatchObject({ role: "viewer", tenant: "acme" });
    expect(await records.get("doc:1")).toBeNull();
    await share({ tenant: "other" });
    expect(await ask({ ...ada }, asking(() => Promise.resolve("controller")).rules)).toMatchObject({
      tenant: "other",
    });
    for (const no of [false, null, true, 0, {}]) {
      await expect(ask({ ...ada, kind: "admin" }, asking(() => no).rules)).rejects.toMatchObject(forbidden);
    }
    const undecided = asking(() => undefined);
    await expect(ask({ ...ada }, undecided.rules)).rejects.toMatchObject(forbidden);
    expect(undecided.calls).toEqual([{ principal: ada, topic: "doc:1", params: { id: "1" } }]);
  });

  test("an application that throws lets nobody in and is asked again", async () => {
    const { ask } = await setUp();
    let broken = true;
    const flaky = asking(() => {
      if (broken) throw new Error("database password=hunter2");
      return "viewer";
    });
    const error = await ask(ada, flaky.rules).catch((reason: { code: string; message: string }) => reason);
    expect(error).toMatchObject({ code: "HANDLER_FAILED", message: expect.not.stringContaining("hunter2") });
    broken = false;
    expect(await ask(ada, flaky.rules)).toMatchObject({ role: "viewer" });
  });
});

describe("the cache", () => {
  test("a decision, also a no, is used again for a while", async () => {
    const { ask, clock } = await setUp("strict", 1_000);
    for (const answer of ["viewer", false]) {
      const { rules, calls } = asking(() => answer);
      const principal = { ...ada };
      for (let i = 0; i < 3; i += 1) await ask(principal, rules).catch(() => null);
      expect(calls).toHaveLength(1);
      clock.advance(1_000);
      await ask(principal, rules).catch(() => null);
      expect(calls).toHaveLength(2);
    }
  });

  test("two tokens of one user do not share a decision", async () => {
    const { ask, share } = await setUp();
    await share({ openToTenant: true });
    expect(await ask({ ...ada, role: "owner" })).toMatchObject({ role: "controller" });
    expect(await ask({ ...ada, role: "viewer" })).toMatchObject({ role: "viewer" });
  });

  test("principals of other tenants and kinds with the same id do not share a decision", async () => {
    const { ask, share } = await setUp();
    await share({ owner: "ada" });
    expect(await ask(ada)).toMatchObject({ role: "controller" });
    await expect(ask({ ...ada, tenant: "other" })).rejects.toMatchObject(forbidden);
    await expect(ask({ ...ada, tenant: "other", kind: "service" })).rejects.toMatchObject(forbidden);
  });

  test("a change of the record counts at once", async () => {
    const { ask, share, records } = await setUp();
    await share({ owner: "ada" });
    await ask(ada);
    await share({ viewers: ["ada"] });
    expect(await ask(ada)).toMatchObject({ role: "viewer" });
    await records.delete("doc:1");
    await expect(ask(ada)).rejects.toMatchObject(forbidden);
    await share({ owner: "ada" });
    expect(await ask(ada)).toMatchObject({ role: "controller" });
  });

  test("a decision that was under way while the record changed is not kept", async () => {
    const { ask, share } = await setUp();
    const answer = deferred<string>();
    const slow = asking(() => answer.promise);
    const pending = ask(ada, slow.rules);
    await share({ owner: "bob" });
    answer.resolve("viewer");
    await pending;
    await ask(ada, slow.rules);
    expect(slow.calls).toHaveLength(2);
  });

  test("revoke makes the next call ask again, for one tenant or for all", async () => {
    const { ask, authorizer } = await setUp();
    const { rules, calls } = asking(() => "viewer");
    await ask(ada, rules);
    authorizer.revoke("ada", "other");
    authorizer.revoke("bob");
    await ask(ada, rules);
    expect(calls).toHaveLength(1);
    authorizer.revoke("ada", "acme");
    await ask(ada, rules);
    authorizer.revoke("ada");
    await ask(ada, rules);
    expect(calls).toHaveLength(3);
  });

  test("the expiry of the principal counts in spite of the cache", async () => {
    const { ask, share, clock } = await setUp("strict", 60_000);
    await share({ owner: "ada" });
    const shortLived = { ...ada, expiresAtMs: clock.nowMs() + 100 };
    await ask(shortLived);
    clock.advance(100);
    await expect(ask(shortLived)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  });

  test("a revoked principal is refused at once, also while a decision is under way", async () => {
    const { ask, share, revocations } = await setUp();
    await share({ owner: "ada" });
    await ask(ada);
    const answer = deferred<string>();
    const pending = ask({ ...ada }, asking(() => answer.promise).rules);
    const settled = expect(pending).rejects.toMatchObject({ code: "REVOKED" });
    await revocations.revokePrincipal({ tenant: "acme", id: "ada" });
    answer.resolve("controller");
    await settled;
    await expect(ask(ada)).rejects.toMatchObject({ code: "REVOKED" });
  });

  test("what does not fit any more is decided again", async () => {
    const { records, clock } = await setUp();
    const authorizer = createAuthorizer({ records, clock, mode: "strict", cacheEntriesMax: 2 });
    const { rules, calls } = asking(() => "viewer");
    for (const topic of ["a", "b", "c", "c", "b", "a"]) await authorizer.authorize(ada, rules, topic, {});
    expect(calls).toHaveLength(4);
    authorizer.close();
  });
});
