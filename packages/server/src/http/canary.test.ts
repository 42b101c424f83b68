import { createTestClock } from "@plexline/testing";
import { expect, test } from "vitest";
import type { Commit, Stored } from "../storage/storage.ts";
import { createStorageCanary } from "./canary.ts";

function fixture() {
  const values = new Map<string, Stored>();
  const storage = {
    commit: async ({ puts = [] }: Commit) => {
      for (const { key, value } of puts) {
        if (typeof value !== "function") values.set(key, { key, value, version: 1 });
      }
      return [];
    },
    get: async (key: string) => values.get(key),
  };
  const clock = createTestClock();
  return { values, storage, clock, canary: createStorageCanary({ storage, node: "n1", clock }) };
}

test("the canary writes under its node's key and reads it back", async () => {
  const { canary, values, clock } = fixture();
  await canary();
  clock.advance(5);
  await canary();
  expect([...values.keys()]).toEqual(["canary/n1"]);
});

test("a storage that refuses the commit fails the canary", async () => {
  const { canary, storage } = fixture();
  storage.commit = () => Promise.reject(new Error("ENOSPC"));
  await expect(canary()).rejects.toThrow("ENOSPC");
});

test("a storage that acknowledges and forgets fails the canary", async () => {
  const { canary, storage, clock } = fixture();
  await canary();
  storage.commit = async () => [];
  clock.advance(5);
  await expect(canary()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  storage.get = async () => undefined;
  await expect(canary()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
});
