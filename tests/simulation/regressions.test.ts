import { expect, test } from "vitest";
import { type Actor, createActor } from "../../packages/testing/src/simulator/actor.ts";
import type { DocumentSeat } from "../../packages/testing/src/simulator/documents/seat.ts";
import { createHistory, type History } from "../../packages/testing/src/simulator/history.ts";
import { createWorld, type World } from "../../packages/testing/src/simulator/world.ts";

// What the simulator has found, told step by step: seeds mean something else whenever the workload changes.

interface Scene {
  readonly world: World;
  readonly history: History;
  enter(name: string, handles?: number): Actor;
}

function createScene(entriesMax = 1_000): Scene {
  const world = createWorld(
    1,
    {
      entriesMax,
      delayMaxMs: 1,
      socketBufferBytesMax: 64 * 1024,
      outboxBytesMax: 1024 * 1024,
      requestsInFlightMax: 256,
      resumeWindowMs: 60_000,
      documents: ["doc:1"],
      compactAfterEntries: 500,
    },
    {},
  );
  const history = createHistory(world.clock);
  world.start();
  const enter = (name: string, handles = 1): Actor =>
    createActor(world, history, {
      name,
      user: name,
      requestTimeoutMs: 10_000,
      tokenLifeMs: Number.POSITIVE_INFINITY,
      tokenDelayMs: 0,
      handles,
      fromStart: false,
    });
  return { world, history, enter };
}

test("a topic that was left, wanted and left again while offline is left by the resumed session too", async () => {
  const { world, enter } = createScene();
  const ada = enter("ada");
  const [seat] = ada.seatsOf("memory:1");
  const bob = enter("bob");
  const [other] = bob.seatsOf("memory:1");
  if (!seat || !other) throw new Error("There are no seats.");
  ada.subscribe(seat);
  ada.setPresence("memory:1", 7);
  bob.subscribe(other);
  await world.clock.run(1_000);
  expect(other.channel.presence.members).toHaveLength(1);

  ada.client.disconnect();
  for (const change of [ada.unsubscribe, ada.subscribe, ada.unsubscribe]) {
    change(seat);
    await world.clock.run(10);
  }
  ada.client.connect();
  await world.clock.run(1_000);
  expect(ada.client.status).toMatchObject({ state: "connected", resumed: true });
  expect(other.channel.presence.members).toEqual([]);
});

test("a gap of what the client has seen already is none", async () => {
  const { world, history, enter } = createScene(10);
  const ada = enter("ada", 2);
  const bob = enter("bob");
  const [first, second] = ada.seatsOf("disk:1");
  if (!first || !second) throw new Error("There are no seats.");
  ada.subscribe(first);
  await world.clock.run(100);
  const [link] = world.network.links;
  if (!link) throw new Error("There is no link.");

  // Pushes are on their way to Ada while another handle makes her client ask from where it stands.
  link.stall(true);
  for (let n = 0; n < 5; n += 1) bob.publish("disk:1", "said");
  await world.clock.run(100);
  ada.subscribe(second);
  world.disk.behaviour.readsFail = true;
  await world.clock.run(10);
  // Before the server can read from there, retention has gone further; Ada has everything by then.
  for (let n = 0; n < 8; n += 1) bob.publish("disk:1", "said");
  await world.clock.run(100);
  link.stall(false);
  world.disk.behaviour.readsFail = false;
  await world.clock.run(5_000);

  const kinds = history.happenings.flatMap((one) =>
    "seat" in one && one.seat === first.name ? [one.kind] : [],
  );
  expect(kinds).not.toContain("gap");
  expect(kinds.filter((kind) => kind === "pushed")).toHaveLength(13);
});

test("a resumed session whose subscribe is refused is pushed nothing until one is accepted", async () => {
  const { world, history, enter } = createScene();
  const ada = enter("ada");
  const bob = enter("bob");
  const [seat] = ada.seatsOf("disk:1");
  if (!seat) throw new Error("There is no seat.");
  ada.subscribe(seat);
  await world.clock.run(100);

  ada.client.disconnect();
  await world.clock.run(100);
  world.disk.behaviour.readsFail = true;
  ada.client.connect();
  await world.clock.run(20);
  expect(ada.client.status).toMatchObject({ state: "connected", resumed: true });
  expect(seat.topic.status.state).toBe("subscribing");
  bob.publish("disk:1", "typing");
  bob.publish("disk:1", "said");
  await world.clock.run(20);
  world.disk.behaviour.readsFail = false;
  await world.clock.run(20_000);

  expect(history.happenings.filter(({ kind }) => kind === "unbidden")).toEqual([]);
  const seen = history.happenings.flatMap((one) =>
    one.kind === "pushed" && one.position !== null ? [one.position.offset] : [],
  );
  expect(seen).toEqual([1]);
});

/** The one document of a client. */
function documentOf({ documents: [document] }: Actor): DocumentSeat {
  if (!document) throw new Error("There is no document.");
  return document;
}

test("an answer to a question that a failed commit has overtaken saves nothing", async () => {
  const { world, enter } = createScene();
  const { behaviour } = world.disk;
  const document = documentOf(enter("ada"));
  const other = documentOf(enter("bob"));
  document.open();
  other.open();
  await world.clock.run(100);
  document.edit(world.random);
  await world.clock.run(1_000);
  expect(document.handle.unsaved).toBe(0);

  // An edit is on its way to the disk while its author comes again and is asked for what the server does not have.
  behaviour.slowFlushMs = 300;
  behaviour.flushesFail = true;
  document.edit(world.random);
  await world.clock.run(10);
  document.close();
  await world.clock.run(10);
  for (const link of world.network.links) link.stall(true);
  document.open();
  await world.clock.run(100);
  // The edit is lost before the answer comes, which does not have it.
  await world.clock.run(200);
  for (const link of world.network.links) link.stall(false);
  for (let ms = 0; ms < 2_000; ms += 10) {
    await world.clock.run(10);
    expect(document.handle.unsaved).toBeGreaterThan(0);
  }

  behaviour.slowFlushMs = null;
  behaviour.flushesFail = false;
  await world.clock.run(60_000);
  expect(document.handle.unsaved).toBe(0);
  expect(world.documentLog("doc:1")()).toHaveLength(2);
});

test("a document whose content could not be read is asked for again", async () => {
  const { world, enter } = createScene();
  const document = documentOf(enter("ada"));
  document.open();
  await world.clock.run(100);
  document.edit(world.random);
  await world.clock.run(100);

  const other = documentOf(enter("bob"));
  await world.clock.run(100);
  other.open();
  world.disk.behaviour.readsFail = true;
  await world.clock.run(500);
  expect(other.handle.synced).toBe(false);
  world.disk.behaviour.readsFail = false;
  await world.clock.run(60_000);
  expect(other.handle.synced).toBe(true);
});

test("who comes first after a crash does not come to own what others wrote", async () => {
  const { world, enter } = createScene();
  const [ada, bob] = [documentOf(enter("ada")), documentOf(enter("bob"))];
  ada.open();
  bob.open();
  await world.clock.run(100);
  world.disk.behaviour.slowFlushMs = 300;
  ada.edit(world.random);
  await world.clock.run(20);
  ada.close();
  world.crash(false);
  world.disk.behaviour.slowFlushMs = null;
  world.start();
  await world.clock.run(10_000);
  ada.open();
  await world.clock.run(10_000);
  for (let edits = 0; edits < 5; edits += 1) ada.edit(world.random);
  await world.clock.run(60_000);
  expect(ada.handle.unsaved).toBe(0);
  expect(
    world
      .documentLog("doc:1")()
      .map(({ user }) => user),
  ).not.toContain("bob");
});
