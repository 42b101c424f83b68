import { createMemoryBus, type TopicContext } from "@plexline/server";
import { createTestClock, createTestMember, createTestServer, createTestTopic } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import {
  call,
  codeOf,
  endWithTest,
  inputOf,
  join,
  namesOf,
  restart,
  runs,
  since,
  start,
  submit,
  TOPIC,
} from "./document.fixture.ts";
import type { ClientId } from "./protocol.ts";
import { steps } from "./server.ts";

describe("submitting steps", () => {
  test("[SP1, SP2] steps at the head are appended, told to everybody and answered", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    const first = await submit(ada, 0, ["x", "y"], 17);
    expect(first).toEqual({ accepted: true, head: 2, epoch: expect.any(String) });
    expect(await submit(bob, 2, ["z"], "b")).toMatchObject({ accepted: true, head: 3 });
    await server.settle(5);
    for (const client of [ada, bob])
      expect(runs(client)).toEqual([
        [0, ["x", "y"], [17, 17]],
        [2, ["z"], ["b"]],
      ]);
  });

  test("[SP2] the push comes before the answer", async () => {
    const ada = await join(await start(), "ada");
    await submit(ada, 0, ["x"]);
    const types = ada.received.map((message) => (message instanceof Uint8Array ? "binary" : message.type));
    expect(types.slice(-2)).toEqual(["push", "reply"]);
  });

  test("[SP1, SP3] of submits at one version exactly one is accepted, and the others learn the head", async () => {
    const server = await start();
    const clients = await Promise.all(["ada", "bob", "cyd"].map((user) => join(server, user)));
    const outputs = await Promise.all(
      clients.map((client, index) => submit(client, 0, [`${index}a`, `${index}b`], index)),
    );
    expect(outputs.filter(({ accepted }) => accepted)).toHaveLength(1);
    expect(outputs.map(({ head }) => head)).toEqual([2, 2, 2]);
    const winner = outputs.findIndex(({ accepted }) => accepted);
    expect(await since(clients[0]!, 0)).toMatchObject({ head: 2, clientIDs: [winner, winner] });
    await server.settle(5);
    expect(runs(clients[1]!)).toHaveLength(1);
  });

  test("[SP1] so also when they come to different nodes at once", async () => {
    const clock = createTestClock();
    const bus = createMemoryBus();
    const topics = { article: steps("steps:{id}") };
    const a = await createTestServer({ topics, clock, broker: bus.connect(), seed: 1 });
    const b = await createTestServer({ topics, clock, broker: bus.connect(), seed: 2, storage: a.storage });
    endWithTest(a, b);
    const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
    for (let version = 0; version < 5; version += 1) {
      const outputs = await Promise.all([submit(ada, version, ["x"], "a"), submit(bob, version, ["y"], "b")]);
      expect(outputs.map(({ accepted }) => accepted).sort()).toEqual([false, true]);
      expect(outputs.map(({ head }) => head)).toEqual([version + 1, version + 1]);
    }
    await a.settle(5);
    expect(runs(ada)).toHaveLength(5);
    expect(runs(bob)).toEqual(runs(ada));
  });

  test("[SP3] an older or a newer version is refused and changes nothing", async () => {
    const server = await start();
    const ada = await join(server, "ada");
    await submit(ada, 0, ["x", "y"]);
    for (const version of [0, 1, 3, 2 ** 53 - 1])
      expect(await submit(ada, version, ["z"])).toEqual({
        accepted: false,
        head: 2,
        epoch: expect.any(String),
      });
    await server.settle(5);
    expect(runs(ada)).toHaveLength(1);
    expect(namesOf(await since(ada, 0))).toEqual(["x", "y"]);
  });

  test("[SP2] what cannot be stored is told to nobody, and may be submitted again", async () => {
    const topic = createTestTopic({ topic: TOPIC });
    const room = await steps("steps:{id}").open(topic);
    const ada = createTestMember("ada");
    const send = async () =>
      room.onMessage(ada, { type: "call", command: "submit", input: inputOf(0, ["x"]) });
    topic.failWrites();
    await expect(send()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect([topic.announced.length, topic.values.size]).toEqual([0, 0]);
    topic.releaseWrites();
    expect(await send()).toMatchObject({ accepted: true, head: 1 });
    expect(topic.announced).toHaveLength(1);
  });

  test("[SP1] a document on which every commit is overtaken answers OVERLOADED in the end", async () => {
    const topic = createTestTopic({ topic: TOPIC });
    let tries = 0;
    const conflict = Object.assign(new Error("overtaken"), { name: "ConflictError" });
    const append = () => {
      tries += 1;
      return Promise.reject(conflict);
    };
    const room = await steps("steps:{id}").open({ ...topic, append });
    const sending = room.onMessage(createTestMember("ada"), {
      type: "call",
      command: "submit",
      input: inputOf(0, ["x"]),
    });
    await expect(sending).rejects.toMatchObject({ code: "OVERLOADED" });
    expect(tries).toBe(4);
  });
});

describe("submitting the same again", () => {
  test("[SP4] is answered as accepted and changes nothing, however much came after it", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await submit(ada, 0, ["x", "y"]);
    await submit(bob, 2, ["z"], "b");
    expect(await submit(ada, 0, ["x", "y"])).toMatchObject({ accepted: true, repeated: true, head: 3 });
    expect(namesOf(await since(ada, 0))).toEqual(["x", "y", "z"]);
    await server.settle(5);
    expect(runs(bob)).toHaveLength(2);
  });

  test("[SP4] is recognised while the first one is under way", async () => {
    const server = await start();
    const [ada, again] = [await join(server, "ada"), await join(server, "ada")];
    const outputs = await Promise.all([submit(ada, 0, ["x"]), submit(again, 0, ["x"])]);
    expect(outputs).toMatchObject([
      { accepted: true, head: 1 },
      { accepted: true, head: 1 },
    ]);
    expect(outputs.filter(({ repeated }) => repeated)).toHaveLength(1);
    expect(await since(ada, 0)).toMatchObject({ head: 1, clientIDs: ["a"] });
  });

  test("[SP4] is recognised after a restart, and after the log was trimmed", async () => {
    const first = await start({ history: { entriesMax: 2 } });
    const ada = await join(first, "ada");
    for (let version = 0; version < 6; version += 1) await submit(ada, version, [`s${version}`]);
    const second = await restart(first);
    const back = await join(second, "ada");
    for (const version of [0, 5])
      expect(await submit(back, version, [`s${version}`])).toMatchObject({ repeated: true, head: 6 });
    expect((await since(back, 0)).head).toBe(6);
  });

  test.each<[string, number, readonly string[], ClientId]>([
    ["other steps", 0, ["x", "Y"], "a"],
    ["more steps", 0, ["x", "y", "z"], "a"],
    ["another version", 1, ["x", "y"], "a"],
    ["another client id", 0, ["x", "y"], "b"],
  ])("[SP4] is not what a submit with %s is", async (_, version, names, clientID) => {
    const ada = await join(await start(), "ada");
    await submit(ada, 0, ["x", "y"]);
    expect(await submit(ada, version, names, clientID)).toMatchObject({ accepted: false, head: 2 });
  });
});

describe("client ids", () => {
  test("[SP5] belong to the user that first submitted with them, also after a restart", async () => {
    const first = await start();
    const [ada, bob] = [await join(first, "ada"), await join(first, "bob")];
    await submit(ada, 0, ["x"], 5);
    expect(await codeOf(bob, "submit", inputOf(1, ["y"], 5))).toBe("CLIENT_ID_TAKEN");
    expect(await codeOf(bob, "submit", inputOf(0, ["x"], 5))).toBe("CLIENT_ID_TAKEN");
    const second = await restart(first);
    const [adaAgain, bobAgain] = [await join(second, "ada"), await join(second, "bob")];
    expect(await codeOf(bobAgain, "submit", inputOf(1, ["y"], 5))).toBe("CLIENT_ID_TAKEN");
    expect(await submit(adaAgain, 1, ["y"], 5)).toMatchObject({ accepted: true });
    expect(await submit(bobAgain, 2, ["z"], 6)).toMatchObject({ accepted: true });
  });

  test.each<[ClientId, ClientId]>([
    [5, "5"],
    [5, "0x5"],
    ["5", 5],
    [0, " "],
  ])("[SP5] %j and %j are one, as an editor compares them", async (mine, theirs) => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await submit(ada, 0, ["x"], mine);
    // biome-ignore lint/suspicious/noDoubleEquals: it is what the editor does.
    expect(mine == theirs).toBe(true);
    expect(await codeOf(bob, "submit", inputOf(1, ["y"], theirs))).toBe("CLIENT_ID_TAKEN");
  });

  test("[SP5] of which two users send the first step at once, one gets it", async () => {
    const server = await start();
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    const codes = await Promise.all(
      [ada, bob].map((client) => codeOf(client, "submit", inputOf(0, ["x"], 5))),
    );
    expect(codes.sort()).toEqual(["CLIENT_ID_TAKEN", "ok"]);
    expect((await since(ada, 0)).head).toBe(1);
  });

  test("[SP5] are given to one user, also when the storage answers late whose they are", async () => {
    const topic = createTestTopic({ topic: TOPIC });
    const submitIn = async (context: TopicContext, user: string, version: number) => {
      const room = await steps("steps:{id}").open(context);
      const input = inputOf(version, ["x"], 5);
      return room.onMessage(createTestMember(user), { type: "call", command: "submit", input });
    };
    await submitIn(topic, "ada", 0);
    let stale = 1;
    const get: TopicContext["get"] = async (key) =>
      key.startsWith("client/") && stale-- > 0 ? undefined : topic.get(key);
    await expect(submitIn({ ...topic, get }, "bob", 1)).rejects.toMatchObject({ code: "CLIENT_ID_TAKEN" });
    expect(topic.announced).toHaveLength(1);
  });
});

describe("reading steps", () => {
  test("[SP6, SP7] pages have so many steps, and begin at any version", async () => {
    const ada = await join(await start({ pageStepsMax: 3 }), "ada");
    await submit(ada, 0, ["a", "b", "c", "d"], 1);
    await submit(ada, 4, ["e", "f", "g"], 2);
    const pages = [];
    for (let version = 0; version < 7; version += pages.at(-1)?.steps.length ?? 7)
      pages.push(await since(ada, version));
    expect(pages.map(namesOf)).toEqual([["a", "b", "c"], ["d", "e", "f"], ["g"]]);
    expect(pages.map(({ clientIDs }) => clientIDs)).toEqual([[1, 1, 1], [1, 2, 2], [2]]);
    expect(pages.map(({ version, head }) => [version, head])).toEqual([
      [0, 7],
      [3, 7],
      [6, 7],
    ]);
  });

  test("[SP6] pages have so many bytes, but always a step", async () => {
    const ada = await join(await start({ pageBytesMax: 200 }), "ada");
    const large = "x".repeat(400);
    await submit(ada, 0, ["a", "b", large, "c"]);
    expect(namesOf(await since(ada, 0))).toEqual(["a", "b"]);
    expect(namesOf(await since(ada, 2))).toEqual([large]);
    expect(namesOf(await since(ada, 3))).toEqual(["c"]);
  });

  test("[SP6] long histories are read whole", async () => {
    const ada = await join(await start(), "ada");
    const names = Array.from({ length: 450 }, (_, index) => `s${index}`);
    for (let at = 0; at < names.length; at += 150) await submit(ada, at, names.slice(at, at + 150));
    expect(namesOf(await since(ada, 0))).toEqual(names);
    expect(namesOf(await since(ada, 129))).toEqual(names.slice(129));
  });

  test("[SP7] at the head and beyond it there is nothing", async () => {
    const ada = await join(await start(), "ada");
    expect(await since(ada, 0)).toMatchObject({ version: 0, steps: [], clientIDs: [], head: 0 });
    await submit(ada, 0, ["x"]);
    for (const version of [1, 2, 2 ** 53 - 1])
      expect(await since(ada, version)).toMatchObject({ version, steps: [], head: 1 });
  });

  test("[SP8] what is not durable is not read", async () => {
    const topic = createTestTopic({ topic: TOPIC });
    const room = await steps("steps:{id}").open(topic);
    const ada = createTestMember("ada");
    const send = async (command: string, input: unknown) =>
      room.onMessage(ada, { type: "call", command, input });
    topic.holdWrites();
    const submitting = send("submit", inputOf(0, ["x"]));
    expect(await send("since", { version: 0 })).toMatchObject({ steps: [], head: 0 });
    expect(await room.onSubscribe?.(ada, undefined)).toEqual({ head: 0 });
    topic.releaseWrites();
    await submitting;
    expect(await send("since", { version: 0 })).toMatchObject({ steps: [{ name: "x" }], head: 1 });
    expect(await room.onSubscribe?.(ada, undefined)).toEqual({ head: 1, mode: "steps" });
  });

  test("[SP9] another epoch is refused, and told", async () => {
    const ada = await join(await start(), "ada");
    const { epoch } = await submit(ada, 0, ["x"]);
    expect(await since(ada, 0, epoch)).toMatchObject({ steps: [{ name: "x" }], epoch });
    expect(await since(ada, 0, "other")).toMatchObject({ steps: [], head: 1, epoch });
    const other = { ...inputOf(1, ["y"]), epoch: "other" };
    expect(await call(ada, "submit", other)).toEqual({ accepted: false, head: 1, epoch });
    expect(await call(ada, "submit", { ...other, epoch })).toMatchObject({ accepted: true });
  });
});
