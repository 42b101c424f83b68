import { expect, test } from "vitest";
import { Awareness, encodeAwarenessUpdate } from "y-protocols/awareness";
import { Doc } from "yjs";
import { DOC_KIND } from "../protocol.ts";
import { createFakeClient, FakeRoom, turn } from "./doc-room.fixture.ts";

type Client = ReturnType<typeof createFakeClient>;
type Opened = ReturnType<Client["open"]>;

function names({ handle }: Opened): string[] {
  return [...handle.awareness!.getStates().values()].map(({ name }) => String(name)).sort();
}

function named(client: Client, name: string, options: Parameters<Client["open"]>[0] = {}): Opened {
  const opened = client.open(options);
  opened.handle.awareness!.setLocalState({ name });
  return opened;
}

/** Waits until something is so that other tabs bring about. */
async function until({ handle }: Opened, fact: () => boolean): Promise<void> {
  while (!fact()) {
    await new Promise<void>((resolve) => {
      handle.doc.once("update", () => resolve());
      handle.awareness?.once("update", () => resolve());
    });
  }
}

test("[DC14] the own state is shown in the turn it is set, after the text it points to", async () => {
  const room = new FakeRoom();
  const ada = named(createFakeClient(room), "Ada");
  const bob = named(createFakeClient(room), "Bob");
  await turn();
  expect([names(ada), names(bob)]).toEqual([
    ["Ada", "Bob"],
    ["Ada", "Bob"],
  ]);
  ada.topic.sent.length = 0;
  ada.handle.awareness!.setLocalState({ name: "Ada", cursor: 1 });
  ada.text.insert(0, "a");
  ada.handle.awareness!.setLocalState({ name: "Ada", cursor: 2 });
  await turn();
  expect(ada.topic.sent.map(({ kind }) => kind)).toEqual([DOC_KIND.update, DOC_KIND.awareness]);
  expect(bob.handle.awareness!.getStates().get(ada.handle.doc.clientID)).toEqual({ name: "Ada", cursor: 2 });
  expect(bob.topic.sentOf(DOC_KIND.awareness)).toHaveLength(2);
});

test("[DC4] offline the others vanish; after the next subscribe all are there again with the clocks they had", async () => {
  const room = new FakeRoom();
  const ada = named(createFakeClient(room), "Ada");
  const bob = named(createFakeClient(room), "Bob");
  await turn();
  ada.topic.lose();
  expect(names(ada)).toEqual(["Ada"]);
  ada.topic.connect();
  const awareness = bob.handle.awareness!;
  ada.topic.receive(DOC_KIND.awareness, encodeAwarenessUpdate(awareness, [...awareness.getStates().keys()]));
  expect(names(ada)).toEqual(["Ada", "Bob"]);
  expect(ada.topic.sentOf(DOC_KIND.awareness)).toHaveLength(3);
});

test("[DC16] a client that is told of its own removal announces itself again", async () => {
  const room = new FakeRoom();
  const ada = named(createFakeClient(room), "Ada");
  const bob = named(createFakeClient(room), "Bob");
  await turn();
  const { doc, awareness } = ada.handle;
  const removal = encodeAwarenessUpdate(awareness!, [doc.clientID], new Map());
  ada.topic.receive(DOC_KIND.awareness, removal);
  bob.topic.receive(DOC_KIND.awareness, removal);
  expect([names(ada), names(bob)]).toEqual([["Ada", "Bob"], ["Bob"]]);
  await turn();
  expect(names(bob)).toEqual(["Ada", "Bob"]);
});

test("destroy takes the own state back; a given awareness lives on, and null shows nothing", async () => {
  const room = new FakeRoom();
  const doc = new Doc();
  const awareness = new Awareness(doc);
  const ada = named(createFakeClient(room), "Ada", { doc, awareness });
  const bob = named(createFakeClient(room), "Bob");
  const eve = createFakeClient(room).open({ awareness: null });
  await turn();
  ada.handle.destroy();
  expect([names(ada), names(bob), eve.handle.awareness]).toEqual([[], ["Bob"], null]);
  awareness.setLocalState({ name: "elsewhere" });
  expect(names(ada)).toEqual(["elsewhere"]);
  expect(eve.topic.sentOf(DOC_KIND.awareness)).toEqual([]);
  awareness.destroy();
});

test("the other tabs of a user get edits and cursors directly, both what was there and what comes, offline too", async () => {
  const room = new FakeRoom();
  const one = named(createFakeClient(room), "one", { broadcast: true });
  one.topic.lose();
  one.text.insert(0, "first ");
  const two = named(createFakeClient(room), "two", { broadcast: true });
  two.topic.lose();
  two.text.insert(0, "second ");
  await until(two, () => two.text.toString().includes("first") && names(two).includes("one"));
  await until(one, () => one.text.toString().includes("second") && names(one).includes("two"));
  expect(one.text.toString()).toBe(two.text.toString());
  // What came from the other tab is the other tab's to save.
  expect([one.handle.unsaved, two.handle.unsaved]).toEqual([1, 1]);
  one.text.insert(0, "more ");
  await until(two, () => two.text.toString().includes("more"));
  // But whoever comes back alone brings all of it along.
  one.handle.destroy();
  await until(two, () => !names(two).includes("one"));
  two.topic.connect();
  room.commit();
  expect([room.text, two.handle.unsaved]).toEqual([two.text.toString(), 0]);
});

test("[DC17] other users and other epochs do not meet on the channel of tabs", async () => {
  const room = new FakeRoom();
  const ada = named(createFakeClient(room), "Ada", { broadcast: true });
  ada.topic.lose();
  const bob = named(createFakeClient(room, { user: "bob" }), "Bob", { broadcast: true });
  room.epoch = "e2";
  const later = named(createFakeClient(room), "later", { broadcast: true });
  ada.text.insert(0, "private");
  room.epoch = "e1";
  // The marker: a tab that must hear of it has heard of it.
  const sibling = named(createFakeClient(room), "sibling", { broadcast: true });
  await until(sibling, () => sibling.text.toString() === "private" && names(sibling).includes("Ada"));
  await until(ada, () => names(ada).includes("sibling"));
  expect([bob.text.toString(), later.text.toString()]).toEqual(["", ""]);
});

test("a tab that says something unreadable disturbs nobody", async () => {
  const room = new FakeRoom();
  const one = named(createFakeClient(room), "one", { broadcast: true });
  const name = JSON.stringify(["plexline", "ws://server.test/ws", "default", "ada", "page:9", "e1"]);
  const stranger = new BroadcastChannel(name);
  for (const data of [
    "text",
    [0],
    [0, Uint8Array.of(9, 255)],
    [1, Uint8Array.of(255)],
    [3, Uint8Array.of(1)],
  ]) {
    stranger.postMessage(data);
  }
  const two = named(createFakeClient(room), "two", { broadcast: true });
  two.text.insert(0, "fine");
  one.topic.lose();
  await until(one, () => one.text.toString() === "fine");
  stranger.close();
});
