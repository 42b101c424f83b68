import { describe, expect, test } from "vitest";
import { KEY_AGE_MAX_MS, KEYS_MAX, RecentKeys } from "./recent-keys.ts";

const ada = { kind: "user", id: "ada" } as const;
const bob = { kind: "user", id: "bob" } as const;

describe("recent keys", () => {
  test("[K1] a key that was used is found with its outcome", async () => {
    const keys = new RecentKeys<number>();
    keys.remember(ada, "k", 1, 0);
    expect(await keys.find(ada, "k", 0)).toBe(1);
    expect(keys.find(ada, "other", 0)).toBeUndefined();
  });

  test("[K1] another principal's key of the same name is another key, a service's of the same id too", () => {
    const keys = new RecentKeys<number>();
    keys.remember(ada, "k", 1, 0);
    expect(keys.find(bob, "k", 0)).toBeUndefined();
    expect(keys.find({ kind: "service", id: "ada" }, "k", 0)).toBeUndefined();
  });

  test("[K2] a key is remembered for ten minutes", async () => {
    const keys = new RecentKeys<number>();
    keys.remember(ada, "k", 1, 1_000);
    expect(KEY_AGE_MAX_MS).toBe(600_000);
    expect(await keys.find(ada, "k", 601_000)).toBe(1);
    expect(keys.find(ada, "k", 601_001)).toBeUndefined();
  });

  test("[K2] the latest 10,000 keys are remembered", async () => {
    const keys = new RecentKeys<number>();
    for (let index = 0; index <= KEYS_MAX; index += 1) keys.remember(ada, `k${index}`, index, 0);
    expect(KEYS_MAX).toBe(10_000);
    expect(keys.find(ada, "k0", 0)).toBeUndefined();
    expect(await keys.find(ada, "k1", 0)).toBe(1);
    expect(await keys.find(ada, `k${KEYS_MAX}`, 0)).toBe(KEYS_MAX);
  });

  test("[K3] a key that is under way leads to the outcome it will have", async () => {
    const keys = new RecentKeys<number>();
    let resolve: (outcome: number) => void = () => {};
    const promise = new Promise<number>((settle) => {
      resolve = settle;
    });
    keys.track(ada, "k", promise, 0);
    const found = keys.find(ada, "k", 0);
    resolve(7);
    expect(await found).toBe(7);
  });

  test("[K4] a request that failed is forgotten", async () => {
    const keys = new RecentKeys<number>();
    const failed = Promise.reject(new Error("no"));
    keys.track(ada, "k", failed, 0);
    await expect(keys.find(ada, "k", 0)).rejects.toThrow("no");
    expect(keys.find(ada, "k", 0)).toBeUndefined();
  });

  test("a request that never settles does not hold its key for ever, and is bounded in number", () => {
    const keys = new RecentKeys<number>();
    const never = new Promise<number>(() => {});
    keys.track(ada, "k", never, 0);
    expect(keys.find(ada, "k", KEY_AGE_MAX_MS)).toBe(never);
    expect(keys.find(ada, "k", KEY_AGE_MAX_MS + 1)).toBeUndefined();
    for (let index = 0; index < KEYS_MAX; index += 1) keys.track(ada, `n${index}`, never, 0);
    expect(keys.find(ada, "k", 0)).toBeUndefined();
    expect(keys.find(ada, "n0", 0)).toBe(never);
  });

  test("forgets what it remembers when the history is another", () => {
    const keys = new RecentKeys<number>();
    keys.remember(ada, "k", 1, 0);
    keys.forget();
    expect(keys.find(ada, "k", 0)).toBeUndefined();
  });
});
