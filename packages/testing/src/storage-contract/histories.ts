import fc from "fast-check";
import { expect, test } from "vitest";
import { createStorageModel, stateOf, storageStep } from "./model.ts";
import type { Start } from "./samples.ts";

export function modelContract(start: Start): void {
  test("random histories, issued in rounds, end as a simple model of them does", {
    timeout: 60_000,
  }, async () => {
    const rounds = fc.array(fc.array(storageStep, { minLength: 1, maxLength: 8 }), { maxLength: 12 });
    const property = fc.asyncProperty(rounds, async (history) => {
      const underTest = await start();
      const model = createStorageModel();
      let storage = underTest.storage;
      for (const [round, steps] of history.entries()) {
        if (round % 4 === 3) storage = await underTest.reopen();
        const expected = steps.map((step) => model.play(step));
        const actual = await Promise.all(expected.map(({ request }) => request(storage)));
        expect(actual).toEqual(expected.map(({ outcome }) => outcome));
        expect(await stateOf(storage)).toEqual(model.state());
      }
      await underTest.cleanup();
    });
    await fc.assert(property, { numRuns: 40 });
  });
}
