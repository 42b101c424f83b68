import { PlexlineError } from "@plexline/protocol";
import { expect, test } from "vitest";
import { applyUpdate, Doc } from "yjs";
import { startWorld } from "./live.fixture.ts";

type World = Awaited<ReturnType<typeof startWorld>>;
type Opened = ReturnType<ReturnType<World["client"]>["open"]>;

/** Fails the test if a handle says "saved" while something of what it typed is not in the storage. */
function watchSaved(world: World, { handle }: Opened, typed: () => string): void {
  handle.on("unsaved", (unsaved) => {
    if (unsaved > 0) return;
    for (const letter of typed()) expect(world.text(), "said to be saved").toContain(letter);
  });
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: unknown) => PlexlineError.from(error).code,
  );
}

test("[DC2] [DC7] two clients edit one document, and saved means stored", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  const bob = world.client("bob").open();
  await world.until(() => ada.handle.synced && bob.handle.synced);
  watchSaved(world, ada, () => "abc");
  ada.text.insert(0, "abc");
  bob.text.insert(0, "xyz");
  await world.until(() => ada.text.length === 6 && bob.text.length === 6);
  await world.until(() => ada.handle.unsaved === 0 && bob.handle.unsaved === 0);
  expect(world.text()).toBe(ada.text.toString());
  expect(bob.text.toString()).toBe(ada.text.toString());
});

test("[DC7] nothing is called saved while the storage holds it back", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  const bob = world.client("bob").open();
  await world.until(() => ada.handle.synced && bob.handle.synced);
  world.storage.hold();
  ada.text.insert(0, "a");
  await world.settle(1_000);
  // Others are not handed the first edit of a client id before it is durable.
  expect([bob.text.toString(), ada.handle.saveState, world.text()]).toEqual(["", "saving", ""]);
  world.storage.release();
  await world.until(() => bob.text.toString() === "a" && ada.handle.unsaved === 0);
  world.storage.hold();
  ada.text.insert(1, "b");
  await world.until(() => bob.text.toString() === "ab");
  await world.settle(1_000);
  expect([ada.handle.unsaved, ada.handle.saveState, world.text()]).toEqual([1, "saving", "a"]);
  world.storage.release();
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toBe("ab");
});

test("[DC1] [DC3] one is offline, edits, and comes back to what the other wrote", async () => {
  const world = await startWorld();
  const client = world.client("ada");
  const ada = client.open();
  const bob = world.client("bob").open();
  await world.until(() => ada.handle.synced && bob.handle.synced);
  client.plex.disconnect();
  ada.text.insert(0, "offline ");
  bob.text.insert(0, "online ");
  await world.until(() => bob.handle.unsaved === 0);
  expect([ada.handle.unsaved, ada.handle.saveState, ada.handle.synced]).toEqual([1, "offline", false]);
  watchSaved(world, ada, () => "ofline");
  client.plex.connect();
  await world.until(() => ada.handle.synced && ada.handle.unsaved === 0 && bob.text.length === 15);
  expect([ada.text.toString(), bob.text.toString()]).toEqual([world.text(), world.text()]);
});

test("[DC9] [B10] a failing storage: unsaved until the answer to the server's question is stored", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  const bob = world.client("bob").open();
  await world.until(() => ada.handle.synced && bob.handle.synced);
  watchSaved(world, ada, () => "abc");
  const codes: string[] = [];
  ada.handle.on("error", ({ code }) => codes.push(code));
  world.storage.fail(2);
  ada.text.insert(0, "a");
  await world.settle(20);
  ada.text.insert(0, "b");
  await world.until(() => codes.includes("STORAGE_UNAVAILABLE"));
  expect(ada.handle.unsaved).toBe(2);
  ada.text.insert(0, "c");
  await world.until(() => ada.handle.unsaved === 0);
  await world.until(() => bob.text.length === 3);
  expect(world.text()).toBe("cba");
});

test("[DC9] an edit whose connection was lost before its commit failed is not called saved afterwards", async () => {
  const world = await startWorld();
  const client = world.client("ada");
  const ada = client.open();
  const bob = world.client("bob").open();
  await world.until(() => ada.handle.synced && bob.handle.synced);
  ada.text.insert(0, "a");
  await world.until(() => bob.text.toString() === "a" && ada.handle.unsaved === 0);
  watchSaved(world, ada, () => "ab");
  world.storage.hold();
  ada.text.insert(1, "b");
  await world.until(() => bob.text.toString() === "ab");
  client.plex.drop();
  await world.until(() => ada.handle.synced);
  await world.settle(1_000);
  expect([ada.handle.unsaved, world.text()]).toEqual([1, "a"]);
  world.storage.fail(1);
  world.storage.release();
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toBe("ab");
});

test("[DC3] a restart of the server loses nothing, and what came in between is sent again", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  await world.until(() => ada.handle.synced);
  ada.text.insert(0, "before ");
  await world.until(() => ada.handle.unsaved === 0);
  await world.stop();
  ada.text.insert(0, "while down ");
  expect([ada.handle.saveState, world.text()]).toEqual(["offline", "before "]);
  await world.restart();
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toBe("while down before ");
  const bob = world.client("bob").open();
  await world.until(() => bob.handle.synced);
  expect(bob.text.toString()).toBe(world.text());
});

test("[DC12] a reader follows, is told that it may not write, and shows its cursor", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  const eve = world.client("eve").open();
  await world.until(() => ada.handle.synced && eve.handle.synced);
  expect([ada.handle.canWrite, eve.handle.canWrite]).toEqual([true, false]);
  eve.handle.awareness!.setLocalState({ name: "Eve" });
  ada.text.insert(0, "read me");
  await world.until(() => eve.text.toString() === "read me");
  await world.until(() => ada.handle.awareness!.getStates().get(eve.handle.doc.clientID)?.name === "Eve");
  eve.text.insert(0, "not ");
  expect(await codeOf(eve.handle.whenSaved())).toBe("FORBIDDEN");
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toBe("read me");
});

test("[DC17] a log that begins anew ends the handle with a copy, and nothing of it is merged", async () => {
  const world = await startWorld();
  const client = world.client("ada");
  const ada = client.open();
  await world.until(() => ada.handle.synced);
  ada.text.insert(0, "old");
  await world.until(() => ada.handle.unsaved === 0);
  const copies: Uint8Array[] = [];
  ada.handle.on("reset", ({ update }) => copies.push(update));
  await world.stop();
  await world.reset();
  await world.restart();
  await world.until(() => copies.length > 0);
  const copy = new Doc();
  applyUpdate(copy, copies[0]!);
  expect([copy.getText("t").toString(), world.text()]).toEqual(["old", ""]);
  const anew = client.open();
  await world.until(() => anew.handle.synced);
  anew.text.insert(0, "new");
  await world.until(() => anew.handle.unsaved === 0);
  expect(world.text()).toBe("new");
});

test("[DC15] who goes away vanishes for the others, and comes back with the next connection", async () => {
  const world = await startWorld();
  const client = world.client("ada");
  const ada = client.open();
  const bob = world.client("bob").open();
  ada.handle.awareness!.setLocalState({ name: "Ada" });
  bob.handle.awareness!.setLocalState({ name: "Bob" });
  const isSeen = (): boolean => bob.handle.awareness!.getStates().has(ada.handle.doc.clientID);
  await world.until(() => ada.handle.synced && isSeen());
  client.plex.disconnect();
  await world.until(() => !isSeen());
  client.plex.connect();
  await world.until(() => isSeen() && ada.handle.awareness!.getStates().has(bob.handle.doc.clientID));
  ada.handle.destroy();
  await world.until(() => !isSeen());
});

test("a large paste, and a large document opened by a newcomer in parts", async () => {
  const world = await startWorld();
  const ada = world.client("ada").open();
  await world.until(() => ada.handle.synced);
  const length = 3 * 1_048_576;
  ada.text.insert(0, "x".repeat(length));
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toHaveLength(length);
  const bob = world.client("bob").open();
  await world.until(() => bob.handle.synced);
  expect(bob.text.length).toBe(length);
});

test("[B8] another handle of the topic in the same client does not put the count in disorder", async () => {
  const world = await startWorld();
  const client = world.client("ada");
  const ada = client.open();
  await world.until(() => ada.handle.synced);
  watchSaved(world, ada, () => "abc");
  world.storage.hold();
  ada.text.insert(0, "a");
  await world.settle();
  client.plex.topic("page:9").subscribe();
  ada.text.insert(0, "b");
  await world.settle();
  ada.text.insert(0, "c");
  await world.settle(500);
  expect([ada.handle.unsaved, world.text()]).toEqual([3, ""]);
  world.storage.release();
  await world.until(() => ada.handle.unsaved === 0);
  expect(world.text()).toBe("cba");
});
