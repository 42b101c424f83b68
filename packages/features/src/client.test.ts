import { expect, expectTypeOf, test } from "vitest";
import type { Awareness } from "y-protocols/awareness";
import { Doc } from "yjs";
import { channel } from "./channel/server.ts";
import {
  type ChannelNames,
  type ChannelParamsOf,
  createClient,
  type DocNames,
  type DocParamsOf,
  type SaveState,
} from "./client.ts";

interface BoardTypes {
  readonly events: { readonly moved: { readonly shape: string; readonly x: number } };
  readonly ephemeral: { readonly typing: boolean };
  readonly presence: { readonly name: string };
  readonly state: { readonly title: string };
}

/** What `typeof app` gives: definitions with a literal template; channels carry their types. */
interface App {
  readonly topics: {
    readonly board: { readonly template: "board:{id}"; readonly types?: BoardTypes };
    readonly page: { readonly template: "org:{org}:page:{page}"; readonly types?: BoardTypes };
    readonly run: { readonly template: "run:{id}" };
    readonly draft: { readonly feature: "doc"; readonly template: "firm:{firm}:draft:{id}" };
  };
}

function setUp() {
  return createClient<App>({ url: "ws://server.test/ws", autoConnect: false });
}

test("names, params, events, presence and state of a channel are typed by the app", () => {
  const plex = setUp();
  const board = plex.channel("board", { id: "7" });
  expectTypeOf<ChannelNames<App>>().toEqualTypeOf<"board" | "page">();
  expectTypeOf<ChannelParamsOf<App, "page">>().toEqualTypeOf<{
    readonly org: string;
    readonly page: string;
  }>();
  expectTypeOf(board.state).toExtend<{ readonly payload: { readonly title: string } } | undefined>();
  expectTypeOf<(typeof board.presence.members)[number]["state"]>().toEqualTypeOf<{ readonly name: string }>();
  board.on("moved", (payload, meta) => {
    expectTypeOf(payload).toEqualTypeOf<{ readonly shape: string; readonly x: number }>();
    expectTypeOf(meta.offset).toEqualTypeOf<number | undefined>();
  });
  board.on("typing", (payload) => expectTypeOf(payload).toEqualTypeOf<boolean>());
  board.on("$presence", (members) => expectTypeOf(members[0]!.state.name).toEqualTypeOf<string>());
  board.on("$state", (state) => expectTypeOf(state!.payload.title).toEqualTypeOf<string>());
  expect(board.status.state).toBe("subscribing");
  plex.close();
});

test("the definitions of the server half carry what the client needs", () => {
  const app = { topics: { room: channel("room:{id}", { presence: true }), run: { template: "run:{id}" } } };
  const plex = createClient<typeof app>({ url: "ws://server.test/ws", autoConnect: false });
  const room = plex.channel("room", { id: "1" });
  expectTypeOf<ChannelNames<typeof app>>().toEqualTypeOf<"room">();
  expectTypeOf<ChannelParamsOf<typeof app, "room">>().toEqualTypeOf<{ readonly id: string }>();
  room.on("anything", () => {});
  expect(room.topic.address).toBeNull();
  plex.close();
});

test("what the app does not have does not compile", () => {
  const plex = setUp();
  const board = plex.channel("board", { id: "7" });
  const mistakes = [
    // @ts-expect-error: a run is not a channel.
    () => plex.channel("run", { id: "7" }),
    // @ts-expect-error: the parameter is called id.
    () => plex.channel("board", { name: "7" }),
    // @ts-expect-error: there is no such event.
    () => board.on("mooved", () => {}),
    // @ts-expect-error: x is a number.
    () => board.publish("moved", { shape: "a", x: "1" }),
    // @ts-expect-error: the title is missing.
    () => board.setState({}),
    // @ts-expect-error: the presence has a name.
    () => board.join({}),
  ];
  expect(mistakes).toHaveLength(6);
  plex.close();
});

test("names and params of a document are typed by the app, and its handle has the shape of a Yjs provider", () => {
  const plex = setUp();
  const draft = plex.doc("draft", { firm: "acme", id: "7" });
  expectTypeOf<DocNames<App>>().toEqualTypeOf<"draft">();
  expectTypeOf<DocParamsOf<App, "draft">>().toEqualTypeOf<{ readonly firm: string; readonly id: string }>();
  expectTypeOf(draft.awareness).toEqualTypeOf<Awareness | null>();
  draft.on("saveState", (state) => expectTypeOf(state).toEqualTypeOf<SaveState>());
  draft.on("reset", ({ update }) => expectTypeOf(update).toExtend<Uint8Array>());
  const mistakes = [
    // @ts-expect-error: a channel is not a document.
    () => plex.doc("board", { id: "7" }),
    // @ts-expect-error: the firm is missing.
    () => plex.doc("draft", { id: "7" }),
    // @ts-expect-error: there is no such event.
    () => draft.on("saved", () => {}),
  ];
  expect([draft.topic.address, draft.status.state, mistakes.length]).toEqual([null, "subscribing", 3]);
  plex.close();
});

test("a document by its address or its name takes options, and ends with the client", async () => {
  const plex = setUp();
  const doc = new Doc();
  const plan = plex.doc("doc:plan", { doc, awareness: null, connect: false });
  expect([plan.doc === doc, plan.awareness, plan.topic.address]).toEqual([true, null, "doc:plan"]);
  const draft = plex.doc("draft", { id: "7", firm: "acme" }, { connect: false });
  expect(plex.doc("draft", { firm: "acme", id: "7" }).doc).toBe(draft.doc);
  expect([plan.status.state, draft.status.state]).toEqual(["unsubscribed", "subscribing"]);
  plex.close();
  for (const handle of [plan, draft]) {
    await expect(handle.whenSynced()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  }
});

test("a channel by its address has no types, and none of the core client is lost", async () => {
  const plex = setUp();
  const lobby = plex.channel("lobby");
  lobby.on("anything", (payload) => expectTypeOf(payload).toEqualTypeOf<unknown>());
  expect(lobby.topic.address).toBe("lobby");
  expect(plex.channel("board", { id: "7" }).topic.address).toBeNull();
  expect(plex.status).toEqual({ state: "disconnected" });
  const published = lobby.publish("anything", { any: 1 });
  expect(plex.pending).toBe(1);
  plex.close();
  await expect(published).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
});
