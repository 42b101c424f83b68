import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { ada, createTyped, openDoc, settled } from "./room.fixture.ts";

test("a thousand documents that were opened, used and closed leave nothing", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const rooms: WeakRef<object>[] = [];
  for (let count = 0; count < 1_000; count += 1) {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("kept"));
    typed.type("lost");
    await page.update(ada, typed.type("gap"));
    await page.close();
    expect(page.topic.clock.pendingTimers).toBe(0);
    rooms.push(new WeakRef(page.room));
  }
  await settled();
  collect();
  // The last ones may still be on the stack, or in code that is being compiled.
  expect(rooms.filter((room) => room.deref() !== undefined).length).toBeLessThanOrEqual(10);
});
