import { afterEach, describe } from "vitest";
import { commitContract } from "./commit.ts";
import { modelContract } from "./histories.ts";
import { lifeContract } from "./life.ts";
import { logContract } from "./log.ts";
import { retentionContract } from "./retention.ts";
import type { StorageUnderTest } from "./samples.ts";
import { snapshotContract } from "./snapshot.ts";
import { valueContract } from "./value.ts";

export type { StorageUnderTest } from "./samples.ts";

/**
 * The guarantees of `Storage` as a Vitest suite, for every implementation, also a third party's.
 *
 * @example
 * storageContract("my storage", async () => ({ storage: await openMine(), reopen, cleanup }));
 */
export function storageContract(name: string, open: () => Promise<StorageUnderTest>): void {
  describe(`${name} keeps the storage contract`, () => {
    const opened: StorageUnderTest[] = [];
    async function start(): Promise<StorageUnderTest> {
      const underTest = await open();
      opened.push(underTest);
      return underTest;
    }
    afterEach(async () => {
      for (const { cleanup } of opened.splice(0)) await cleanup();
    });

    logContract(start);
    commitContract(start);
    valueContract(start);
    retentionContract(start);
    snapshotContract(start);
    lifeContract(start);
    modelContract(start);
  });
}
