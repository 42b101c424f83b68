import { createTestServer, type TestServer, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { encodeBase64 } from "../../../encoding/base64.ts";
import type { StepsRun } from "../../../steps/protocol.ts";
import { steps } from "../../../steps/server.ts";
import { doc } from "../../server.ts";
import { endpointFor, framesOf } from "./editor.fixture.ts";

// Steps and Yjs under one name, on a server whose time, storage and network the test controls.

const DENIED = { type: "error", message: "Access denied" };

async function start(options: Partial<TestServerOptions> = {}): Promise<TestServer> {
  const topics = { page: doc("doc:{id}"), article: steps("steps:{id}") };
  const server = await createTestServer({ topics, ...options });
  onTestFinished(() => server.close());
  return server;
}

async function restart(server: TestServer): Promise<TestServer> {
  const next = await server.restart();
  onTestFinished(() => next.close());
  return next;
}

async function open(server: TestServer, user: string) {
  const client = await server.open({ token: server.issue(user), endpoint: endpointFor(user) });
  await server.settle(50);
  const send = (type: string, data?: unknown) => client.send({ type, documentId: "1", clientID: user, data });
  const say = async (type: string, data?: unknown) => {
    send(type, data);
    await server.settle(50);
  };
  const all = (type: string) => framesOf(client).filter((frame) => frame.type === type);
  /** The modes that it was told, in order. */
  const modes = () => framesOf(client).flatMap((frame) => ("mode" in frame ? [frame.mode] : []));
  /** Version, names and client ids of the steps that it was told. */
  const runs = () =>
    all("steps").map(({ data }) => {
      const run = data as StepsRun;
      return [run.version, run.steps.map(({ name }) => name), run.clientIDs];
    });
  const codes = () => all("error").map(({ code }) => code);
  return { client, send, say, all, modes, runs, codes };
}

const submitOf = (version: number, name: string, clientID: string) => ({
  version,
  steps: [{ stepType: "replace", name }],
  clientID,
});

function insertion(text: string): string {
  const ydoc = new Y.Doc();
  ydoc.clientID = 1;
  ydoc.getText("text").insert(0, text);
  return encodeBase64(Y.encodeStateAsUpdate(ydoc));
}

const record = (topic: string, members: { editors?: string[]; viewers?: string[] } = {}) => ({
  topic,
  tenant: "default",
  clearance: 0,
  owner: "ada",
  editors: [],
  viewers: [],
  openToTenant: false,
  ...members,
});

describe("a document with steps", () => {
  test("[FB19] [FB22] the first steps fix the mode, and go to all with their sender", async () => {
    const server = await start();
    const [ada, bob] = [await open(server, "ada"), await open(server, "bob")];
    await ada.say("update", submitOf(0, "x", "a"));
    const cyd = await open(server, "cyd");
    await bob.say("update", submitOf(1, "y", "b"));
    const both = [
      [0, ["x"], ["a"]],
      [1, ["y"], ["b"]],
    ];
    expect([ada.runs(), bob.runs(), cyd.runs()]).toEqual([both, both, both.slice(1)]);
    expect([ada.modes(), bob.modes(), cyd.modes()]).toEqual([[null, "steps"], [null, "steps"], ["steps"]]);
    await cyd.say("sync");
    expect(cyd.runs().at(-1)).toEqual([0, ["x", "y"], ["a", "b"]]);
  });

  test("[FB21] the first Yjs update fixes the mode for those who are there, too", async () => {
    const server = await start();
    const [ada, bob] = [await open(server, "ada"), await open(server, "bob")];
    await ada.say("update", insertion("x"));
    await bob.say("update", submitOf(0, "x", "b"));
    expect([ada.modes(), bob.modes()]).toEqual([
      [null, "yjs"],
      [null, "yjs"],
    ]);
    expect(bob.all("update")).toMatchObject([{ data: insertion("x") }]);
    expect([ada.codes(), bob.codes(), bob.client.closed]).toEqual([[], ["OPERATION_UNSUPPORTED"], undefined]);
    expect((await open(server, "cyd")).modes()).toEqual(["yjs"]);
  });

  test.each([false, true])(
    "[FB21] of two who race to be first in different modes one wins, and the other is told: steps before Yjs %s",
    async (isStepsFirst) => {
      const server = await start();
      const [ada, bob] = [await open(server, "ada"), await open(server, "bob")];
      const writes = [
        () => ada.send("update", insertion("x")),
        () => bob.send("update", submitOf(0, "x", "b")),
      ];
      for (const write of isStepsFirst ? writes.reverse() : writes) write();
      await server.settle(100);
      const mode = ada.modes().at(-1);
      expect([ada.modes(), bob.modes()]).toEqual([
        [null, mode],
        [null, mode],
      ]);
      const [winner, loser] = mode === "yjs" ? [ada, bob] : [bob, ada];
      expect([winner.codes(), loser.codes()]).toEqual([[], ["OPERATION_UNSUPPORTED"]]);
      expect([ada.all("update"), bob.runs()]).toEqual([[], mode === "yjs" ? [] : [[0, ["x"], ["b"]]]]);
      expect(bob.all("update")).toHaveLength(mode === "yjs" ? 1 : 0);
      const native = await server.connect("cyd");
      const { head } = await native.ask<{ head: number }>({ type: "subscribe", topic: "doc:1" });
      expect(head).toBe(mode === "yjs" ? 1 : 0);
    },
  );

  test("[FB19] the mode and the steps outlive the server", async () => {
    const server = await start();
    const ada = await open(server, "ada");
    await ada.say("update", submitOf(0, "x", "a"));
    const next = await restart(server);
    const again = await open(next, "ada");
    expect(again.modes()).toEqual(["steps"]);
    // Its answer was lost, as far as it knows.
    await again.say("update", submitOf(0, "x", "a"));
    expect(again.runs()).toEqual([[0, ["x"], ["a"]]]);
    await again.say("update", insertion("y"));
    expect(again.codes()).toEqual(["OPERATION_UNSUPPORTED"]);
  });

  test("[FB21] what another dialect wrote before, or while a client is there, makes it Yjs for good", async () => {
    const server = await start();
    const writer = await server.connect("ada");
    const bob = await open(server, "bob");
    const seed = { type: "call", topic: "doc:1", command: "seed", input: { update: insertion("x") } };
    await writer.ask(seed);
    await server.settle(50);
    await bob.say("update", submitOf(0, "x", "b"));
    expect([bob.modes(), bob.codes()]).toEqual([[null, "yjs"], ["OPERATION_UNSUPPORTED"]]);
    const next = await restart(server);
    const cyd = await open(next, "cyd");
    expect(cyd.modes()).toEqual(["yjs"]);
    const native = await next.connect("dan");
    const { snapshot } = await native.ask<{ snapshot: unknown }>({ type: "subscribe", topic: "steps:1" });
    expect(snapshot).toEqual({ head: 0, mode: "yjs" });
  });

  test("[FB13] a reader of the document is denied steps, whatever the steps topic says, and reads them", async () => {
    const server = await start();
    await server.app.records.set(record("doc:1", { viewers: ["rae"] }));
    await server.app.records.set(record("steps:1", { editors: ["rae"] }));
    const [ada, rae] = [await open(server, "ada"), await open(server, "rae")];
    await rae.say("update", submitOf(0, "no", "r"));
    await rae.say("update", insertion("no"));
    await ada.say("update", submitOf(0, "yes", "a"));
    await rae.say("update", submitOf(1, "no", "r"));
    await rae.say("sync");
    await rae.say("selection", { head: 1 });
    expect(rae.all("error")).toEqual([DENIED, DENIED, DENIED]);
    expect(rae.runs()).toEqual([
      [0, ["yes"], ["a"]],
      [0, ["yes"], ["a"]],
    ]);
    expect(ada.all("selection")).toMatchObject([{ clientID: "rae", data: { head: 1 } }]);
  });

  test("[FB13] an editor of the document who only reads its steps is denied steps", async () => {
    const server = await start();
    await server.app.records.set(record("doc:1", { editors: ["rae"] }));
    await server.app.records.set(record("steps:1", { viewers: ["rae"] }));
    const [ada, rae] = [await open(server, "ada"), await open(server, "rae")];
    await ada.say("update", submitOf(0, "x", "a"));
    await rae.say("update", submitOf(1, "no", "r"));
    expect([rae.all("error"), rae.runs()]).toEqual([[DENIED], [[0, ["x"], ["a"]]]]);
  });

  test("[FB13] whoever may not open the document opens no steps topic, and makes none", async () => {
    const server = await start();
    await server.app.records.set(record("doc:1"));
    const eve = await open(server, "eve");
    await eve.say("sync", { version: 0 });
    await eve.say("update", submitOf(0, "no", "e"));
    expect(framesOf(eve.client)).toEqual([
      { type: "connected", clientID: "eve", mode: null },
      DENIED,
      DENIED,
    ]);
    expect(await server.app.records.get("steps:1")).toBeNull();
  });

  test("[FB14] a writer who becomes a reader is denied at once; one who is shut out hears no more steps", async () => {
    const server = await start();
    await server.app.records.set(record("doc:1", { editors: ["bob"] }));
    const [ada, bob] = [await open(server, "ada"), await open(server, "bob")];
    await bob.say("update", submitOf(0, "x", "b"));
    await server.app.records.set(record("doc:1", { viewers: ["bob"] }));
    await bob.say("update", submitOf(1, "no", "b"));
    expect(bob.all("error")).toEqual([DENIED]);
    await server.app.records.set(record("doc:1"));
    await server.settle(50);
    await ada.say("update", submitOf(1, "secret", "a"));
    await bob.say("sync", { version: 1 });
    expect(bob.all("error").slice(1)).toMatchObject([{ code: "REVOKED" }, DENIED]);
    expect(bob.runs()).toEqual([[0, ["x"], ["b"]]]);
    // Access is given again: the first message brings what was missed.
    await server.app.records.set(record("doc:1", { viewers: ["bob"] }));
    await bob.say("selection", 1);
    expect(bob.runs().slice(1)).toEqual([[1, ["secret"], ["a"]]]);
  });

  test("[FB17] nothing is left of a connection", async () => {
    const server = await start();
    const ada = await open(server, "ada");
    await ada.say("update", submitOf(0, "x", "a"));
    expect(server.app.stats()).toMatchObject({ connections: 1, subscriptions: 2 });
    ada.client.close();
    await server.settle(10_000);
    expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0, subscriptions: 0 });
  });
});
