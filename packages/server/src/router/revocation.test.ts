import { createTestServer, probe, type RawClient, type TestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

const record = {
  tenant: "default",
  clearance: 0,
  owner: "owner",
  editors: ["ada", "bob"],
  viewers: [],
  openToTenant: false,
};

async function start() {
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board }, resources: "strict" });
  onTestFinished(async () => {
    board.release();
    await server.close();
  });
  for (const topic of ["board:1", "board:2"]) await server.app.records.set({ ...record, topic });
  return { server, board };
}

const takeOff = (server: TestServer, topic = "board:1") =>
  server.app.records.set({ ...record, topic, editors: ["bob"] });

async function joined(server: TestServer, user: string): Promise<RawClient> {
  const client = await server.connect(user);
  for (const topic of ["board:1", "board:2"]) await client.ask({ type: "subscribe", topic });
  return client;
}

describe("access that is taken away", () => {
  test("[T6] [S9] [S10] [S1] ends the subscription with unsubscribed, the last message of the topic", async () => {
    const { server, board } = await start();
    const [ada, bob] = [await joined(server, "ada"), await joined(server, "bob")];
    const { sessionId } = await ada.next("welcome");
    await takeOff(server);
    expect(await ada.next("unsubscribed")).toMatchObject({ topic: "board:1", error: { code: "REVOKED" } });
    await server.app.publish("board:1", "e", 1);
    await server.app.publish("board:1", "ephemeral", 1);
    await server.app.publish("board:2", "e", 2);
    await server.settle();
    expect(ada.all("push").map(({ topic }) => topic)).toEqual(["board:2"]);
    expect(bob.all("push")).toHaveLength(3);
    expect(board.events).toContain(`unsubscribe ${sessionId}`);
    for (const type of ["subscribe", "publish"])
      expect(await ada.request({ type, topic: "board:1", event: "e" })).toMatchObject({
        error: { code: "FORBIDDEN" },
      });
  });

  test("[S9] what waited for the connection has been taken back", async () => {
    const { server } = await start();
    const ada = await joined(server, "ada");
    const link = server.linkOf(ada);
    link.stall(true);
    // The first ones fill the socket; what follows waits in the outbox.
    for (let n = 1; n <= 20; n += 1) {
      await server.app.publish("board:1", "e", { n, filler: "x".repeat(20_000) });
      await server.app.publish("board:2", "e", { n });
    }
    await takeOff(server);
    await server.settle();
    link.stall(false);
    await server.settle(100);
    const of = (topic: string) => ada.all("push").filter((push) => push.topic === topic);
    expect(of("board:1").length).toBeLessThan(10);
    expect(of("board:2")).toHaveLength(20);
    const [notice] = ada.all("unsubscribed");
    const last = ada.received.findLastIndex((message) => "topic" in message && message.topic === "board:1");
    expect(ada.received[last]).toBe(notice);
  });

  test("[T7] a subscribe that is being answered meanwhile does not slip through", async () => {
    for (const steps of [0, 1, 2, 3, 4, 5]) {
      const { server } = await start();
      const ada = await server.connect("ada");
      ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
      server.clock.advance(0);
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      await takeOff(server);
      await server.settle();
      await server.app.publish("board:1", "e", 1);
      await server.settle();
      expect([steps, ada.all("push"), server.app.stats().subscriptions]).toEqual([steps, [], 0]);
    }
  });

  test("[T7] a publish after it is refused, although the session was subscribed a moment ago", async () => {
    const { server } = await start();
    const ada = await joined(server, "ada");
    await ada.ask({ type: "publish", topic: "board:1", event: "e" });
    await takeOff(server);
    expect(await ada.request({ type: "publish", topic: "board:1", event: "e" })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    expect(await ada.request({ type: "call", topic: "board:1", command: "echo" })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
  });

  test("[T6] a record that is deleted ends every subscription of its topic", async () => {
    const { server } = await start();
    const [ada, bob] = [await joined(server, "ada"), await joined(server, "bob")];
    await server.app.records.delete("board:1");
    for (const client of [ada, bob]) await client.next("unsubscribed", { topic: "board:1" });
  });

  test("[T6] a detached session loses it too, and finds out when it asks", async () => {
    const { server } = await start();
    const ada = await joined(server, "ada");
    const { resumeToken } = await ada.next("welcome");
    server.linkOf(ada).cut({ clientAfterMs: 0, serverAfterMs: 0 });
    await server.settle();
    await takeOff(server);
    const back = await server.connect("ada", { resume: resumeToken });
    expect(await back.next("welcome")).toMatchObject({ resumed: true });
    expect(await back.request({ type: "subscribe", topic: "board:1" })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    await back.ask({ type: "subscribe", topic: "board:2" });
  });

  test("a role that changes keeps the subscription and takes what it no longer allows", async () => {
    const { server } = await start();
    const ada = await joined(server, "ada");
    await server.app.records.set({ ...record, topic: "board:1", editors: [], viewers: ["ada"] });
    await server.settle();
    expect(await ada.request({ type: "publish", topic: "board:1", event: "e" })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    await server.app.publish("board:1", "e", 1);
    await ada.next("push");
    expect(ada.all("unsubscribed")).toEqual([]);
  });
});

describe("a principal that is revoked", () => {
  test("[T6] its connections end with REVOKED and 4403, its sessions are gone, and the others stay", async () => {
    const { server, board } = await start();
    const token = server.issue("ada");
    const ada = await server.connect("ada", { token });
    const { resumeToken, sessionId } = await ada.next("welcome");
    await ada.ask({ type: "subscribe", topic: "board:1" });
    const bob = await joined(server, "bob");
    server.linkOf(ada).stall(true);
    for (let n = 1; n <= 10; n += 1) await server.app.publish("board:1", "e", "x".repeat(20_000));
    await server.app.revocations.revokePrincipal({ tenant: "default", id: "ada" });
    await server.settle();
    server.linkOf(ada).stall(false);
    expect(await ada.ended()).toMatchObject({ code: 4403, reason: expect.stringMatching(/^REVOKED: /) });
    expect(board.events).toContain(`unsubscribe ${sessionId}`);
    expect(ada.all("push").length).toBeLessThan(10);
    expect(bob.closed).toBeUndefined();
    const again = await server.connect("ada", { token, resume: resumeToken });
    expect((await again.ended()).code).toBe(4403);
    const iat = server.clock.nowMs() / 1000 + 1;
    const fresh = await server.connect("ada", {
      token: server.issue("ada", { claims: { iat } }),
      resume: resumeToken,
    });
    expect(await fresh.next("welcome")).toMatchObject({ resumed: false });
  });
});
