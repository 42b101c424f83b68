import { expect, test } from "vitest";
import { runTrace } from "./oracle-documents/trace.mjs";

test("an editing trace of 12,850 keystrokes is the same for everybody, and after a restart [DC2] [DC7] [DC18]", async () => {
  const seed = Date.now() % 1_000_000;
  const { differences, entries, snapshot, updates } = await runTrace({
    inserts: 9_000,
    deletes: 3_850,
    seed,
    tell: (line) => process.stdout.write(`trace: ${line}\n`),
  });
  expect(differences).toEqual([]);
  expect(updates).toBe(12_850);
  // Keystrokes may share a message, but not so many that this would not be one by one.
  expect(entries).toBeGreaterThan(updates / 2);
  // Folding goes on beside the writing, as fast as the machine has time for it.
  expect(snapshot?.offset).toBeGreaterThan(0);
});
