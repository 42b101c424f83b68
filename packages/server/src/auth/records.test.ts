import { createSeededRandom } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";
import type { Commit, Storage } from "../storage/storage.ts";
import { parseRecord, RECORD_MEMBERS_MAX, type ResourceRecord } from "./record.ts";
import { createRecordStore } from "./records.ts";

const record = (topic: string, parts: Partial<ResourceRecord> = {}) =>
  parseRecord({ topic, tenant: "acme", ...parts });
const newStorage = () => createMemoryStorage({ random: createSeededRandom(1) });

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe("parsing", () => {
  test("what is left out has the safe default", () => {
    expect(parseRecord({ topic: "doc:1", tenant: "acme" })).toEqual({
      topic: "doc:1",
      tenant: "acme",
      clearance: 0,
      owner: null,
      editors: [],
      viewers: [],
      openToTenant: false,
    });
  });

  test.each([
    ["topic", { topic: "a b" }, "TOPIC_INVALID"],
    ["topic", { topic: undefined }, "TOPIC_INVALID"],
    ["tenant", { tenant: "a/b" }, "PAYLOAD_INVALID"],
    ["tenant", { tenant: undefined }, "PAYLOAD_INVALID"],
    ["clearance", { clearance: "1" }, "PAYLOAD_INVALID"],
    ["clearance", { clearance: Number.NaN }, "PAYLOAD_INVALID"],
    ["owner", { owner: "" }, "PAYLOAD_INVALID"],
    ["editors", { editors: "ada" }, "PAYLOAD_INVALID"],
    ["viewers", { viewers: [1] }, "PAYLOAD_INVALID"],
    ["openToTenant", { openToTenant: "yes" }, "PAYLOAD_INVALID"],
  ])("a bad %s is named", (field, change, code) => {
    expect(() => parseRecord({ topic: "doc:1", tenant: "acme", ...change })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(field) }),
    );
  });

  test("editors and viewers are limited together", () => {
    const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    const half = RECORD_MEMBERS_MAX / 2;
    expect(record("doc:1", { editors: ids(half, "e"), viewers: ids(half, "v") }).editors).toHaveLength(half);
    expect(() => record("doc:1", { editors: ids(half, "e"), viewers: ids(half + 1, "v") })).toThrow(
      /at most 1000/,
    );
  });
});

describe("the store", () => {
  test("a record is durable when set resolves, and another store on the same storage has it", async () => {
    const storage = newStorage();
    await createRecordStore(storage).set(record("doc:1", { owner: "ada" }));
    expect(await createRecordStore(storage).get("doc:1")).toEqual(record("doc:1", { owner: "ada" }));
  });

  test("the cache follows set and delete, for absent topics too", async () => {
    const records = createRecordStore(newStorage());
    expect(await records.get("doc:1")).toBeNull();
    await records.set(record("doc:1"));
    expect(await records.get("doc:1")).toEqual(record("doc:1"));
    await records.set(record("doc:1", { owner: "ada" }));
    expect(await records.get("doc:1")).toMatchObject({ owner: "ada" });
    expect(await records.delete("doc:1")).toBe(true);
    expect(await records.get("doc:1")).toBeNull();
    expect(await records.delete("doc:1")).toBe(false);
  });

  test("of several that create the same record one wins, on one node and on two", async () => {
    const storage = newStorage();
    const nodes = [createRecordStore(storage), createRecordStore(storage)];
    const owners = ["a", "b", "c", "d"];
    const won = await Promise.all(owners.map((owner, i) => nodes[i % 2]!.create(record("doc:1", { owner }))));
    expect(won.filter(Boolean)).toHaveLength(1);
    const winner = owners[won.indexOf(true)];
    for (const node of nodes) expect(await node.get("doc:1")).toMatchObject({ owner: winner });
  });

  test("a read that a write overtakes does not bring the old record back", async () => {
    const inner = newStorage();
    const held = deferred<void>();
    const reading = deferred<void>();
    let hold = true;
    const storage: Storage = Object.assign(Object.create(inner) as Storage, {
      async get(key: string) {
        const stored = await inner.get(key);
        if (hold) {
          reading.resolve();
          await held.promise;
        }
        return stored;
      },
    });
    const records = createRecordStore(storage);
    const old = records.get("doc:1");
    await reading.promise;
    hold = false;
    await records.set(record("doc:1", { owner: "ada" }));
    held.resolve();
    expect(await old).toBeNull();
    expect(await records.get("doc:1")).toMatchObject({ owner: "ada" });
  });

  test("a failed write rejects, tells nobody and leaves the old record", async () => {
    const inner = newStorage();
    let broken = false;
    const storage: Storage = Object.assign(Object.create(inner) as Storage, {
      commit: (commit: Commit) => (broken ? Promise.reject(new Error("disk full")) : inner.commit(commit)),
    });
    const records = createRecordStore(storage);
    await records.set(record("doc:1", { owner: "ada" }));
    const heard: string[] = [];
    records.onChange((topic) => heard.push(topic));
    broken = true;
    await expect(records.set(record("doc:1", { owner: "bob" }))).rejects.toThrow("disk full");
    await expect(records.create(record("doc:2"))).rejects.toThrow("disk full");
    expect(heard).toEqual([]);
    expect(await records.get("doc:1")).toMatchObject({ owner: "ada" });
    broken = false;
    await records.set(record("doc:1", { owner: "bob" }));
    expect(await records.get("doc:1")).toMatchObject({ owner: "bob" });
  });

  test("listeners hear every change until they stop", async () => {
    const records = createRecordStore(newStorage());
    const heard: unknown[] = [];
    const stop = records.onChange((topic, now) => heard.push([topic, now?.owner]));
    await records.set(record("doc:1", { owner: "ada" }));
    await records.delete("doc:1");
    stop();
    await records.set(record("doc:2"));
    expect(heard).toEqual([
      ["doc:1", "ada"],
      ["doc:1", undefined],
    ]);
  });

  test("a change on another node counts once it is reloaded", async () => {
    const storage = newStorage();
    const [here, there] = [createRecordStore(storage), createRecordStore(storage)];
    expect(await here.get("doc:1")).toBeNull();
    await there.set(record("doc:1", { owner: "ada" }));
    const heard: unknown[] = [];
    here.onChange((_topic, now) => heard.push(now?.owner));
    await here.reload("doc:1");
    expect(heard).toEqual(["ada"]);
    expect(await here.get("doc:1")).toMatchObject({ owner: "ada" });
  });

  test("records are listed page by page", async () => {
    const records = createRecordStore(newStorage(), { cachedMax: 1 });
    for (const topic of ["doc:c", "doc:a", "doc:b"]) await records.set(record(topic));
    const first = await records.list({ limit: 2 });
    const second = await records.list({ after: "doc:b", limit: 2 });
    expect([first, second].map((page) => page.map(({ topic }) => topic))).toEqual([
      ["doc:a", "doc:b"],
      ["doc:c"],
    ]);
  });

  test("records are listed by the beginning of their topics", async () => {
    const records = createRecordStore(newStorage());
    for (const topic of ["doc:a", "doc:b", "room:a", "do"]) await records.set(record(topic));
    const topicsOf = async (options: Parameters<typeof records.list>[0]) =>
      (await records.list(options)).map(({ topic }) => topic);
    expect(await topicsOf({ prefix: "doc:" })).toEqual(["doc:a", "doc:b"]);
    expect(await topicsOf({ prefix: "doc:", after: "doc:a" })).toEqual(["doc:b"]);
    expect(await topicsOf({ prefix: "none:" })).toEqual([]);
  });

  test("what the bounded cache forgot is read again", async () => {
    const records = createRecordStore(newStorage(), { cachedMax: 2 });
    for (let i = 0; i < 5; i += 1) await records.set(record(`doc:${i}`, { owner: `u${i}` }));
    for (let i = 0; i < 5; i += 1) expect(await records.get(`doc:${i}`)).toMatchObject({ owner: `u${i}` });
  });
});
