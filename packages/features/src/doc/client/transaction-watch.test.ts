import { expect, test } from "vitest";
import { applyUpdate, Doc } from "yjs";
import { nestedTypes } from "../update/hostile.fixture.ts";
import { startWorld } from "./live.fixture.ts";
import { TransactionWatch } from "./transaction-watch.ts";

async function startTwo() {
  const world = await startWorld();
  const ada = world.client("ada").open();
  const bob = world.client("bob").open();
  const told: string[] = [];
  bob.handle.on("error", ({ message, cause }) => told.push(cause instanceof Error ? cause.message : message));
  await world.until(() => ada.handle.synced && bob.handle.synced);
  bob.text.insert(0, "b");
  await world.until(() => ada.text.length === 1 && bob.handle.unsaved === 0);
  return { world, ada, bob, told };
}

const STUCK = expect.stringMatching(/^Yjs could not finish a transaction/);

async function expectFailed({ bob, told }: Awaited<ReturnType<typeof startTwo>>): Promise<void> {
  expect(told.at(-1)).toEqual(STUCK);
  // What is typed now, Yjs tells nobody: it must not be taken for saved.
  bob.text.insert(0, "lost");
  const { handle } = bob;
  expect([handle.unsaved, handle.saveState, handle.status.state]).toEqual([0, "offline", "unsubscribed"]);
  expect(handle.saveError?.fix).toContain("encodeStateAsUpdate");
  await expect(handle.whenSaved()).rejects.toBe(handle.saveError);
  handle.connect();
  expect(handle.status.state).toBe("unsubscribed");
}

test("an update from the server that Yjs cannot finish fails the handle", async () => {
  const two = await startTwo();
  two.bob.handle.doc.on("update", () => {
    throw new Error("A listener of the application.");
  });
  two.ada.text.insert(0, "a");
  await two.world.until(() => two.told.length === 2);
  expect(two.told[0]).toContain("A listener of the application.");
  await expectFailed(two);
  two.ada.text.insert(0, "a");
  await two.world.until(() => two.ada.handle.unsaved === 0);
});

test("so does what the application applies, even if it catches what Yjs throws", async () => {
  const two = await startTwo();
  expect(() => applyUpdate(two.bob.handle.doc, nestedTypes(50_000, true))).toThrow(RangeError);
  await two.world.until(() => two.told.length === 1);
  await expectFailed(two);
});

test("a promise of being saved rejects when it happens", async () => {
  const { world, bob } = await startTwo();
  world.storage.hold();
  bob.text.insert(0, "b");
  const saved = bob.handle.whenSaved().catch((error: unknown) => error);
  expect(() => applyUpdate(bob.handle.doc, nestedTypes(50_000, true))).toThrow(RangeError);
  expect(await saved).toBe(bob.handle.saveError);
  world.storage.release();
});

test("an observer that throws fails nothing: by an update from the server and by an own edit", async () => {
  const { world, ada, bob, told } = await startTwo();
  const observer = () => {
    throw new Error("An observer of the application.");
  };
  bob.text.observe(observer);
  bob.handle.doc.on("afterTransaction", observer);
  ada.text.insert(0, "a");
  await world.until(() => told.length === 1);
  expect(told[0]).toContain("An observer of the application.");
  expect(() => bob.text.insert(0, "c")).toThrow("An observer of the application.");
  await world.until(() => ada.text.toString() === "cab" && bob.handle.unsaved === 0);
  await bob.handle.whenSaved();
  expect([bob.handle.saveState, bob.handle.saveError, bob.handle.status.state, told.length]).toEqual([
    "saved",
    undefined,
    "subscribed",
    1,
  ]);
});

test("it looks once for many transactions, also at a document that is stuck already, and not after its end", async () => {
  const doc = new Doc();
  let stuck = 0;
  const watch = new TransactionWatch(doc, () => stuck++);
  for (let count = 0; count < 10; count++) doc.getText("t").insert(0, "x");
  await Promise.resolve();
  expect([stuck, watch.isBusy]).toEqual([0, false]);
  expect(() => applyUpdate(doc, nestedTypes(50_000, true))).toThrow(RangeError);
  await Promise.resolve();
  expect([stuck, watch.isBusy]).toEqual([1, true]);
  watch.close();
  new TransactionWatch(doc, () => stuck++).close();
  await Promise.resolve();
  expect(stuck).toBe(2);
  expect(doc._observers.has("beforeAllTransactions")).toBe(false);
});
