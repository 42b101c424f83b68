import { createTestServer, type Probe, probe, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

async function start(options: Partial<TestServerOptions> & { board?: Probe } = {}) {
  const { board = probe("board:{id}", { history: {} }), ...rest } = options;
  const server = await createTestServer({ topics: { board }, ...rest });
  onTestFinished(() => server.close());
  return { server, board };
}

/** Ada's session with a subscription, her connection cut. */
async function lost() {
  const { server, board } = await start();
  const ada = await server.connect("ada");
  const welcome = await ada.next("welcome");
  await ada.ask({ type: "subscribe", topic: "board:1" });
  await ada.ask({ type: "publish", topic: "board:1", event: "e", payload: 1 });
  server.linkOf(ada).cut({ clientAfterMs: 0, serverAfterMs: 0 });
  await server.settle();
  return { server, board, welcome };
}

describe("resuming", () => {
  test("[W3] [G3] [G4] [G7] a session goes on with its id and subscriptions, and pushes follow only a new subscribe", async () => {
    const { server, board, welcome } = await lost();
    await server.app.publish("board:1", "e", 2);
    const ada = await server.connect("ada", { resume: welcome.resumeToken });
    expect(await ada.next("welcome")).toMatchObject({ resumed: true, sessionId: welcome.sessionId });
    await server.app.publish("board:1", "e", 3);
    await server.app.publish("board:1", "ephemeral", 0);
    await server.settle();
    expect(ada.all("push")).toEqual([]);
    expect(board.events).toEqual(
      ["subscribe", "detached", "attached"].map((what) => `${what} ${welcome.sessionId}`),
    );
    const { position } = await ada.ask<{ position: { epoch: string } }>({
      type: "subscribe",
      topic: "board:1",
    });
    const since = { epoch: position.epoch, offset: 1 };
    expect(await ada.ask({ type: "subscribe", topic: "board:1", since })).toMatchObject({
      recovered: true,
      position: since,
    });
    await server.settle();
    expect(ada.all("push").map(({ payload }) => payload)).toEqual([2, 3]);
  });

  test("[G7] a topic that is not wanted any more can be unsubscribed", async () => {
    const { server, board, welcome } = await lost();
    const ada = await server.connect("ada", { resume: welcome.resumeToken });
    expect(await ada.request({ type: "unsubscribe", topic: "board:1" })).toMatchObject({ ok: true });
    expect(board.events.at(-1)).toBe(`unsubscribe ${welcome.sessionId}`);
  });

  test("[G4] another user with the token gets a session of their own, and the owner's waits out its window", async () => {
    const { server, welcome } = await lost();
    const bob = await server.connect("bob", { resume: welcome.resumeToken });
    const told = await bob.next("welcome");
    expect(told).toMatchObject({ resumed: false, user: "bob" });
    expect(told.sessionId).not.toBe(welcome.sessionId);
    const ada = await server.connect("ada", { resume: welcome.resumeToken });
    expect(await ada.next("welcome")).toMatchObject({ resumed: true, sessionId: welcome.sessionId });
  });

  test.each([
    ["tenant", { tenant: "acme" }],
    ["kind", { kind: "service" }],
  ] as const)("[G4] the same id of another %s is somebody else", async (_name, more) => {
    const { server, welcome } = await lost();
    const other = await server.connect("ada", {
      resume: welcome.resumeToken,
      token: server.issue("ada", more),
    });
    expect(await other.next("welcome")).toMatchObject({ resumed: false });
  });

  test("[G5] a resume token works once; the one of the new welcome replaces it", async () => {
    const { server, welcome } = await lost();
    const ada = await server.connect("ada", { resume: welcome.resumeToken });
    const second = await ada.next("welcome");
    expect(second.resumeToken).not.toBe(welcome.resumeToken);
    const thief = await server.connect("ada", { resume: welcome.resumeToken });
    expect(await thief.next("welcome")).toMatchObject({ resumed: false });
    expect(ada.closed).toBeUndefined();
    const again = await server.connect("ada", { resume: second.resumeToken });
    expect(await again.next("welcome")).toMatchObject({ resumed: true, sessionId: welcome.sessionId });
  });

  test("[G3] after the window there is nothing to resume, and the room has been told", async () => {
    const { server, board, welcome } = await lost();
    await server.settle(59_900);
    expect(board.events.at(-1)).toBe(`detached ${welcome.sessionId}`);
    await server.settle(200);
    expect(board.events).toContain(`unsubscribe ${welcome.sessionId}`);
    const ada = await server.connect("ada", { resume: welcome.resumeToken });
    expect(await ada.next("welcome")).toMatchObject({ resumed: false });
  });

  test("[G3] a close 1000 of the client ends the session at once", async () => {
    const { server, board } = await start();
    const ada = await server.connect("ada");
    const { resumeToken, sessionId } = await ada.next("welcome");
    await ada.ask({ type: "subscribe", topic: "board:1" });
    ada.close(1000);
    await server.settle();
    expect(board.events.at(-1)).toBe(`unsubscribe ${sessionId}`);
    const back = await server.connect("ada", { resume: resumeToken });
    expect(await back.next("welcome")).toMatchObject({ resumed: false });
  });

  test("[G6] the old connection of a resumed session, if still open, is closed with 4409", async () => {
    const { server, board } = await start();
    const old = await server.connect("ada");
    const { resumeToken, sessionId } = await old.next("welcome");
    await old.ask({ type: "subscribe", topic: "board:1" });
    const ada = await server.connect("ada", { resume: resumeToken });
    expect(await ada.next("welcome")).toMatchObject({ resumed: true, sessionId });
    expect((await old.ended()).code).toBe(4409);
    await ada.ask({ type: "subscribe", topic: "board:1" });
    await server.app.publish("board:1", "e", 1);
    await ada.next("push");
    expect([old.all("push"), board.events.includes(`unsubscribe ${sessionId}`)]).toEqual([[], false]);
    // The end of the old connection did not detach the session from the new one.
    await server.settle(70_000);
    await ada.ask({ type: "publish", topic: "board:1", event: "e" });
  });

  test("[G8] recovering does not need the session", async () => {
    const { server } = await lost();
    await server.app.publish("board:1", "e", 2);
    const ada = await server.connect("ada");
    const { position } = await ada.ask<{ position: { epoch: string } }>({
      type: "subscribe",
      topic: "board:1",
    });
    await ada.ask({ type: "subscribe", topic: "board:1", since: { epoch: position.epoch, offset: 1 } });
    expect((await ada.next("push")).payload).toBe(2);
  });

  test("[G7] a subscribe that was under way when the connection was lost pushes nothing to the next one", async () => {
    let finish: () => void = () => {};
    const board = probe("board:{id}", {
      history: {},
      snapshot: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    });
    const { server } = await start({ board });
    const old = await server.connect("ada");
    const { resumeToken } = await old.next("welcome");
    old.send({ type: "subscribe", ref: 1, topic: "board:1" });
    await server.settle();
    const ada = await server.connect("ada", { resume: resumeToken });
    await ada.next("welcome");
    finish();
    await server.settle();
    await server.app.publish("board:1", "e", 1);
    await server.app.publish("board:1", "ephemeral", 2);
    await server.settle();
    expect(ada.received).toHaveLength(1);
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    await server.settle();
    finish();
    await ada.next("reply");
    await server.app.publish("board:1", "e", 3);
    expect((await ada.next("push")).payload).toBe(3);
  });

  test("[G3] a subscribe under way when the session ends leaves nobody behind in the room", async () => {
    let finish: () => void = () => {};
    const board = probe("board:{id}", {
      authorize: () =>
        new Promise((resolve) => {
          finish = () => resolve("controller");
        }),
    });
    const { server } = await start({ board });
    const ada = await server.connect("ada");
    ada.send({ type: "subscribe", ref: 1, topic: "board:1" });
    await server.settle();
    ada.close(1000);
    await server.settle();
    finish();
    await server.settle();
    finish();
    await server.settle();
    expect(board.events).toEqual([]);
    expect(server.app.stats()).toMatchObject({ sessions: 0, subscriptions: 0 });
    await server.settle(11_000);
    expect(server.app.stats().rooms).toBe(0);
  });
});
